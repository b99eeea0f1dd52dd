"""What is said about jobs: lines of (text, style) pieces, to be coloured or not."""

from pathlib import Path

from snakemake_logger_plugin_kdbench.epochs import EpochReport
from snakemake_logger_plugin_kdbench.progress import Job, Progress

Line = list[tuple[str, str]]

MOST_JOBS = 12
LAST_LINES = 6


def plain(line: Line) -> str:
    """The line's text."""
    return "".join(text for text, _ in line)


def duration(seconds: float) -> str:
    """`12 s`, `3 min 05 s` or `2 h 07 min`."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {seconds:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


def clock(seconds: float) -> str:
    """`0:12`, `3:05` or `2:07:31`."""
    minutes, seconds = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes}:{seconds:02}"
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


def time_left(seconds: float | None) -> str:
    """`about 4 min left`, no more exact than an estimate is; `estimating` for None."""
    if seconds is None:
        return "estimating"
    if seconds < 10:
        return "a few seconds left"
    if seconds < 55:
        return f"about {round(seconds, -1):.0f} s left"
    minutes = max(round(seconds / 60), 1)
    if minutes < 60:
        return f"about {minutes} min left"
    return f"about {minutes // 60} h {minutes % 60:02} min left"


def label(wildcards: dict[str, str]) -> str:
    """What a job runs: `lenet seed 1`; a value that is a bare number keeps its wildcard's name."""
    return " ".join(f"{name} {value}" if _is_number(value) else value for name, value in wildcards.items())


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def job_name(job: Job) -> str:
    """Rule and what it runs."""
    return f"{job.rule} {label(job.wildcards)}".rstrip()


def epoch_text(report: EpochReport) -> str:
    """`epoch 3/5 · train 61.2 %`."""
    text = f"epoch {report.epoch}/{report.epochs}"
    return text if report.train_accuracy is None else f"{text} · train {report.train_accuracy:.1f} %"


def plan_line(progress: Progress) -> Line:
    """How many jobs there are, by rule, the most frequent first."""
    by_count = sorted(progress.counts.items(), key=lambda item: (-item[1], item[0]))
    rules = ", ".join(f"{count} {rule}" for rule, count in by_count)
    return [(counted(progress.total), "bold"), (f": {rules}", "dim")]


def progress_line(progress: Progress, now: float) -> Line:
    """`1 failed · about 4 min left · 2 running · 3 waiting`: how the study stands, beside how much of it is done."""
    failed: Line = [(f"{len(progress.failed)} failed", "bold red"), (" · ", "")] if progress.failed else []
    left = time_left(progress.seconds_left(now))
    return [*failed, (left, ""), (f" · {len(progress.running)} running · {progress.waiting} waiting", "dim")]


def counted(count: int) -> str:
    """`1 job`, `24 jobs`."""
    return "1 job" if count == 1 else f"{count} jobs"


def started_line(job: Job) -> Line:
    """For a display that does not show running jobs."""
    return [("▸ ", "cyan"), (job_name(job), ""), (" started", "dim")]


def running_line(job: Job, now: float) -> Line:
    """How far a running job has come."""
    so_far = f" · {epoch_text(job.report)}" if job.report else ""
    return [("▸ ", "cyan"), (job_name(job), ""), (f" running {duration(job.seconds(now))}{so_far}", "dim")]


def finished_line(job: Job, now: float) -> Line:
    """`✓ vanilla lenet seed 1  12 s`, and whether its runs were taken from another study."""
    taken = " · taken from another study" if job.taken else ""
    return [("✓ ", "green"), (job_name(job), ""), (f"  {duration(job.seconds(now))}{taken}", "dim")]


def interrupted_line(job: Job, now: float) -> Line:
    """For a job that the user stopped."""
    return [("✗ ", "yellow"), (job_name(job), ""), (f" interrupted after {duration(job.seconds(now))}", "dim")]


def failed_lines(job: Job, now: float, remarks: list[str], whole_log: bool = False) -> list[Line]:
    """Which job failed and how, its log files, and the end of the first of them that says something."""
    because = f" ({', '.join(remarks)})" if remarks else ""
    where = f" · {', '.join(job.logs)}" if job.logs else " · the rule has no log file"
    head: Line = [
        (f"✗ {job_name(job)} failed", "bold red"),
        (f" after {duration(job.seconds(now))}{because}{where}", "red"),
    ]
    for log in job.logs:
        if tail := last_lines(Path(log), None if whole_log else LAST_LINES):
            return [head, *([(f"    {line}", "")] for line in tail)]
    return [head]


def last_lines(path: Path, most: int | None) -> list[str]:
    """The last lines of a log that are not blank (all of them for None); none if it cannot be read."""
    try:
        with path.open("rb") as file:
            if most is not None:
                file.seek(max(file.seek(0, 2) - 64_000, 0))
            content = file.read().decode(errors="replace")
    except OSError:
        return []
    # A progress bar in the log overwrites itself: only its last state was meant to stay.
    lines = [line.rstrip().rsplit("\r", 1)[-1] for line in content.split("\n")]
    lines = [line[:500] for line in lines if line.strip()]
    return lines if most is None else lines[-most:]


def summary_lines(progress: Progress, now: float) -> list[Line]:
    """How the study ended, and where to look for what failed."""
    took = duration(now - progress.since) if progress.since is not None else ""
    if progress.done == progress.total:
        return [[(f"✓ {counted(progress.total)} done", "bold green"), (f" in {took}", "dim")]]
    failed = [job for job in progress.failed.values() if not job.interrupted]
    interrupted = len(progress.failed) - len(failed)
    not_run = progress.total - progress.done - len(progress.failed)
    counts = {"failed": len(failed), "interrupted": interrupted, "not run": not_run}
    parts = [f"{progress.done} of {counted(progress.total)} done"]
    parts += [f"{count} {what}" for what, count in counts.items() if count]
    lines: list[Line] = [[(f"✗ {' · '.join(parts)}", "bold red"), (f" after {took}", "dim")]]
    for job in failed[:MOST_JOBS]:
        where = ", ".join(job.logs)
        lines.append([(f"    {job_name(job)}", "red"), (f"  {where}" if where else "", "")])
    return lines + and_more(len(failed) - MOST_JOBS)


def and_more(hidden: int) -> list[Line]:
    """`… and 588 more`, or nothing if nothing is hidden."""
    return [[(f"  … and {hidden} more", "dim")]] if hidden > 0 else []
