"""The display for a terminal: permanent lines above a live area with a bar and the running jobs."""

import sys
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from snakemake_logger_plugin_kdbench import lines
from snakemake_logger_plugin_kdbench.lines import Line
from snakemake_logger_plugin_kdbench.progress import Progress


class TerminalDisplay:
    """Draws with rich, only when told to: `refresh` and the lines come from the caller's threads, under its lock."""

    shows_running_jobs = True
    refresh_seconds = 0.5

    def __init__(self, stream: TextIO, no_color: bool) -> None:
        # no_color=None lets rich look at NO_COLOR itself.
        self._console = Console(file=stream, no_color=no_color or None, highlight=False)
        self._live: Live | None = None

    def write(self, text: str) -> None:
        """Text as Snakemake formats it, with its colours."""
        self._console.print(Text.from_ansi(text), soft_wrap=True)

    def say(self, line: Line) -> None:
        """A permanent line; paths in it stay in one piece to be copied."""
        self._console.print(Text.assemble(*line), soft_wrap=True)

    def say_of_job(self, line: Line, progress: Progress, now: float) -> None:
        """A permanent line about a job that ended."""
        if self._live is not None:
            # Printing repeats the live area below the line: first draw it anew, without the job that ended.
            self._live.update(self._drawing(progress, now), refresh=True)
        self.say(line)

    def refresh(self, progress: Progress, now: float) -> None:
        """Draw the live area anew."""
        if self._live is None:
            self._live = Live(
                console=self._console,
                auto_refresh=False,
                transient=True,
                # What others print to a terminal goes above the live area; a redirected stdout is left alone.
                redirect_stdout=sys.stdout.isatty(),
                redirect_stderr=True,
                vertical_overflow="crop",
            )
            self._live.start()
        self._live.update(self._drawing(progress, now), refresh=True)

    def close(self) -> None:
        """Erase the live area and show the cursor again."""
        live, self._live = self._live, None
        if live is not None:
            live.stop()

    def _drawing(self, progress: Progress, now: float) -> RenderableType:
        width, height = self._console.size
        return drawing(progress, now, width, height)


def drawing(progress: Progress, now: float, width: int, height: int) -> RenderableType:
    """The live area: bar and counts, then one line per running job as far as there is room."""
    bar = _bar(progress.done, max(progress.total, 1), width=max(min(36, width // 4), 4))
    head = Table.grid(padding=(0, 2, 0, 0))
    head.add_column()
    head.add_column(no_wrap=True, overflow="ellipsis")
    head.add_row(bar, Text.assemble(*_counts(progress, now)))
    rows = max(min(lines.MOST_JOBS, height - 4), 1)
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, overflow="ellipsis", style="cyan")
    table.add_column(no_wrap=True, overflow="ellipsis")
    table.add_column(no_wrap=True, justify="right", style="dim")
    table.add_column(no_wrap=True, min_width=4 if width > 60 else None)
    table.add_column(no_wrap=True, overflow="ellipsis")
    for job in progress.most_telling(rows):
        done = _bar(job.report.epoch, job.report.epochs, width=10) if job.report and width >= 80 else ""
        so_far = lines.epoch_text(job.report) if job.report else ""
        table.add_row(f"  {job.rule}", Text(lines.label(job.wildcards)), lines.clock(job.seconds(now)), done, so_far)
    rest = [Text.assemble(*line) for line in lines.and_more(len(progress.running) - rows)]
    return Group(head, table, *rest)


def _bar(done: int, total: int, width: int) -> ProgressBar:
    return ProgressBar(total=total, completed=done, width=width, complete_style="green", finished_style="green")


def _counts(progress: Progress, now: float) -> Line:
    elapsed = lines.clock(now - progress.since) if progress.since is not None else ""
    done = (f"{progress.done}/{progress.total} done", "bold")
    return [done, (" · ", ""), *lines.progress_line(progress, now), (f" · {elapsed}", "dim")]
