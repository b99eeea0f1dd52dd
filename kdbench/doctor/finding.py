"""A line of ``kdbench doctor``: what was found, and how it is shown."""

import os
import shutil
import sys
import textwrap
from dataclasses import dataclass
from typing import Literal

from kdbench.errors import KdbenchError

State = Literal["ok", "note", "problem"]
COLOURS = {"ok": "32", "note": "33", "problem": "31"}


@dataclass(frozen=True)
class Finding:
    """One line. A problem prevents a run; ``remedy`` is a command or a key of the configuration."""

    state: State
    about: str
    found: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.state:8} {self.about:14} {self.found}{f' -> {self.remedy}' if self.remedy else ''}"


def complaint(error: KdbenchError) -> tuple[str, str]:
    """What is wrong, and the remedy that ends a message."""
    found, separator, remedy = str(error).rpartition(": ")
    return (found, remedy) if separator else (str(error), "")


def shown(finding: Finding) -> str:
    """The finding as one line; on a terminal coloured, and wrapped below its third column."""
    line = str(finding)
    if not sys.stdout.isatty():
        return line
    indent = " " * len(f"{'':8} {'':14} ")
    width = max(shutil.get_terminal_size().columns, 60)
    line = textwrap.fill(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    if "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb":
        return line
    return line.replace(finding.state, f"\x1b[{COLOURS[finding.state]}m{finding.state}\x1b[0m", 1)
