"""The live progress display: what it says, how it estimates, and how Snakemake looks with it."""

import io
import json
import logging
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console
from snakemake_interface_logger_plugins.common import LogEvent

import snakemake_logger_plugin_kdbench as plugin
from snakemake_logger_plugin_kdbench import lines
from snakemake_logger_plugin_kdbench.epochs import (
    EpochReport,
    modified,
    progress_file,
    read_epoch_report,
    taken_over,
)
from snakemake_logger_plugin_kdbench.plain import PlainDisplay
from snakemake_logger_plugin_kdbench.progress import Job, Progress
from snakemake_logger_plugin_kdbench.terminal import drawing

REPOSITORY = Path(__file__).parents[1]

SNAKEFILE = """
rule all:
    input: expand("runs/vanilla-{student}/seed1/metrics.json", student=["alexnet", "lenet"]), "report.txt"

rule data:
    output: "data.txt"
    log: "logs/data.log"
    shell: "touch {output}"

rule vanilla:
    input: "data.txt"
    output: "runs/vanilla-{student}/seed{seed}/metrics.json"
    log: "logs/vanilla-{student}-{seed}.log"
    shell:
        '''
        (
        echo "loading {wildcards.student}"
        if [ {wildcards.student} = "$FAILING" ]; then echo "error: no data [for lenet]"; exit 3; fi
        echo '{{"epoch": 3, "epochs": 5, "train_accuracy": 61.23}}' > $(dirname {output})/progress.json
        sleep 1.5
        touch {output}
        ) > {log} 2>&1
        '''

rule report:
    input: "data.txt"
    output: "report.txt"
    log: "logs/report.log"
    shell: "touch {output}"
"""


def job(job_id: int, rule: str = "vanilla", started: float = 0.0, **wildcards: str) -> Job:
    return Job(job_id, rule, wildcards, started)


def screen(progress: Progress, now: float, width: int = 100, height: int = 30) -> list[str]:
    stream = io.StringIO()
    Console(file=stream, width=width).print(drawing(progress, now, width, height))
    return stream.getvalue().splitlines()


# --- estimates -------------------------------------------------------------------------------------------------------


def test_nothing_is_estimated_before_a_job_has_finished():
    progress = Progress()
    progress.planned({"vanilla": 4}, 0.0)
    progress.started(job(1))
    assert progress.seconds_left(5.0) is None
    assert lines.time_left(None) == "estimating"


def test_time_left_is_the_rules_mean_times_what_is_left_over_the_jobs_at_once():
    progress = Progress()
    progress.planned({"teacher": 1, "vanilla": 6}, 0.0)
    progress.started(job(0, "teacher", 0.0))
    progress.finished(0, 100.0)
    for job_id, ended in ((1, 108.0), (2, 112.0)):
        progress.started(job(job_id, started=100.0))
        progress.finished(job_id, ended)
    progress.started(job(3, started=112.0))
    progress.started(job(4, started=112.0))
    # 10 s is vanilla's mean: two jobs wait, two have run for 4 s, and two run at once.
    assert progress.waiting == 2
    assert progress.seconds_left(116.0) == pytest.approx((2 * 10 + 2 * 6) / 2)


def test_a_rule_without_a_finished_job_is_taken_for_an_average_one():
    progress = Progress()
    progress.planned({"data": 1, "vanilla": 2, "report": 1}, 0.0)
    progress.started(job(1, "data"))
    progress.finished(1, 4.0)
    progress.started(job(2, "vanilla", 4.0))
    progress.finished(2, 12.0)
    progress.started(job(3, "vanilla", 12.0))
    assert progress.seconds_left(12.0) == pytest.approx(8.0 + 6.0)


def test_a_job_that_outlasts_the_average_raises_the_estimate_of_its_rule():
    progress = Progress()
    progress.planned({"data": 1, "vanilla": 3}, 0.0)
    progress.started(job(1, "data"))
    progress.finished(1, 2.0)
    progress.started(job(2, "vanilla", 2.0))
    assert progress.seconds_left(3.5) == pytest.approx(2 * 3.0 + 1.5)
    # Taken to be half done: 100 s are left of it, and two of 200 s wait.
    assert progress.seconds_left(102.0) == pytest.approx(2 * 200.0 + 100.0)


def test_epochs_tell_the_pace_even_of_a_resumed_run():
    progress = Progress()
    progress.planned({"teacher": 1}, 0.0)
    teacher = job(1, "teacher")
    progress.started(teacher)
    teacher.reported(EpochReport(200, 240), 5.0)
    assert progress.seconds_left(5.0) is None
    teacher.reported(EpochReport(201, 240), 15.0)
    assert progress.seconds_left(15.0) == pytest.approx(39 * 10.0)
    assert progress.seconds_left(20.0) == pytest.approx(39 * 10.0 - 5.0)


def test_the_first_epoch_tells_the_pace_of_a_run_that_resumed_nothing():
    progress = Progress()
    progress.planned({"teacher": 1, "scratch": 2}, 0.0)
    teacher = job(1, "teacher")
    progress.started(teacher)
    teacher.reported(EpochReport(1, 3), 100.0)
    # Waiting jobs of other rules are taken for like ones, until there is something better to tell them from.
    assert progress.seconds_left(100.0) == pytest.approx(200.0 + 2 * 300.0)
    progress.finished(1, 300.0)
    scratch = job(2, "scratch", 300.0)
    progress.started(scratch)
    scratch.reported(EpochReport(1, 5), 304.0)
    scratch.reported(EpochReport(2, 5), 306.0)
    # Once there are two, what came before the first epoch is not counted five times: 12 s in all, of which 6 are left.
    assert progress.seconds_left(306.0) == pytest.approx(6.0 + 12.0)


def test_a_failed_job_is_neither_waiting_nor_counted_twice_when_tried_again():
    progress = Progress()
    progress.planned({"vanilla": 3}, 0.0)
    first = job(1)
    progress.started(first)
    progress.record_failure(first)
    assert (progress.waiting, list(progress.failed), progress.running) == (2, [1], {})
    progress.started(job(1, started=5.0))
    assert (progress.waiting, progress.failed, list(progress.running)) == (2, {}, [1])
    progress.finished(1, 10.0)
    assert progress.seconds_left(10.0) == pytest.approx(2 * 5.0)


# --- texts -----------------------------------------------------------------------------------------------------------


def test_a_job_is_named_by_its_rule_and_wildcards():
    assert lines.job_name(job(1, student="lenet", seed="1")) == "vanilla lenet seed 1"
    assert lines.job_name(job(1, "data")) == "data"


def test_durations_read_naturally():
    assert [lines.duration(s) for s in (0.4, 12, 59.6, 185, 7620)] == [
        "0 s",
        "12 s",
        "1 min 00 s",
        "3 min 05 s",
        "2 h 07 min",
    ]
    assert [lines.clock(s) for s in (12, 185, 7651)] == ["0:12", "3:05", "2:07:31"]
    assert [lines.time_left(s) for s in (3, 42, 250, 7620)] == [
        "a few seconds left",
        "about 40 s left",
        "about 4 min left",
        "about 2 h 07 min left",
    ]


def test_a_finished_job_is_one_line():
    done = job(1, student="lenet", seed="1")
    assert lines.plain(lines.finished_line(done, 12.2)) == "✓ vanilla lenet seed 1  12 s"
    done.taken = True
    assert lines.plain(lines.finished_line(done, 1)) == "✓ vanilla lenet seed 1  1 s · taken from another study"


def test_a_failed_job_shows_its_log_and_the_end_of_it(tmp_path):
    log = tmp_path / "vanilla.log"
    log.write_text("".join(f"line {n}\n" for n in range(50)) + "10 %\r100 %\n\nkdbench: error: no data\n")
    failed = job(1, student="lenet")
    failed.logs = [str(log)]
    head, *tail = (lines.plain(line) for line in lines.failed_lines(failed, 7.0, ["exit status 2"]))
    assert head == f"✗ vanilla lenet failed after 7 s (exit status 2) · {log}"
    assert len(tail) == lines.LAST_LINES
    assert tail[-2:] == ["    100 %", "    kdbench: error: no data"]


def test_the_live_area_shows_bar_counts_and_running_jobs():
    progress = Progress()
    progress.planned({"vanilla": 4, "data": 1}, 0.0)
    progress.started(job(0, "data"))
    progress.finished(0, 60.0)
    running = job(1, started=60.0, student="lenet", seed="1")
    progress.started(running)
    running.reported(EpochReport(3, 5, 61.23), 80.0)
    head, row = screen(progress, 90.0)
    # Epoch 3 of 5 was the first heard of: it may have been resumed, so data's minute is all there is to tell from.
    assert "1/5 done · about 4 min left · 1 running · 3 waiting · 1:30" in head
    assert re.search(r"vanilla +lenet seed 1 +0:30 .*epoch 3/5 · train 61.2 %", row)


def test_hundreds_of_running_jobs_fit_the_screen():
    progress = Progress()
    progress.planned({"vanilla": 700}, 0.0)
    for number in range(600):
        progress.started(job(number, started=number / 1000, seed=str(number)))
    progress.running[400].reported(EpochReport(1, 5), 1.0)
    tall = screen(progress, 2.0)
    assert len(tall) == 14
    assert tall[-1].strip() == "… and 588 more"
    assert "epoch 1/5" in tall[-2], "of many jobs, those with something to tell are shown"
    low = screen(progress, 2.0, width=40, height=8)
    assert len(low) == 6
    assert max(map(len, low)) <= 40


def test_plain_lines_speak_of_epochs_only_when_they_change():
    stream = io.StringIO()
    display, progress = PlainDisplay(stream), Progress()
    progress.planned({"vanilla": 2}, 0.0)
    display.refresh(progress, 0.0)
    running = job(1, seed="1")
    progress.started(running)
    running.reported(EpochReport(1, 5, 20.0), 10.0)
    display.refresh(progress, 10.0)
    assert stream.getvalue() == ""
    display.refresh(progress, 31.0)
    display.refresh(progress, 62.0)
    epoch, standing = stream.getvalue().splitlines()
    assert "[0/2] > vanilla seed 1 running 31 s - epoch 1/5 - train 20.0 %" in epoch
    # Ten seconds an epoch: 19 s of this job and 50 s of the one that waits.
    assert standing.endswith("[0/2] about 1 min left - 1 running - 1 waiting")
    running.reported(EpochReport(2, 5, 30.0), 70.0)
    display.refresh(progress, 93.0)
    assert "epoch 2/5" in stream.getvalue()


# --- epoch reports ---------------------------------------------------------------------------------------------------


def test_only_jobs_that_write_metrics_report_epochs():
    assert progress_file(["runs/a/history.csv", "runs/a/metrics.json"]) == Path("runs/a/progress.json")
    assert progress_file(["runs/a/metrics.json (update)"]) == Path("runs/a/progress.json")
    assert progress_file(["report.html"]) is None


def test_results_that_are_links_were_taken_from_another_study(tmp_path):
    (tmp_path / "metrics.json").write_text("{}")
    assert not taken_over(tmp_path / "progress.json")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken/metrics.json").symlink_to("../metrics.json")
    assert taken_over(tmp_path / "taken/progress.json")


def test_an_epoch_report_is_read(tmp_path):
    path = tmp_path / "progress.json"
    path.write_text('{"epoch": 3, "epochs": 5, "train_accuracy": 61.2}')
    assert read_epoch_report(path) == EpochReport(3, 5, 61.2)
    path.write_text('{"epoch": 3, "epochs": 5}')
    assert read_epoch_report(path) == EpochReport(3, 5, None)


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "null", '{"epoch": 3}', '{"epoch": "x", "epochs": 5}', '{"epoch": 9, "epochs": 5}', b"\xff\xfe"],
)
def test_a_garbled_epoch_report_is_ignored(tmp_path, content):
    path = tmp_path / "progress.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert read_epoch_report(path) is None


def test_a_missing_epoch_report_is_ignored(tmp_path):
    assert read_epoch_report(tmp_path / "progress.json") is None


def test_an_accuracy_that_is_no_number_is_left_out(tmp_path):
    path = tmp_path / "progress.json"
    path.write_text(json.dumps({"epoch": 1, "epochs": 5, "train_accuracy": float("nan")}))
    assert read_epoch_report(path) == EpochReport(1, 5, None)


def test_what_a_killed_run_left_behind_is_not_taken_for_progress(tmp_path):
    path = tmp_path / "progress.json"
    path.write_text('{"epoch": 4, "epochs": 5}')
    leftover = modified(path)
    assert read_epoch_report(path, leftover) is None
    os.utime(path, ns=(time.time_ns() + 10**9,) * 2)
    assert read_epoch_report(path, leftover) == EpochReport(4, 5)


# --- the handler -----------------------------------------------------------------------------------------------------


def test_a_broken_display_gives_way_to_snakemakes_own_output(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    names = ["printshellcmds", "nocolor", "debug_dag", "verbose", "show_failed_logs", "stdout", "dryrun"]
    handler = plugin.LogHandler(SimpleNamespace(quiet=None, **dict.fromkeys(names, False)), None)

    def break_down(*_):
        raise RuntimeError("no room")

    monkeypatch.setattr(handler._display, "say_of_job", break_down)
    finished = logging.makeLogRecord(
        {"msg": "Finished jobid: 1 (Rule: vanilla)", "event": LogEvent.JOB_FINISHED, "job_id": 1, "levelno": 20}
    )
    handler._progress.started(job(1))
    handler.handle(finished)
    handler.handle(finished)
    handler.close()
    assert "progress display switched off: RuntimeError: no room" in stream.getvalue()
    assert stream.getvalue().count("Finished jobid: 1 (Rule: vanilla)") == 2


@pytest.fixture
def study(tmp_path):
    """Runs snakemake in a study's folder and returns the finished process."""
    (tmp_path / "Snakefile").write_text(SNAKEFILE)

    def run(*arguments: str, failing: str = "none", **options) -> subprocess.CompletedProcess[str]:
        command, environment = snakemake(tmp_path, failing)
        return subprocess.run(
            [*command, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, **options
        )

    return run


def snakemake(folder: Path, failing: str = "none") -> tuple[list[str], dict[str, str]]:
    unwanted = {"NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS", "LINES", "SNAKEMAKE_PROFILE"}
    environment = {name: value for name, value in os.environ.items() if name not in unwanted}
    environment |= {
        "FAILING": failing,
        "PYTHONPATH": str(REPOSITORY),
        "PYTHONIOENCODING": "utf-8",
        "TERM": "xterm-256color",
        "XDG_CACHE_HOME": str(folder / "cache"),
    }
    return [sys.executable, "-m", "snakemake", "--logger", "kdbench", "--cores", "2"], environment


def test_a_failing_study_prints_plain_lines_and_says_what_failed_and_why(study):
    ended = study("--keep-going", failing="lenet")
    assert ended.returncode == 1
    assert "\x1b" not in ended.stderr
    said = ended.stderr
    assert "5 jobs: 2 vanilla, 1 all, 1 data, 1 report" in said
    assert re.search(r"\d\d:\d\d:\d\d \[0/5\] ▸ data started\n", said)
    assert re.search(r"\[\d/5\] ✓ vanilla alexnet seed 1  \d s\n", said)
    failure = r"✗ vanilla lenet seed 1 failed after \d s \(exit status 3\) · logs/vanilla-lenet-1\.log\n"
    assert re.search(failure + r"    loading lenet\n    error: no data \[for lenet\]\n", said)
    assert "RuleException" not in said
    *_, summary, culprit = said.splitlines()
    assert re.fullmatch(r"✗ 3 of 5 jobs done · 1 failed · 1 not run after \d+ s", summary)
    assert culprit == "    vanilla lenet seed 1  logs/vanilla-lenet-1.log"


def test_dry_runs_mistakes_and_finished_studies_read_as_in_plain_snakemake(study):
    dry = study("--dry-run")
    assert dry.returncode == 0
    assert re.search(r"job +count\n-+ +-+\n(.*\n)*vanilla +2\n", dry.stdout)
    assert "reason: Missing output files: data.txt" in dry.stdout
    assert "This was a dry-run" in dry.stdout

    mistake = study("no-such-target")
    assert mistake.returncode == 1
    assert "MissingRuleException:\nNo rule to produce no-such-target" in mistake.stderr

    first, second = study("report.txt"), study("report.txt")
    assert first.stderr.splitlines()[-1].startswith("✓ 2 jobs done in ")
    assert second.returncode == 0
    assert "Nothing to be done" in second.stderr


def test_a_terminal_shows_a_live_area_and_is_left_clean(study, tmp_path):
    pty = pytest.importorskip("pty")
    import termios

    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (30, 110))
    command, environment = snakemake(tmp_path)
    running = subprocess.Popen(command, cwd=tmp_path, env=environment, stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    output = b""
    try:
        while chunk := os.read(master, 65536):
            output += chunk
    except OSError:
        pass  # Linux: the last process has closed its end
    finally:
        os.close(master)
    assert running.wait(timeout=30) == 0
    seen = output.decode()
    text = re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "", seen)
    assert "━" in text
    assert "0/5 done · estimating · 0 running · 5 waiting" in text
    assert re.search(r"vanilla +alexnet seed 1 +0:\d\d +\S+ +epoch 3/5 · train 61.2 %", text)
    assert re.search(r"✓ vanilla alexnet seed 1  \d s", text)
    after = text[text.index("✓ vanilla alexnet") :]
    assert not re.search(r"vanilla +alexnet seed 1 +0:\d\d", after), "a job that ended is gone at once"
    assert text.rstrip().splitlines()[-1].startswith("✓ 5 jobs done in ")
    hidden, shown = "\x1b[?25l", "\x1b[?25h"
    assert hidden in seen
    assert seen.rfind(shown) > seen.rfind(hidden), "the cursor is visible again"
