"""A Snakemake logger plugin that shows how a study goes: `snakemake --logger kdbench`.

On a terminal: a bar, the time left and the running jobs with their epochs; elsewhere: plain lines. Only a real run is
shown this way; a dry run, `--lint`, `--quiet` and whatever is not about a job looks as it does in plain Snakemake.
"""

import atexit
import contextlib
import logging
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Mapping
from itertools import islice
from typing import TextIO

from snakemake.logging import (
    ColorizingTextHandler,
    DefaultFilter,
    DefaultFormatter,
    get_event,
)
from snakemake.settings.enums import Quietness
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.settings import OutputSettingsLoggerInterface

from snakemake_logger_plugin_kdbench import command_line, lines
from snakemake_logger_plugin_kdbench.epochs import modified, progress_file, read_epoch_report, taken_over
from snakemake_logger_plugin_kdbench.plain import PlainDisplay
from snakemake_logger_plugin_kdbench.progress import Job, Progress
from snakemake_logger_plugin_kdbench.terminal import TerminalDisplay

# What Snakemake says on the way and the display shows better, or that no reader of a study needs.
_ROUTINE = (
    "Assuming unrestricted shared filesystem usage",
    "Using shell:",
    "Select jobs to execute",
    "Shutting down, this might take some time",
    "Elapsed time:",
)
# What it says with a colour that would draw the eye.
_IN_PASSING = ("Building DAG of jobs", "Complete log(s):")
# What Snakemake says once jobs have failed; the summary says which.
_AFTER_FAILURE = ("Exiting because a job execution failed", "WorkflowError:\nAt least one job did not complete")
_HOW_IT_ENDED = re.compile(r"(?:returned non-zero (exit status \d+)|died with <Signals\.(\w+): \d+>)\.\s*$")
_INTERRUPTED = ("SIGINT", "exit status 130")  # 130: a shell's way to say so
_RESTART = re.compile(r"Trying to restart job (\d+)")
_WITHOUT_OUTPUT = re.compile(r"^Job (\d+)\s+completed successfully, but", re.MULTILINE)
_FILES_READ_AT_ONCE = 64

if _mistake := command_line.complaint(sys.argv):
    atexit.register(print, _mistake, file=sys.stderr)  # below what Snakemake prints


class LogHandler(LogHandlerBase):
    """Turns Snakemake's log records into a display.

    Snakemake calls `emit` in a thread of its own, one record at a time; a second thread, here, reads the jobs' epoch
    reports and refreshes the display. `_lock` guards everything both touch.
    """

    writes_to_stream = True
    writes_to_file = False
    has_filter = True
    has_formatter = True
    needs_rulegraph = False

    def __post_init__(self) -> None:
        settings = self.common_settings
        stream = sys.stdout if settings.stdout else sys.stderr
        quiet = set(settings.quiet or ())
        self._snakemake = _snakemake_handler(settings, stream)
        self._steps_aside = settings.dryrun or bool(quiet & {Quietness.PROGRESS, Quietness.ALL})
        self._starts_are_said = Quietness.RULES not in quiet
        self._progress = Progress()
        self._causes: list[str] = []
        self._display: PlainDisplay | TerminalDisplay
        if stream.isatty() and os.environ.get("TERM") != "dumb":
            self._display = TerminalDisplay(stream, no_color=settings.nocolor)
        else:
            self._display = PlainDisplay(stream)
        self._lock = threading.RLock()
        self._closing = threading.Event()
        self._refreshing: threading.Thread | None = None
        self._handlers: Mapping[LogEvent | None, Callable[[logging.LogRecord], None]] = {
            None: self._on_message,
            LogEvent.WORKFLOW_STARTED: self._on_routine,
            LogEvent.RESOURCES_INFO: self._on_routine,
            LogEvent.JOB_STARTED: self._on_routine,
            LogEvent.PROGRESS: self._on_progress,
            LogEvent.RUN_INFO: self._on_plan,
            LogEvent.GROUP_INFO: self._on_routine,
            LogEvent.JOB_INFO: self._on_start,
            LogEvent.JOB_FINISHED: self._on_finish,
            LogEvent.JOB_ERROR: self._on_failure,
            LogEvent.GROUP_ERROR: self._on_group_failure,
            LogEvent.ERROR: self._on_error,
        }

    def emit(self, record: logging.LogRecord) -> None:
        """Show a record; never raises, for the study matters more than its display."""
        with self._lock, contextlib.suppress(Exception):
            if not self._steps_aside:
                try:
                    self._handlers.get(get_event(record), self._pass_on)(record)
                    return
                except Exception as problem:
                    self._give_up(problem)
            self._snakemake.handle(record)

    def close(self) -> None:
        """Leave the terminal clean, with a summary of the study if there was one."""
        self._closing.set()
        if self._refreshing is not None and self._refreshing is not threading.current_thread():
            # Not for long: it may be stuck reading from a file system that does not answer.
            self._refreshing.join(timeout=1)
        with self._lock, contextlib.suppress(Exception):
            self._display.close()
            if self._progress.since is not None and not self._steps_aside:
                for cause in self._causes:
                    self._display.write(cause)
                for line in lines.summary_lines(self._progress, time.time()):
                    self._display.say(line)
            # Closed a second time, at the interpreter's exit, there is nothing left to say.
            self._steps_aside = True
        super().close()

    def _give_up(self, problem: Exception) -> None:
        """From here on the study is reported by Snakemake's own handler."""
        self._steps_aside = True
        self._closing.set()
        with contextlib.suppress(Exception):
            self._display.close()
        with contextlib.suppress(Exception):
            print(f"progress display switched off: {type(problem).__name__}: {problem}", file=self._snakemake.stream)

    def _refresh_until_closed(self) -> None:
        while not self._closing.wait(self._display.refresh_seconds):
            try:
                self._read_epoch_reports()
                with self._lock:
                    if not self._closing.is_set():
                        self._display.refresh(self._progress, time.time())
            except Exception as problem:
                with self._lock:
                    self._give_up(problem)

    def _read_epoch_reports(self) -> None:
        """Read what some running jobs report: in turns if there are hundreds, the file system may be a slow one."""
        with self._lock:
            training = [job for job in self._progress.running.values() if job.progress_file is not None]
        training.sort(key=lambda job: job.report_read)
        for job in islice(training, _FILES_READ_AT_ONCE):
            assert job.progress_file is not None
            report = read_epoch_report(job.progress_file, job.leftover)
            with self._lock:
                job.report_read = now = time.time()
                if report is not None:
                    job.reported(report, now)

    def _pass_on(self, record: logging.LogRecord) -> None:
        """Show a record as Snakemake would."""
        if self._snakemake.filter(record):
            text = self._snakemake.format(record)
            if text and text != "None":
                self._display.write(self._snakemake.decorate(record, text))

    def _on_routine(self, record: logging.LogRecord) -> None:
        if self.common_settings.verbose:
            self._pass_on(record)

    def _on_message(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        failed = self._progress.failed
        if restarted := _RESTART.match(message):
            job = failed.get(int(restarted[1]))
            message = f"Trying again: {lines.job_name(job)}" if job else message
            self._display.say([(message, "yellow")])
        elif message.startswith(_ROUTINE) or (failed and message.startswith(_AFTER_FAILURE)):
            self._on_routine(record)
        elif message.startswith(_IN_PASSING):
            self._display.say([(message, "dim")])
        else:
            self._pass_on(record)

    def _on_plan(self, record: logging.LogRecord) -> None:
        stats: dict[str, int] = getattr(record, "stats", {})
        counts = {rule: count for rule, count in stats.items() if rule != "total"}
        self._progress.planned(counts, record.created)
        self._display.say(lines.plan_line(self._progress))
        if self._refreshing is None:
            self._display.refresh(self._progress, record.created)
            self._refreshing = threading.Thread(target=self._refresh_until_closed, name="progress", daemon=True)
            self._refreshing.start()

    def _on_progress(self, record: logging.LogRecord) -> None:
        # Checkpoints change how many jobs there are.
        self._progress.total = getattr(record, "total", self._progress.total)
        self._on_routine(record)

    def _on_start(self, record: logging.LogRecord) -> None:
        info = record.__dict__
        job = Job(info["jobid"], info["rule_name"], dict(info["wildcards"]), record.created)
        job.logs = list(info["log"])
        job.has_output = bool(info["output"])
        job.progress_file = progress_file(info["output"])
        job.leftover = modified(job.progress_file) if job.progress_file else None
        self._progress.started(job)
        if job.has_output and self._starts_are_said and not self._display.shows_running_jobs:
            self._display.say_of_job(lines.started_line(job), self._progress, record.created)
        self._on_routine(record)

    def _on_finish(self, record: logging.LogRecord) -> None:
        job = self._progress.finished(record.__dict__["job_id"], record.created)
        # A rule without output, such as `all`, only stands for what it asks for.
        if job is not None and job.has_output:
            job.taken = job.progress_file is not None and taken_over(job.progress_file)
            self._display.say_of_job(lines.finished_line(job, record.created), self._progress, record.created)

    def _on_failure(self, record: logging.LogRecord) -> None:
        info = record.__dict__
        job = self._progress.running.get(info["jobid"]) or Job(info["jobid"], info["rule_name"], {}, record.created)
        self._progress.record_failure(job)
        # Executors add log files of their own.
        job.logs = list(info["log"])
        ending = self._how_it_ended(info["shellcmd"])
        job.interrupted = ending in _INTERRUPTED
        if job.interrupted:
            self._display.say_of_job(lines.interrupted_line(job, record.created), self._progress, record.created)
            return
        remarks = [info["rule_msg"] or "", ending]
        remarks += [f"{key}: {value}" for key, value in (info["aux"] or {}).items()]
        whole_log = self.common_settings.show_failed_logs
        head, *log_lines = lines.failed_lines(job, record.created, [remark for remark in remarks if remark], whole_log)
        self._display.say_of_job(head, self._progress, record.created)
        for line in log_lines:
            self._display.say(line)

    def _how_it_ended(self, shellcmd: str | None) -> str:
        """The exit status or signal of a failed command, from the exception that was logged just before its job."""
        for cause in self._causes if shellcmd else []:
            ending = _HOW_IT_ENDED.search(cause)
            if ending and str(shellcmd).strip() in cause:
                self._causes.remove(cause)
                return ending[1] or ending[2]
        return ""

    def _on_group_failure(self, record: logging.LogRecord) -> None:
        # Each job of the group is reported in a record of its own.
        logs = ", ".join(getattr(record, "aux_logs", None) or [])
        self._display.say([(f"✗ {record.getMessage()}{f' · {logs}' if logs else ''}", "bold red")])

    def _on_error(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if getattr(record, "exception", None) == "RuleException" and _HOW_IT_ENDED.search(message):
            self._causes.append(message)
            return
        for job_id in _WITHOUT_OUTPUT.findall(message):
            # The only failure Snakemake logs without a record that says which job it was.
            if job := self._progress.running.get(int(job_id)):
                self._progress.record_failure(job)
        self._on_message(record)


def _snakemake_handler(settings: OutputSettingsLoggerInterface, stream: TextIO) -> ColorizingTextHandler:
    """The handler Snakemake would use without this plugin."""
    quiet = set(settings.quiet or ())
    return ColorizingTextHandler(
        nocolor=settings.nocolor or bool(os.environ.get("NO_COLOR")),
        stream=stream,
        formatter=DefaultFormatter(quiet, settings.show_failed_logs),
        filter=DefaultFilter(quiet, settings.debug_dag, settings.verbose, settings.dryrun, settings.printshellcmds),
    )
