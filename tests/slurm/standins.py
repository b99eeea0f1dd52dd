"""The simulated wall time of a study beside a real one: its whole graph on the test cluster, with sleeping stand-ins.

``python -m tests.slurm.standins results/digits --factor 10``: every training job sleeps ten times as long as that
study's run took and then copies its files. Starts the cluster of cluster.sh and stops it.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from kdbench.overlay import load_config
from kdbench.plan import Plan
from kdbench.report.simulation import measured_jobs
from kdbench.schedule import Job, makespan
from tests.conftest import DIGITS, ROOT, copy_project

CLUSTER = Path(__file__).parent / "cluster.sh"
GPUS = 6

# Loaded by every Python that finds it: takes the place of the commands that compute.
STAND_IN = """
import json, os, shutil, sys, time
if sys.orig_argv[1:3] == ["-m", "kdbench"] and sys.orig_argv[3] in ("train", "outputs"):
    verb, source = sys.orig_argv[3], os.environ["STAND_IN_SOURCE"]
    results = sys.orig_argv[sys.orig_argv.index("--results") + 1]
    run = json.loads(sys.orig_argv[4])
    place = f"runs/{run['name']}/seed{run['seed']}"
    if verb == "train":
        with open(f"{source}/{place}/metrics.json") as file:
            time.sleep(json.load(file)["seconds"] * float(os.environ["STAND_IN_FACTOR"]))
    for name in os.listdir(f"{source}/{place}"):
        if name.startswith("outputs-") == (verb == "outputs"):
            shutil.copyfile(f"{source}/{place}/{name}", f"{results}/{place}/{name}")
    os._exit(0)
"""


def measured(folder: Path, target: str, source: Path, factor: float) -> float:
    """Wall seconds of the study up to ``target`` on the cluster."""
    environment = {**os.environ, "PYTHONPATH": f"{folder / 'stand-in'}:{ROOT}:{os.environ.get('PYTHONPATH', '')}"}
    environment |= {"STAND_IN_SOURCE": str(source.resolve()), "STAND_IN_FACTOR": str(factor)}
    study = ["--workflow-profile", "profiles/slurm", *DIGITS, "--config", "device=auto"]
    begun = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "snakemake", f"results/digits/{target}", *study], cwd=folder, env=environment, check=True
    )
    return time.monotonic() - begun


def project(folder: Path) -> Path:
    folder.mkdir()
    copy_project(folder)
    (folder / "stand-in").mkdir()
    (folder / "stand-in/sitecustomize.py").write_text(STAND_IN)
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.slurm.standins", description=__doc__)
    parser.add_argument("results", type=Path, help="results folder of the finished digits study")
    parser.add_argument("--factor", type=float, default=10.0)
    given = parser.parse_args()
    plan = Plan(load_config(["config.yaml", DIGITS[1]]))
    subprocess.run([CLUSTER, "down"], check=True)
    subprocess.run([CLUSTER, "up"], check=True)
    try:
        with tempfile.TemporaryDirectory() as place:
            # What a job costs beyond its own work: a chain of three that do nothing.
            target = "runs/teacher/seed1/outputs-teacher.safetensors"
            overhead = measured(project(Path(place) / "idle"), target, given.results, 0.0) / 3
            real = measured(project(Path(place) / "study"), "results.csv", given.results, given.factor)
    finally:
        subprocess.run([CLUSTER, "down"], check=True)
    jobs = {
        name: Job(job.seconds * given.factor + overhead, job.parents)
        for name, job in measured_jobs(plan, given.results, 0.0).items()
    }
    simulated = makespan(jobs, GPUS)
    print(f"a job costs {overhead:.1f} s beyond its work; one GPU would take {makespan(jobs, 1):.0f} s")
    print(f"{GPUS} GPUs: measured {real:.0f} s, simulated {simulated:.0f} s: {simulated / real - 1:+.1%}")


if __name__ == "__main__":
    main()
