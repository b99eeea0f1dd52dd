"""How long a training job takes to its first optimiser step, and how much memory it takes.

Each job is a process of its own, started as the workflow starts it. One student's job is also followed to its end, for
one epoch, since evaluation may take more memory than training.
"""

import argparse
import functools
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from benchmarks import workbench
from kdbench.data.store import load_packed
from kdbench.files import write_with
from kdbench.run import Run

STEPS = 20  # by then the optimiser's state and the allocator's pools are as large as they get
TEACHER = "resnet8"  # whose logits are stored matters to no student's cost


def default_runs() -> list[str]:
    return [f"{method}-{student}" for method in ("scratch", "vanilla") for student in workbench.students()] + ["peer"]


def results_folder(images: int) -> Path:
    """A study's folder with what the jobs read: ``images`` for training, a fifth for testing, a teacher's logits."""
    data = workbench.packed_images(images)
    results = workbench.FOLDER / f"start-{data.digest[:8]}"
    for split, count in (("train", images), ("test", images // 5)):
        path = results / "data" / f"{split}.safetensors"
        if not path.exists():
            workbench.write_images(path, count)
    packed = load_packed(results / "data" / "train.safetensors")
    stored = workbench.stored_logits(TEACHER, packed)
    for mentor in workbench.planned("peer").mentors:
        mentor.outputs_path(results).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(mentor.outputs_path(stored), mentor.outputs_path(results))
    return results


def one_epoch(run: Run) -> Run:
    return run.model_copy(update={"training": run.training.model_copy(update={"epochs": 1})})


def timed_job(run: Run, results: Path, steps: int, threads: int) -> dict[str, float]:
    """Seconds from the start of a job's process to its first step and to its exit, and its peak memory in MiB.

    ``steps``: after how many it exits; 0: at the job's end. Raises RuntimeError where the job fails.
    """
    job = ["train", run.model_dump_json(), "--results", str(results), "--threads", str(threads)]
    command = [sys.executable, "-m", "benchmarks.first_step", str(steps), *job]
    start = time.time()
    child = subprocess.run(command, cwd=workbench.ROOT, capture_output=True, text=True)
    seconds = time.time() - start
    if child.returncode:
        raise RuntimeError(f"{run.name} ended with {child.returncode}: {child.stderr}")
    found = json.loads(child.stdout.splitlines()[-1])
    return {
        "seconds_to_first_step": round(found["first_step_at"] - start, 3),
        "seconds": round(seconds, 3),
        "peak_mb": round(found["peak_mb"], 1),
    }


def measure(names: list[str], whole: str, images: int, repeats: int, threads: int) -> pd.DataFrame:
    """A row per run and repeat, interleaved; ``whole`` is the run that is also followed to its end."""
    results = results_folder(images)
    jobs = [(workbench.planned(name), f"{STEPS} steps", STEPS) for name in names]
    jobs.append((one_epoch(workbench.planned(whole)), "the end", 0))
    rows: list[dict[str, Any]] = []
    for repeat in range(1, repeats + 1):
        for run, until, steps in jobs:
            found = timed_job(run, results, steps, threads)
            rows.append({"run": run.name, "until": until, "repeat": repeat, **found, "images": images})
    return pd.DataFrame(rows).assign(threads=threads, torch=str(torch.__version__))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.csv")
    parser.add_argument("--runs", nargs="+", default=default_runs(), help="default: each student's, and peer")
    parser.add_argument("--whole", default="vanilla-lenet", help="the run followed to its end (default: vanilla-lenet)")
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="of each job (default: 1, as in config.yaml)")
    given = parser.parse_args(arguments)
    found = measure(given.runs, given.whole, given.images, given.repeats, given.threads)
    write_with(given.out, functools.partial(found.to_csv, index=False))


if __name__ == "__main__":
    main()
