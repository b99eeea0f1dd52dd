"""How the cost of planning grows with students and seeds: the plan itself, and ``snakemake -n`` around it.

``plan_seconds``: in this process, from a checked configuration to the settings of every run. ``dry_run_seconds``: a
process of its own, with the start of Python; few of them, since they vary little and grow long.
"""

import argparse
import functools
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import snakemake
import yaml

from kdbench.config import Config, check_config
from kdbench.files import write_with
from kdbench.overlay import merge, read_yaml
from kdbench.plan import Plan

ROOT = Path(__file__).parent.parent  # not the workbench's, which imports torch: planning does without


@dataclass(frozen=True)
class Study:
    """A configuration: config.yaml with ``overlay`` over it, and how often to run Snakemake dry on it."""

    name: str
    overlay: dict[str, Any]
    dry_runs: int

    def config(self) -> Config:
        return check_config(merge(read_yaml(ROOT / "config.yaml"), self.overlay))


def lenets(students: int, seeds: int, dry_runs: int) -> Study:
    overlay = {
        "students": [{"name": f"s{number}", "network": {"name": "lenet"}} for number in range(1, students + 1)],
        "seeds": list(range(1, seeds + 1)),
    }
    return Study(f"{students} students x {seeds} seeds", overlay, dry_runs)


def dry_run(study: Study) -> tuple[float, int]:
    """Seconds of ``snakemake -n`` on a study of which nothing is done, and how many jobs it plans."""
    with tempfile.TemporaryDirectory() as folder:
        overlay, output = Path(folder) / "overlay.yaml", Path(folder) / "output.txt"
        overlay.write_text(yaml.safe_dump(study.overlay | {"pathvars": {"results": f"{folder}/results"}}))
        with output.open("w") as stream:
            command = [sys.executable, "-m", "snakemake", "-n", "--configfile", str(overlay)]
            start = time.perf_counter()
            subprocess.run(command, cwd=ROOT, stdout=stream, stderr=subprocess.STDOUT, check=True)
            seconds = time.perf_counter() - start
        return seconds, planned_jobs(output.read_text())


def planned_jobs(output: str) -> int:
    """The total of Snakemake's table of jobs."""
    total = re.search(r"^total\s+(\d+)\s*$", output, flags=re.MULTILINE)
    if total is None:
        raise ValueError("no total in what snakemake -n printed")
    return int(total[1])


def measure(studies: list[Study], repeats: int) -> pd.DataFrame:
    """A row per study and repeat, interleaved; where Snakemake was not run again, its seconds are missing."""
    configs = {study.name: study.config() for study in studies}
    for config in configs.values():
        list(Plan(config).all_runs())  # recipes are read once a process
    rows: list[dict[str, Any]] = []
    jobs: dict[str, int] = {}
    for repeat in range(1, repeats + 1):
        for study in studies:
            config, dry_run_seconds = configs[study.name], None
            start = time.perf_counter()
            runs = len(list(Plan(config).all_runs()))
            plan_seconds = round(time.perf_counter() - start, 5)
            if repeat <= study.dry_runs:
                seconds, jobs[study.name] = dry_run(study)
                dry_run_seconds = round(seconds, 3)
            rows.append(
                {
                    "configuration": study.name,
                    "students": len(config.students),
                    "seeds": len(config.seeds),
                    "runs": runs,
                    "jobs": jobs.get(study.name),
                    "repeat": repeat,
                    "plan_seconds": plan_seconds,
                    "dry_run_seconds": dry_run_seconds,
                }
            )
    return pd.DataFrame(rows).assign(snakemake=snakemake.__version__)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.csv")
    parser.add_argument("--students", type=int, nargs="+", default=[3, 6, 12])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 5, 20])
    parser.add_argument("--repeats", type=int, default=5, help="of the plan (default: 5)")
    parser.add_argument("--dry-runs", type=int, default=3, help="of config.yaml and the smallest; the others: one")
    given = parser.parse_args(arguments)
    smallest = (min(given.students), min(given.seeds))
    studies = [Study("config.yaml", {}, given.dry_runs)]
    for students in given.students:
        for seeds in given.seeds:
            dry_runs = given.dry_runs if (students, seeds) == smallest else min(given.dry_runs, 1)
            studies.append(lenets(students, seeds, dry_runs))
    found = measure(studies, given.repeats)
    write_with(given.out, functools.partial(found.to_csv, index=False))


if __name__ == "__main__":
    main()
