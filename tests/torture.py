"""Kill a study again and again at random moments, carry on with the plain command each time, see what is left of it.

``python -m tests.torture --kills 50`` (`make torture`) does so to the digits study, in a copy of the project, and
compares it with an undisturbed one, bit by bit. Killed, by SIGKILL, is a training process, Snakemake, or both at once.
Where Snakemake alone dies, its training processes live on beside those that the next one starts: runs execute twice.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.conftest import DIGITS, ROOT, copy_project

BASELINES = ("runs/teacher/", "runs/scratch-", "runs/vanilla-")  # what the target `baselines` makes
VICTIMS = ("training", "snakemake", "both")


@dataclass
class Record:
    """What was done: kills by victim, starts of the plain command, how each ended, and studies finished."""

    kills: Counter[str] = field(default_factory=Counter)
    starts: int = 0
    studies: int = 0
    endings: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0


def kept(results: Path) -> dict[str, object]:
    """All that must be the same, bit by bit, when a study is repeated: each run's figures, history and predictions."""
    found: dict[str, object] = {}
    for metrics in sorted(results.glob("runs/*/seed*/metrics.json")):
        run = metrics.parent
        name = str(run.relative_to(results))
        found[f"{name}/figures"] = json.loads(metrics.read_text())["learners"]
        for path in sorted([*run.glob("history.csv"), *run.glob("predictions-*.npz"), *run.glob("*.safetensors")]):
            found[f"{name}/{path.name}"] = path.read_bytes()
    return found


def start(folder: Path, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    log = (folder / "snakemake.log").open("ab")
    command = [sys.executable, "-m", "snakemake", *arguments]
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True)


def training_processes(snakemake: subprocess.Popen[bytes]) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        children = psutil.Process(snakemake.pid).children(recursive=True)
        return [child for child in children if is_training(child)]
    return []


def is_training(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return "python" in process.name() and "kdbench" in process.cmdline()
    return False


def kill(snakemake: subprocess.Popen[bytes], victim: str, chance: random.Random) -> str | None:
    """Kill what ``victim`` names; gives its name, or None where there was nothing of the kind."""
    training = training_processes(snakemake)
    if victim == "training":
        if not training:
            return None
        training = [chance.choice(training)]
    if victim in ("snakemake", "both"):
        with suppress(ProcessLookupError):
            os.kill(snakemake.pid, signal.SIGKILL)
    if victim in ("training", "both"):
        for process in training:
            with suppress(psutil.Error):
                process.kill()
    return victim


def torture(
    folder: Path,
    arguments: Sequence[str],
    results: Path,
    expected: dict[str, object],
    kills: int,
    seed: int,
    pause: float,
) -> Record:
    """Kill ``kills`` times, each after up to ``pause`` seconds, then let the plain command finish and compare.

    A study that is finished before all kills are done is compared, removed and begun again. Raises AssertionError where
    what is left differs from ``expected``, RuntimeError where the plain command does not finish the study.
    """
    chance, record, begun = random.Random(seed), Record(), time.monotonic()
    process, failures = begin(folder, arguments, record), 0
    while True:
        calm = record.kills.total() >= kills
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=None if calm else chance.uniform(0.2, pause))
        if process.poll() is None:
            killed = kill(process, chance.choice(VICTIMS), chance)
            record.kills.update([killed] if killed else [])
            if killed in (None, "training"):
                continue
        record.endings[process.wait()] += 1
        if process.returncode == 0:
            compare(kept(results), expected)
            record.studies += 1
            if calm:
                record.seconds = time.monotonic() - begun
                return record
            end_all(folder)  # those that outlived their Snakemake
            shutil.rmtree(results)
        elif calm and (failures := failures + 1) == 3:  # the first may still count a killed training as failed
            raise RuntimeError("the study does not finish:\n" + (folder / "snakemake.log").read_text()[-3000:])
        process = begin(folder, arguments, record)


def begin(folder: Path, arguments: Sequence[str], record: Record) -> subprocess.Popen[bytes]:
    record.starts += 1
    return start(folder, arguments)


def end_all(folder: Path) -> None:
    """Kill the training processes that work in ``folder``."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.cwd() == str(folder) and is_training(process):
                process.kill()
                process.wait()


def compare(found: dict[str, object], expected: dict[str, object]) -> None:
    different = [name for name in expected.keys() | found.keys() if found.get(name) != expected.get(name)]
    assert not different, f"not as in the undisturbed study: {', '.join(sorted(different))}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0, help="of the moments and victims")
    parser.add_argument("--pause", type=float, default=16.0, help="the longest, in seconds, between two kills")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = copy_project(Path(place))
        results = folder / "results/digits"
        if start(folder, DIGITS).wait():
            sys.exit((folder / "snakemake.log").read_text())
        expected = kept(results)
        shutil.rmtree(results)
        record = torture(folder, DIGITS, results, expected, given.kills, given.seed, given.pause)
    kills = ", ".join(f"{number} of {victim}" for victim, number in sorted(record.kills.items()))
    endings = ", ".join(f"{number} with {code}" for code, number in sorted(record.endings.items()))
    print(f"kills: {kills}; snakemake started {record.starts} times, ended {endings}; {record.seconds:.0f} s")
    print(f"{record.studies} studies finished, {len(expected)} files and figures of each the same bit by bit")


if __name__ == "__main__":
    main()
