"""The state of a study: which jobs run, finished or failed, and how long the rest may take.

Fed with events and the time they happened (seconds), it knows neither Snakemake nor the terminal.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

from snakemake_logger_plugin_kdbench.epochs import EpochReport


@dataclass
class Job:
    """One job of the study, from its start on."""

    id: int
    rule: str
    wildcards: dict[str, str]
    started: float
    logs: list[str] = field(default_factory=list)
    has_output: bool = True
    interrupted: bool = False
    taken: bool = False
    progress_file: Path | None = None
    leftover: int | None = None
    report: EpochReport | None = None
    report_read: float = 0.0
    _first: tuple[int, float] | None = field(default=None, repr=False)
    _latest: tuple[int, float] | None = field(default=None, repr=False)

    def reported(self, report: EpochReport, now: float) -> None:
        """Take note of an epoch report read at `now`."""
        if self.report is None or report.epoch != self.report.epoch:
            self._latest = (report.epoch, now)
            self._first = self._first or self._latest
        self.report = report

    def seconds(self, now: float) -> float:
        """How long the job has been running."""
        return max(now - self.started, 0.0)

    def seconds_in_all(self) -> float | None:
        """How long the job will have taken, by the pace of its epochs; None before there is one to tell it from."""
        if self.report is None or self._first is None or self._latest is None:
            return None
        (first, since), (latest, at) = self._first, self._latest
        # The pace between two reports, not since the start: a run resumed from a checkpoint begins at a late epoch.
        if latest <= first:
            # One that begins at the first resumed nothing: all its time went into that epoch.
            return (at - self.started) * self.report.epochs if first == 1 else None
        return at - self.started + (self.report.epochs - latest) * (at - since) / (latest - first)


class Progress:
    """Counts, running jobs and the time left."""

    def __init__(self) -> None:
        self.total = 0
        self.counts: dict[str, int] = {}
        self.since: float | None = None
        self.done = 0
        self.running: dict[int, Job] = {}
        self.failed: dict[int, Job] = {}
        self._durations: dict[str, list[float]] = defaultdict(list)
        self._ended: dict[str, int] = defaultdict(int)

    def planned(self, counts: dict[str, int], now: float) -> None:
        """The jobs to run, by rule."""
        self.counts = dict(counts)
        self.total = sum(counts.values())
        self.since = now

    def started(self, job: Job) -> None:
        """A job starts, for the first time or again after a failure."""
        self._retract(job.id)
        self.running[job.id] = job

    def finished(self, job_id: int, now: float) -> Job | None:
        """A job is done; None if nothing was known of its start."""
        self.done += 1
        self.total = max(self.total, self.done)
        job = self.running.pop(job_id, None)
        if job is not None:
            self._durations[job.rule].append(job.seconds(now))
            self._ended[job.rule] += 1
        return job

    def record_failure(self, job: Job) -> None:
        """A job failed; if it is tried again, `started` takes that back."""
        self._retract(job.id)
        self.running.pop(job.id, None)
        self.failed[job.id] = job
        self._ended[job.rule] += 1

    def _retract(self, job_id: int) -> None:
        job = self.failed.pop(job_id, None)
        if job is not None:
            self._ended[job.rule] -= 1

    @property
    def waiting(self) -> int:
        """How many jobs have not been started."""
        return max(self.total - self.done - len(self.running) - len(self.failed), 0)

    def most_telling(self, limit: int) -> list[Job]:
        """At most `limit` of the running jobs, longest running first; those that report epochs are preferred."""
        jobs = list(self.running.values())
        if len(jobs) > limit:
            jobs = sorted(jobs, key=lambda job: job.report is None)[:limit]
        return sorted(jobs, key=lambda job: job.started)

    def seconds_left(self, now: float) -> float | None:
        """Roughly how long until the last job is done; None as long as there is nothing to tell it from."""
        paced = {job.id: seconds for job in self.running.values() if (seconds := job.seconds_in_all()) is not None}
        if not self._durations and not paced:
            return None
        left, longest = 0.0, 0.0
        waiting = self._waiting_by_rule()
        running: dict[str, list[Job]] = defaultdict(list)
        for job in self.running.values():
            running[job.rule].append(job)
        for rule in waiting.keys() | running.keys():
            usual = self._usual_seconds(rule, running[rule], paced, now)
            left += waiting.get(rule, 0) * usual
            for job in running[rule]:
                remaining = max(paced.get(job.id, usual) - job.seconds(now), 0.0)
                left += remaining
                longest = max(longest, remaining)
        return max(left / max(len(self.running), 1), longest)

    def _waiting_by_rule(self) -> dict[str, int]:
        running: dict[str, int] = defaultdict(int)
        for job in self.running.values():
            running[job.rule] += 1
        return {rule: max(n - self._ended[rule] - running[rule], 0) for rule, n in self.counts.items()}

    def _usual_seconds(self, rule: str, running: list[Job], paced: dict[int, float], now: float) -> float:
        if self._durations.get(rule):
            return fmean(self._durations[rule])
        if known := [paced[job.id] for job in running if job.id in paced]:
            return fmean(known)
        every = [seconds for durations in self._durations.values() for seconds in durations] or list(paced.values())
        # A rule without a finished job is an average one, until its jobs outlast that: then they may be half done.
        return max([fmean(every), *(2 * job.seconds(now) for job in running)])
