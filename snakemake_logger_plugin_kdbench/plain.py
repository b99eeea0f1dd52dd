"""The display for a log file or CI: one plain line per start and end of a job."""

import time
from typing import TextIO

from snakemake_logger_plugin_kdbench import lines
from snakemake_logger_plugin_kdbench.epochs import EpochReport
from snakemake_logger_plugin_kdbench.lines import Line
from snakemake_logger_plugin_kdbench.progress import Progress

_ASCII = str.maketrans({"✓": "+", "✗": "x", "▸": ">", "…": "...", "·": "-"})
_SECONDS_BETWEEN_LINES = 30


class PlainDisplay:
    """Writes lines, never moves the cursor."""

    shows_running_jobs = False
    refresh_seconds = 5.0

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._unicode = (getattr(stream, "encoding", None) or "").lower().startswith("utf")
        self._next = 0.0
        self._said: dict[int, EpochReport | None] = {}

    def write(self, text: str) -> None:
        """Text as Snakemake formats it."""
        print(text if self._unicode else text.translate(_ASCII), file=self._stream, flush=True)

    def say(self, line: Line) -> None:
        """A line about the study as a whole, or one that belongs to the line before it."""
        self.write(lines.plain(line))

    def say_of_job(self, line: Line, progress: Progress, now: float) -> None:
        """A line about one job, with the time and how much of the study is done."""
        at = time.strftime("%H:%M:%S", time.localtime(now))
        self.write(f"{at} [{progress.done}/{progress.total}] {lines.plain(line)}")

    def refresh(self, progress: Progress, now: float) -> None:
        """At most every half minute: the running jobs whose epoch has changed meanwhile, and how the study stands."""
        if now < self._next:
            return
        self._next = now + _SECONDS_BETWEEN_LINES
        changed = [job for job in progress.running.values() if job.report and job.report != self._said.get(job.id)]
        for job in changed[: lines.MOST_JOBS]:
            self.say_of_job(lines.running_line(job, now), progress, now)
        for rest in lines.and_more(len(changed) - lines.MOST_JOBS):
            self.say(rest)
        if changed:
            self.say_of_job(lines.progress_line(progress, now), progress, now)
        self._said = {job.id: job.report for job in progress.running.values()}

    def close(self) -> None:
        """Nothing to tidy up."""
