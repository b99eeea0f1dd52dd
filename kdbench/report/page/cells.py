"""The page's smallest parts: a file's rows, and a cell of a table as text, sorting value and colour."""

import csv
import math
from dataclasses import dataclass
from pathlib import Path

from kdbench.errors import KdbenchError
from kdbench.report import text_table

DEEPEST_SHADE = 10.0  # percentage points at which a difference has its full colour


@dataclass(frozen=True)
class Cell:
    """Text, what it sorts by (None: last), for a difference its colour: ``tone`` and ``shade`` in 0..1, and a note."""

    text: str
    value: float | None = None
    tone: str = ""
    shade: float = 0.0
    note: str = ""


def read_rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            return list(csv.DictReader(stream))
    except FileNotFoundError:
        raise KdbenchError(f"{path}: no such file: run snakemake to write it") from None


def number(text: str | None) -> float | None:
    """A CSV cell's number, or None where it is empty."""
    value = float(text) if text else math.nan
    return None if math.isnan(value) else value


def points(value: float | None) -> Cell:
    return Cell(text_table.points(value), value)


def p_value(value: float | None) -> Cell:
    return Cell(text_table.p_value(value), value)


def shaded(text: str, difference: float | None) -> Cell:
    """A difference in percentage points, coloured by its side of 0 and its size."""
    tone = "" if not difference else "above" if difference > 0 else "below"
    return Cell(text, difference, tone, round(min(abs(difference or 0) / DEEPEST_SHADE, 1), 3))
