"""Runs side by side share a machine's GPUs: never more on one than it has slots, none left idle, none held for ever."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest

from kdbench.classroom.lease import visible_gpus
from tests.conftest import DIGITS, ROOT
from tests.torture import start

HOLD = """
import os, sys, time
from kdbench.classroom.lease import lease_gpu, visible_gpus
lease_gpu(visible_gpus(0), int(sys.argv[1]))
print(os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
time.sleep(float(sys.argv[2]))
"""


@pytest.fixture
def hold(tmp_path):
    """Start a process that leases one of two pretend GPUs and keeps it for so many seconds."""
    started = []

    def start(slots=1, seconds=60.0, **environment):
        variables = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path), "CUDA_VISIBLE_DEVICES": "0,1"}
        variables.pop("SLURMD_NODENAME", None)
        command = [sys.executable, "-c", HOLD, str(slots), str(seconds)]
        process = subprocess.Popen(
            command, env=variables | environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def leased(process):
    return process.stdout.readline().strip()


def test_each_process_gets_a_gpu_of_its_own(hold):
    assert {leased(hold()), leased(hold())} == {"0", "1"}


def test_a_process_waits_where_all_gpus_are_taken_and_says_so(hold):
    first, second = hold(seconds=1.5), hold()
    assert {leased(first), leased(second)} == {"0", "1"}
    third = hold()
    assert third.stderr.readline().strip() == "waiting for a free GPU among 0, 1"
    assert first.poll() is None
    assert leased(third) != ""
    assert first.wait() == 0


def test_a_gpu_is_free_again_however_its_process_ends(hold):
    first, second = hold(), hold()
    taken = leased(first)
    leased(second)
    first.send_signal(signal.SIGKILL)
    assert leased(hold()) == taken


def test_several_processes_share_a_gpu_that_has_slots_and_spread_over_gpus_first(hold):
    order = [leased(hold(slots=2)) for _ in range(4)]
    assert set(order[:2]) == {"0", "1"}
    assert sorted(order) == ["0", "0", "1", "1"]


def test_the_gpus_are_those_that_the_user_left_visible(hold):
    assert leased(hold(CUDA_VISIBLE_DEVICES="3")) == "3"
    assert leased(hold(CUDA_VISIBLE_DEVICES="GPU-1a,GPU-2b")) == "GPU-1a"


def test_where_slurm_has_chosen_the_gpu_is_taken_as_it_is(hold):
    processes = [hold(CUDA_VISIBLE_DEVICES="0", SLURMD_NODENAME="node1") for _ in range(3)]
    assert [leased(process) for process in processes] == ["0", "0", "0"]


def test_within_a_slurm_job_of_several_gpus_each_process_gets_its_own(hold):
    inside = {"CUDA_VISIBLE_DEVICES": "0,1", "SLURMD_NODENAME": "node1"}
    of_one_job = [hold(**inside, SLURM_JOB_ID="7") for _ in range(2)]
    assert sorted(leased(process) for process in of_one_job) == ["0", "1"]
    assert leased(hold(**inside, SLURM_JOB_ID="8")) == "0"  # another job's GPU 0 is another GPU


@pytest.mark.parametrize(
    ("named", "expected"), [(None, ["0", "1"]), ("", []), ("-1", []), ("1", ["1"]), (" 2, 0", ["2", "0"])]
)
def test_visible_gpus_are_read_as_cuda_reads_them(monkeypatch, named, expected):
    monkeypatch.delenv("SLURMD_NODENAME", raising=False)
    if named is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
    assert visible_gpus(2) == expected


def holders(folder):
    """Which process holds each pretend GPU now: the system's own list of locks."""
    gpus = {path.stat().st_ino: path.name.split("-")[2] for path in folder.glob("kdbench-gpu-*.lock")}
    held = []
    with open("/proc/locks") as locks:
        for line in locks:
            fields = line.split()
            if fields[1] == "FLOCK" and (gpu := gpus.get(int(fields[5].split(":")[2]))):
                held.append((gpu, int(fields[4])))
    return held


@pytest.mark.skipif(not os.path.exists("/proc/locks"), reason="this system does not list its locks")
def test_a_study_with_two_gpus_keeps_both_busy_and_never_doubles_one(clone, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    monkeypatch.delenv("SLURMD_NODENAME", raising=False)
    folder = clone("two-gpus")
    study = ("baselines", *DIGITS, "--config", "device=auto", "methods=[scratch]", "seeds=[1, 2, 3]")
    snakemake = start(folder, [*study, "--cores", "4", "--resources", "gpu=2"])
    seen, gpu_of = Counter(), {}
    while snakemake.poll() is None:
        now = holders(tmp_path)
        gpus = [gpu for gpu, _ in now]
        assert len(set(gpus)) == len(gpus) <= 2, now
        for gpu, process in now:
            assert gpu_of.setdefault(process, gpu) == gpu
        seen[len(now)] += 1
        time.sleep(0.02)
    assert snakemake.returncode == 0, (folder / "snakemake.log").read_text()
    runs = Counter(gpu_of.values())
    assert sum(runs.values()) == 1 + 3 * 3, runs
    assert min(runs["0"], runs["1"]) >= 3, runs
    assert seen[2] > seen[1] / 2, f"both held at {seen[2]} moments, one at {seen[1]}"
