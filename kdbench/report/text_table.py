"""Tables as text: numbers with their sign and spread, Markdown padded to be read as it is, LaTeX with booktabs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

DASH = "–"


@dataclass
class WideTable:
    """A table as text: ``stub`` columns, then ``columns`` for each student, then ``last`` columns."""

    name: str
    caption: str
    stub: list[str]
    students: list[str]
    columns: list[str] = field(default_factory=lambda: ["ours", "paper", "diff."])
    last: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def markdown(self) -> str:
        first, *others = self.columns
        figures = [text for name in self.students for text in (f"{name}: {first}", *others)]
        headers = [*self.stub, *figures, *self.last]
        align = "l" * len(self.stub) + "r" * len(figures) + "l" * len(self.last)
        parts = [f"**{self.name}.** {self.caption}", markdown_table(headers, self.rows, align), *self.notes]
        return "\n\n".join(parts) + "\n"

    def latex(self) -> str:
        """A booktabs tabular and its notes, to be \\input into a table environment."""
        width, figures = len(self.columns), self.columns * len(self.students)
        groups = [f"\\multicolumn{{{width}}}{{c}}{{{latex_text(name)}}}" for name in self.students]
        firsts = range(len(self.stub) + 1, len(self.stub) + len(figures), width)
        rules = [f"\\cmidrule(lr){{{first}-{first + width - 1}}}" for first in firsts]
        lines = [
            f"% {self.name}. {' '.join(self.caption.split())} Needs \\usepackage{{booktabs}}.",
            f"\\begin{{tabular}}{{{'l' * len(self.stub)}{'r' * len(figures)}{'l' * len(self.last)}}}",
            "\\toprule",
            " & ".join([*[""] * len(self.stub), *groups, *[""] * len(self.last)]) + " \\\\",
            " ".join(rules),
            latex_row([*self.stub, *figures, *self.last]),
            "\\midrule",
            *(latex_row(row) for row in self.rows),
            "\\bottomrule",
            "\\end{tabular}",
            *(f"\\par\\smallskip{{\\footnotesize {latex_text(note)}\\par}}" for note in self.notes),
        ]
        return "\n".join(lines) + "\n"


def markdown_table(headers: Sequence[str], rows: Sequence[Sequence[str]], align: str) -> str:
    """A Markdown table, padded to be read as it is; ``align`` has l or r for each column."""
    lines = [[cell.replace("|", "\\|") for cell in line] for line in (headers, *rows)]
    widths = [max(3, *(len(line[i]) for line in lines)) for i in range(len(headers))]
    rule = ["-" * (width - 1) + ":" if side == "r" else "-" * width for width, side in zip(widths, align, strict=True)]
    padded = [
        [
            cell.rjust(width) if side == "r" else cell.ljust(width)
            for cell, width, side in zip(line, widths, align, strict=True)
        ]
        for line in lines
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in [padded[0], rule, *padded[1:]])


LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "±": r"$\pm$",
    "−": "$-$",
    "–": "--",
    "α": r"$\alpha$",
    "β": r"$\beta$",
    "γ": r"$\gamma$",
}


def latex_text(text: str) -> str:
    return "".join(LATEX.get(character, character) for character in text)


def latex_row(cells: Sequence[str]) -> str:
    return " & ".join(map(latex_text, cells)) + " \\\\"


def signed(value: float) -> str:
    """Percentage points with sign and two decimals; no negative zero."""
    return f"{round(value, 2) + 0.0:+.2f}".replace("-", "−")


def points(value: float | None) -> str:
    """Percentage points; a dash for none."""
    return DASH if value is None or math.isnan(value) else signed(value)


def interval(low: float | None, high: float | None) -> str:
    """`+0.10 to +0.35`; a dash for none."""
    return DASH if DASH in (points(low), points(high)) else f"{points(low)} to {points(high)}"


def p_value(value: float | None) -> str:
    """Two digits; a dash for none."""
    return DASH if value is None or math.isnan(value) else f"{value:.2g}"


def with_sd(mean: str, sd: float | None) -> str:
    """Mean ± standard deviation; the mean alone where there is no spread."""
    return mean if absent(sd) else f"{mean} ± {sd:.2f}"


def absent(value: float | None) -> bool:
    return value is None or math.isnan(value)


def records(frame: "pd.DataFrame") -> list[dict[str, Any]]:
    """A table's rows, each a mapping of columns to values."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]
