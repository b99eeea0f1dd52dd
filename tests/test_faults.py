"""A disk that fills up, and a network file system that shows files late: said plainly, and nothing lost."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import DIGITS
from tests.torture import compare, kept

RUNS = ("scratch-alexnet", "scratch-lenet")
TARGETS = tuple(f"results/digits/runs/{run}/seed1/metrics.json" for run in RUNS)

# Loaded by every Python that finds it: a training process's results appear four seconds after it wrote them.
LATE = """
import os, subprocess, sys
if sys.orig_argv[1:4] == ["-m", "kdbench", "train"]:
    at_once = os.replace
    def replace(source, target):
        if not str(target).endswith(("metrics.json", "history.csv", ".npz", ".safetensors")):
            return at_once(source, target)
        os.rename(source, f"{target}.late")
        subprocess.Popen(["sh", "-c", f"sleep 4; mv '{target}.late' '{target}'"], start_new_session=True)
    os.replace = replace
"""


def of_runs(folder: Path) -> dict[str, object]:
    found = kept(folder / "results/digits")
    return {name: content for name, content in found.items() if name.startswith(RUNS)}


@pytest.fixture
def disk(clone):
    """A copy of the project whose results lie on a disk of their own, mounted with these options."""
    mounted = []

    def mount(options: str) -> Path:
        folder = clone("disk")
        place = folder / "results"
        place.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
        if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode:
            pytest.skip("mounting a disk needs root")
        mounted.append(place)
        return folder

    yield mount
    for place in mounted:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_full_disk_is_said_and_the_study_goes_on_once_there_is_room(disk, demo, snakemake):
    folder = disk("size=512k")
    done = snakemake(folder, *TARGETS, *DIGITS, check=False)
    assert done.returncode == 1
    assert "no space left on the disk: free some and run the same command again" in done.stdout + done.stderr
    subprocess.run(["mount", "-o", "remount,size=200m", str(folder / "results")], check=True)
    snakemake(folder, *TARGETS, *DIGITS)
    compare(of_runs(folder), of_runs(demo))
    assert not list((folder / "results").rglob("*.tmp"))


def test_a_read_only_disk_is_said_before_anything_runs(disk, snakemake):
    folder = disk("ro")
    done = snakemake(folder, *TARGETS, *DIGITS, check=False)
    assert done.returncode == 2
    assert "kdbench: results/digits: the file system is read-only: choose another results folder" in done.stderr
    assert " started" not in done.stdout + done.stderr


@pytest.mark.parametrize(("patience", "status"), [(0, 1), (30, 0)])
def test_files_that_appear_late_are_waited_for(clone, demo, tmp_path, snakemake, monkeypatch, patience, status):
    folder = clone("late")
    (tmp_path / "sitecustomize.py").write_text(LATE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    done = snakemake(folder, TARGETS[1], *DIGITS, "--latency-wait", str(patience), check=False)
    assert done.returncode == status, done.stdout + done.stderr
    if status == 0:
        expected = {name: content for name, content in of_runs(demo).items() if "lenet" in name}
        compare(of_runs(folder), expected)
    else:
        assert "latency-wait" in done.stdout + done.stderr
