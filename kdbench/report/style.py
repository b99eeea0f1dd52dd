"""The look of every figure: one colour, line style and marker a method, sizes, footnote, and how it is saved."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import seaborn as sns
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from kdbench.config import Config
from kdbench.files import write_with
from kdbench.paper.deviations import deviations
from kdbench.recipes.lesson import Lesson
from kdbench.recipes.schema import known_methods
from kdbench.report.lettering import cut, plain, text_width, wrap

matplotlib.use("Agg")

COLUMN, PAGE = 3.3, 7.0  # widths in inches of one and of two columns of a paper
TEXT, SMALL, NOTE = 8.0, 7.0, 6.0  # font sizes in points, at those widths
GREY = "#6b6b6b"
POINTS = 72  # an inch

RC = {
    **sns.axes_style("ticks"),
    "font.family": ["DejaVu Sans"],  # ships with matplotlib: the same letters everywhere
    "font.size": TEXT,
    "axes.titlesize": TEXT,
    "axes.titleweight": "bold",
    "axes.labelsize": TEXT,
    "legend.fontsize": TEXT,
    "legend.frameon": False,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "axes.linewidth": 0.7,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "ytick.minor.size": 1.5,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.4,
    "lines.markersize": 4,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.fonttype": "path",
    "svg.hashsalt": "kdbench",  # identifiers in the SVG follow from its content alone
    "mathtext.fontset": "dejavusans",
    "text.hinting": "no_hinting",  # letters as wide in the PNG as measured, and as in the SVG
}


@dataclass(frozen=True)
class Look:
    """How a method is drawn; ``dashes`` is on, off, ... in line widths, empty for a solid line."""

    color: str
    dashes: tuple[float, ...]
    marker: str


# Okabe and Ito's colours, told apart with every kind of colour vision.
LOOKS = {
    "scratch": Look("#000000", (), "o"),
    "vanilla": Look("#0072B2", (4, 1.5), "s"),
    "peer": Look("#D55E00", (6, 1.5, 1, 1.5), "^"),
    "alternate-to": Look("#009E73", (1.5, 1), "D"),
    "alternate": Look("#CC79A7", (8, 1.5), "v"),
}  # the paper's methods
FURTHER_COLORS = ("#E69F00", "#56B4E9", "#7F3C8D", "#8B6508", "#A5AA00", "#7F7F7F")
FURTHER_DASHES: tuple[tuple[float, ...], ...] = (
    (3, 1, 1, 1, 1, 1),
    (2, 2),
    (7, 1, 2, 1),
    (5, 3),
    (1, 2.5),
    (9, 2),
    (4, 1, 4, 3),
    (2, 1, 1, 1),
    (6, 1, 1, 1, 1, 1, 1, 1),
    (3, 3),
    (10, 1, 3, 1),
    (1, 1, 4, 1),
    (6, 4, 2, 4),
)
FURTHER_MARKERS = ("P", "X", "p", "h", "<", ">", "8")  # as many as have no divisor in common with the dashes'


def method_look(method: str) -> Look:
    """The colour, line and marker of ``method``, the same in every figure of every study."""
    if method in LOOKS:
        return LOOKS[method]
    others = sorted((set(known_methods()) | {method}) - set(LOOKS))
    place = others.index(method)
    return Look(
        FURTHER_COLORS[place % len(FURTHER_COLORS)],
        FURTHER_DASHES[place % len(FURTHER_DASHES)],
        FURTHER_MARKERS[place % len(FURTHER_MARKERS)],
    )


def line_label(lesson: Lesson) -> str:
    """The lesson's title without a particular student, for the legend that all panels share."""
    title = lesson.title.format(others="learned peers", left_out="student", student="", weights="")
    return " ".join(title.split())


def label_within(lesson: Lesson, width: float, size: float) -> str:
    """The lesson's label if at most ``width`` points wide, else what it is called where there is no room."""
    label = plain(line_label(lesson))
    return label if text_width(label, size) <= width else cut(plain(lesson.short), width, size)


@contextmanager
def house_style() -> Iterator[None]:
    with matplotlib.rc_context(RC):
        yield


def study_note(config: Config, note: str = "") -> str:
    """The study's title and in what it deviates from the paper, then ``note``; one paragraph."""
    parts = [plain(config.study.title)]
    if differences := deviations(config):
        parts.append("Deviates from the paper: " + "; ".join(map(plain, differences)))
    return " ".join(part if part.endswith((".", "!", "?")) else f"{part}." for part in [*parts, note] if part)


def new_figure(width: float, height: float, footnote: str) -> tuple[Figure, float]:
    """A figure of ``width`` x ``height`` inches above a footnote in small grey letters, which adds to the height.

    Also returns the share of the whole height that the footnote takes, in 0..1.
    """
    margin, leading = 0.12, NOTE * 1.35 / POINTS
    lines = wrap(footnote, (width - 2 * margin) * POINTS * 0.98, NOTE)
    note = len(lines) * leading + 0.08
    figure = Figure(figsize=(width, height + note))
    FigureCanvasAgg(figure)
    for number, line in enumerate(reversed(lines)):
        y = (0.04 + (number + 0.3) * leading) / (height + note)
        figure.text(margin / width, y, line, size=NOTE, color=GREY, va="baseline", gid=f"footnote{number}")
    return figure, note / (height + note)


def words_figure(sentence: str, footnote: str) -> Figure:
    """A figure that says in words why there is nothing to draw."""
    lines = wrap(plain(sentence), (PAGE - 0.6) * POINTS, TEXT)
    height = 0.5 + len(lines) * TEXT * 1.5 / POINTS
    figure, share = new_figure(PAGE, height, footnote)
    figure.text(0.5, (1 + share) / 2, "\n".join(lines), ha="center", va="center", linespacing=1.5)
    return figure


def save(figure: Figure, stem: Path) -> None:
    """Write ``stem``.svg and ``stem``.png (200 dpi), whole; the same figure gives the same bytes."""
    with house_style():
        if figure.get_layout_engine() is not None:
            figure.draw_without_rendering()
            figure.set_layout_engine("none")  # both files keep the layout found once
        write_with(stem.with_suffix(".svg"), lambda path: figure.savefig(path, format="svg", metadata={"Date": None}))
        write_with(stem.with_suffix(".png"), lambda path: figure.savefig(path, format="png", dpi=200))
