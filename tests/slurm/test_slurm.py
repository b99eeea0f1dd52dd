"""The study on a real Slurm: three nodes on this machine, the profile that users edit, and all that breaks there.

Needs root and Debian's packages munge, slurmctld, slurmd and slurm-client; skipped elsewhere.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.torture import BASELINES, compare, kept

CLUSTER = Path(__file__).parent / "cluster.sh"
NEEDED = ("munge", "slurmctld", "slurmd", "sbatch")
STUDY = ("--workflow-profile", "profiles/slurm", "--configfile", "presets/digits.yaml", "--config", "device=auto")
missing = [name for name in NEEDED if not shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")]

pytestmark = [
    pytest.mark.skipif(bool(missing), reason=f"no Slurm here: {', '.join(missing)} not installed"),
    pytest.mark.skipif(os.geteuid() != 0, reason="starting a Slurm cluster needs root"),
    pytest.mark.slurm,
]


@pytest.fixture(scope="module")
def cluster():
    """Do something to the cluster: up, crash NODE, revive NODE, restart."""

    def act(*action: str) -> None:
        subprocess.run([str(CLUSTER), *action], check=True, capture_output=True, text=True)

    act("down")
    act("up")
    yield act
    act("down")


@pytest.fixture
def study(clone):
    """A copy of the project, and its study started on the cluster."""
    folder = clone("slurm")

    def start(*arguments: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "snakemake", *arguments, *STUDY]
        log = (folder / "snakemake.log").open("a")
        return subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT, text=True)

    return folder, start


def jobs() -> list[dict[str, str]]:
    """What Slurm knows of every job it has run."""
    done = subprocess.run(["scontrol", "-o", "-d", "show", "jobs"], capture_output=True, text=True, check=True)
    return [dict(re.findall(r"(\w+)=(\S*)", line)) for line in done.stdout.splitlines()]


def running(node: str | None = None) -> list[dict[str, str]]:
    return [job for job in jobs() if job.get("JobState") == "RUNNING" and node in (None, job.get("NodeList"))]


def await_training(folder: Path, node: str | None = None) -> dict[str, str]:
    """Wait until a job (on ``node``) has trained an epoch; give what Slurm knows of one that runs there."""
    for _ in range(600):
        training = list(folder.glob("results/digits/runs/*/seed*/progress.json"))
        if training and (found := running(node)):
            return found[0]
        time.sleep(0.1)
    raise AssertionError(f"nothing trains: {jobs()}\n{(folder / 'snakemake.log').read_text()[-3000:]}")


def of_baselines(results: Path) -> dict[str, object]:
    """What must be the same of the runs that the target `baselines` makes."""
    return {name: content for name, content in kept(results).items() if name.startswith(BASELINES)}


def finished(folder: Path, snakemake: subprocess.Popen[str]) -> None:
    assert snakemake.wait(timeout=600) == 0, (folder / "snakemake.log").read_text()[-5000:]


def gpus_in_use() -> list[tuple[str, str]]:
    """Node and number of the GPU of every job that runs now and has one."""
    found = ((job["NodeList"], re.search(r"IDX:(\d+)", job.get("GRES", ""))) for job in running())
    return [(node, index[1]) for node, index in found if index]


def test_the_study_is_spread_over_the_nodes_and_no_gpu_has_two_jobs_and_all_is_as_on_one_machine(cluster, study, demo):
    folder, start = study
    snakemake, used = start(), Counter()
    while snakemake.poll() is None:
        now = gpus_in_use()
        assert len(set(now)) == len(now), now
        used.update(now)
        time.sleep(0.5)
    finished(folder, snakemake)
    compare(kept(folder / "results/digits"), kept(demo / "results/digits"))
    assert {node for node, _ in used} == {"n1", "n2", "n3"}, used
    assert len(used) == 6, used


def test_a_crashed_node_a_cancelled_job_and_a_restarted_controller_cost_time_and_nothing_else(cluster, study, demo):
    folder, start = study
    snakemake = start("baselines")
    cancelled = await_training(folder)["JobId"]
    subprocess.run(["scancel", cancelled], check=True)
    time.sleep(10)
    cluster("restart")
    victim = await_training(folder)
    crashed = victim["NodeList"]
    cluster("crash", crashed)
    time.sleep(15)
    cluster("revive", crashed)
    finished(folder, snakemake)
    compare(of_baselines(folder / "results/digits"), of_baselines(demo / "results/digits"))
    ended = {job["JobId"]: job for job in jobs()}
    assert ended[cancelled]["JobState"] == "CANCELLED"
    assert int(ended[victim["JobId"]]["Restarts"]) >= 1, ended[victim["JobId"]]


def test_a_snakemake_killed_on_the_login_node_is_started_again_while_its_jobs_still_run(cluster, study, demo):
    folder, start = study
    first = start("baselines")
    await_training(folder)
    first.kill()
    first.wait()
    assert running()
    finished(folder, start("baselines"))
    compare(of_baselines(folder / "results/digits"), of_baselines(demo / "results/digits"))
