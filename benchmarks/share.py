"""How much of a study's wall time is training: a preset, run whole by Snakemake into a folder of its own.

``share``: seconds of training x threads, of what the wall seconds x cores would have held. ``other_seconds_per_job``:
the rest, in seconds of a core for each job: starting Python and torch, evaluation, the report, cores left idle.
"""

import argparse
import functools
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from snakemake.utils import available_cpu_count

from kdbench.files import write_with

ROOT = Path(__file__).parent.parent


def timed_study(configfile: Path, results: Path, cores: int) -> float:
    """Seconds that Snakemake takes for the whole of the preset; raises CalledProcessError where it fails."""
    overlay = results.parent / "overlay.yaml"
    overlay.write_text(yaml.safe_dump({"pathvars": {"results": str(results)}}))
    command = [sys.executable, "-m", "snakemake", "--cores", str(cores)]
    start = time.perf_counter()
    subprocess.run([*command, "--configfile", str(configfile.absolute()), str(overlay)], cwd=ROOT, check=True)
    return time.perf_counter() - start


def training_seconds(results: Path) -> float:
    """Seconds of a core that the epochs of all runs took."""
    metrics = [json.loads(path.read_text()) for path in results.glob("runs/*/seed*/metrics.json")]
    return sum(run["seconds"] * run["threads"] for run in metrics)


def jobs(results: Path) -> int:
    """Every job that is a process of its own keeps a log."""
    return len(list(results.glob("logs/**/*.log")))


def shares(results: Path, wall_seconds: float, cores: int) -> dict[str, Any]:
    training, count = training_seconds(results), jobs(results)
    return {
        "cores": cores,
        "jobs": count,
        "wall_seconds": round(wall_seconds, 2),
        "training_seconds": round(training, 2),
        "share": round(training / (wall_seconds * cores), 4),
        "other_seconds_per_job": round((wall_seconds * cores - training) / count, 3),
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--configfile", type=Path, default=ROOT / "presets" / "digits.yaml", metavar="PRESET")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.csv")
    parser.add_argument("--cores", type=int, default=available_cpu_count(), help="default: all")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results"
        wall_seconds = timed_study(given.configfile, results, given.cores)
        found = pd.DataFrame([{"preset": given.configfile.stem, **shares(results, wall_seconds, given.cores)}])
    write_with(given.out, functools.partial(found.to_csv, index=False))


if __name__ == "__main__":
    main()
