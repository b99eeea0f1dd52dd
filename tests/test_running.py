"""One snakemake a results folder, a folder that can be written to, and clocks that jump."""

import os
import subprocess
import sys
import time

import pytest

from kdbench.errors import KdbenchError
from kdbench.running import check_data, hold, settle_times
from tests.conftest import DIGITS, ROOT

HOLD = (
    "import sys, time; from kdbench.running import hold; hold(sys.argv[1]); print('held', flush=True); time.sleep(60)"
)


@pytest.fixture
def holder(tmp_path):
    """A process that holds a results folder."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "results")], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_held_folder_is_refused_with_the_remedy(holder, tmp_path):
    with pytest.raises(KdbenchError, match="another snakemake writes there: wait until it is done"):
        hold(tmp_path / "results")
    hold(tmp_path / "other results")


def test_a_killed_holder_leaves_nothing_to_unlock(holder, tmp_path):
    holder.kill()
    holder.wait()
    hold(tmp_path / "results")


def test_a_folder_that_holds_a_study_of_other_data_is_refused_and_left_as_it_is(clone, snakemake):
    folder = clone("other-data")
    there = folder / "results/digits/data/dataset.json"
    there.parent.mkdir(parents=True)
    there.write_text('{"source": "fashion-mnist"}')
    done = snakemake(folder, "-n", *DIGITS, check=False)
    assert done.returncode == 2
    assert "kdbench: results/digits: holds a study of fashion-mnist, and this one is of digits: delete" in done.stderr
    elsewhere = ["--config", "pathvars={results: results/mine}"]
    assert snakemake(folder, "-n", "--quiet", *DIGITS, *elsewhere).returncode == 0
    check_data(folder / "results/digits", "fashion-mnist")
    there.write_text("half a fi")
    check_data(folder / "results/digits", "digits")


def test_a_second_snakemake_ends_at_once_and_disturbs_nothing(clone, snakemake):
    folder = clone("twice")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "snakemake", "results/digits/runs/scratch-lenet/seed1/metrics.json", *DIGITS]
    first = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    while not (folder / "results/digits/.running").exists():
        assert first.poll() is None
        time.sleep(0.05)
    second = snakemake(folder, "baselines", *DIGITS, check=False)
    assert second.returncode == 2
    assert "kdbench: results/digits: another snakemake writes there" in second.stderr
    output, _ = first.communicate()
    assert first.returncode == 0, output


def test_a_results_folder_that_cannot_be_made_is_said_in_one_line(clone, snakemake):
    folder = clone("no-folder")
    (folder / "results").write_text("a file where the folder should be")
    done = snakemake(folder, "baselines", *DIGITS, check=False)
    assert done.returncode == 2
    assert "kdbench: results: a file stands where a folder should: choose another results folder" in done.stderr


def test_files_from_the_future_are_moved_before_the_others_in_their_order(tmp_path, capsys):
    shifts = {"runs/first": 80000, "runs/second": 86400, "past": -86400}
    (tmp_path / "runs").mkdir()
    for name, shift in shifts.items():
        (tmp_path / name).write_text("kept")
        os.utime(tmp_path / name, (time.time() + shift, time.time() + shift))
    before = (tmp_path / "past").stat().st_mtime
    settle_times(tmp_path)
    assert "2 files were dated up to" in capsys.readouterr().err
    first, second, past = ((tmp_path / name).stat().st_mtime for name in shifts)
    assert first < second < past == before
    assert second - first == pytest.approx(6400, abs=1)
    settle_times(tmp_path)
    assert capsys.readouterr().err == ""


def test_a_study_made_by_a_clock_that_ran_ahead_is_continued_and_not_repeated(half_done, snakemake):
    """The clock was a day ahead while the data and the teacher were made, then set right."""
    results = half_done / "results/digits"
    tomorrow = time.time() + 86400
    for path in [*results.glob("data/*"), *results.glob("runs/teacher/seed1/*")]:
        os.utime(path, (tomorrow, tomorrow))
    (results / "runs/scratch-lenet/seed1/metrics.json").unlink()
    done = snakemake(half_done, "baselines", *DIGITS)
    assert "files were dated up to" in done.stderr
    started = [line for line in (done.stdout + done.stderr).splitlines() if " started" in line]
    assert len(started) == 1, started
    assert "scratch lenet" in started[0]
