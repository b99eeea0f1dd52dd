"""What accuracy costs: each technique's accuracy against the size of its network and against its training time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from kdbench.config import Config
from kdbench.plan import Plan
from kdbench.recipes.lesson import Lesson
from kdbench.report.lettering import cut, plain, text_width, wrap
from kdbench.report.style import (
    PAGE,
    POINTS,
    SMALL,
    TEXT,
    house_style,
    line_label,
    new_figure,
    study_note,
    words_figure,
)

FRONT, REST = "#D55E00", "#9a9a9a"
PANEL, GAP, FOOT = 1.75, 0.42, 0.4  # inches: a panel's height, what stands above it, its label below the last
FIRST, WIDTH, STEP = 0.09, 0.265, 0.465  # shares of the figure's width: where panels begin, their width, to the next
LETTERS = SMALL - 1.5
WIDE = 20  # most over least, beyond which an axis has fewer numbers


@dataclass(frozen=True)
class Price:
    """A column of the table that is paid for accuracy, in ``unit`` of ``scale`` each."""

    column: str
    label: str
    scale: float


PRICES = (Price("bytes", "weights (kB)", 1000), Price("cost", "training (s)", 1))


def pareto(rows: pd.DataFrame, price: str) -> pd.DataFrame:
    """The rows that no other matches in accuracy for less, cheapest first."""
    best, kept = float("-inf"), []
    for index, row in rows.sort_values([price, "accuracy"], ascending=[True, False], kind="stable").iterrows():
        if row["accuracy"] > best:
            best = row["accuracy"]
            kept.append(index)
    return rows.loc[kept]


def draw_cost(config: Config, table: pd.DataFrame) -> Figure:
    """A row of panels a student: accuracy against size and against cost, the techniques of the front named."""
    shown = table[(table["fraction"] == 1) & table["accuracy"].notna() & (table["cost"] > 0)]
    if shown.empty:
        return words_figure("No technique is finished.", study_note(config))
    students = [student.name for student in config.students if student.name in set(shown["student"])]
    note = (
        "Coloured and named: the Pareto front, methods that no other matches for less. Training: of a run and all "
        "runs it needs, but for the teacher's. A triangle at the edge: far below."
    )
    lessons = {lesson.method: lesson for lesson in Plan(config).lessons}
    height = (PANEL + GAP) * len(students) + FOOT
    with house_style():
        figure, share = new_figure(PAGE, height, study_note(config, note))
        whole = height / (1 - share)
        for row, student in enumerate(students):
            own, bottom = shown[shown["student"] == student], whole - (PANEL + GAP) * (row + 1)
            for place, price in enumerate(PRICES):
                axes = figure.add_axes((FIRST + STEP * place, bottom / whole, WIDTH, PANEL / whole))
                draw_panel(axes, own, price, lessons)
                if row == len(students) - 1:
                    axes.set_xlabel(price.label)
                if place == 0:
                    axes.set_ylabel("test accuracy (%)")
                    axes.set_title(cut(plain(student), WIDTH * PAGE * POINTS, TEXT, "bold"), loc="left")
                else:
                    axes.set_yticklabels([])
    return figure


def draw_panel(axes: Axes, rows: pd.DataFrame, price: Price, lessons: Mapping[str, Lesson]) -> None:
    front = pareto(rows, price.column)
    low = lowest_shown(rows["accuracy"])
    for points, color, size in ((rows, REST, 2.8), (front, FRONT, 3.5)):
        x, y = points[price.column] / price.scale, points["accuracy"]
        axes.plot(x[y >= low], y[y >= low], "o", color=color, markersize=size, markeredgewidth=0)
        axes.plot(x[y < low], [low] * int((y < low).sum()), "v", color=color, markersize=size + 0.5, clip_on=False)
    x = front[price.column] / price.scale
    axes.step(x, front["accuracy"], where="post", color=FRONT, linewidth=0.8)
    paid = rows[price.column] / price.scale
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if paid.max() < WIDE * paid.min() else (1, 3)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    beyond = max(1.6, (10 * paid.min() / paid.max()) ** 0.5)  # a power of ten at least, so that there are numbers to it
    axes.set_xlim(paid.min() / beyond, paid.max() * beyond)
    axes.set_ylim(low, rows["accuracy"].max() + 0.12 * (rows["accuracy"].max() - low))
    number_points(axes, list(zip(x, front["accuracy"].clip(lower=low), strict=True)))
    handles = [
        Line2D([], [], linestyle="none", label=legend_entry(place, lessons[method]))
        for place, method in enumerate(front["method"], 1)
    ]
    beside: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.03), "borderaxespad": 0.2}
    axes.legend(handles=handles, handlelength=0, handletextpad=0, fontsize=LETTERS, labelcolor=FRONT, **beside)


def number_points(axes: Axes, points: list[tuple[float, float]]) -> None:
    """1, 2, ... above the points, to the left; below, to the right, where that would cover the number before."""
    last = (float("-inf"), float("-inf"))
    for place, at in enumerate(points, 1):
        x, y = axes.transData.transform(at) * POINTS / axes.figure.dpi
        covers = x - last[0] < 2 * LETTERS and abs(y - last[1]) < 1.5 * LETTERS
        offset: dict[str, Any] = (
            {"xytext": (3, -3), "ha": "left", "va": "top"} if covers else {"xytext": (-3, 3), "ha": "right"}
        )
        axes.annotate(str(place), at, textcoords="offset points", fontsize=LETTERS, color=FRONT, **offset)
        last = (float("-inf"), float("-inf")) if covers else (x, y)


def legend_entry(place: int, lesson: Lesson) -> str:
    """Number and title, in two lines if need be; what it is called where there is no room where two are not enough."""
    number = f"{place} "
    room = (STEP - WIDTH - 0.02) * PAGE * POINTS - text_width(number, LETTERS)
    lines = wrap(plain(line_label(lesson)), room, LETTERS)
    return number + ("\n   ".join(lines) if len(lines) <= 2 else cut(plain(lesson.short), room, LETTERS))


def lowest_shown(accuracy: pd.Series) -> float:
    """Where the axis begins: what is far below the others is a triangle there, so that those can be told apart."""
    first, median = np.quantile(accuracy, [0.25, 0.5])
    least = median - 4 * max(median - first, 2.0)
    margin = 0.08 * (accuracy.max() - max(accuracy.min(), least) or 1.0)
    return float(max(accuracy.min() - margin, least))
