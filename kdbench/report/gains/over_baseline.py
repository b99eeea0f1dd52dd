"""Each technique's gain over a baseline, training from scratch or vanilla distillation, a panel a student."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from kdbench.config import Config
from kdbench.plan import Plan
from kdbench.report.lettering import cut, plain
from kdbench.report.statistics import LEVEL
from kdbench.report.style import (
    GREY,
    PAGE,
    POINTS,
    SMALL,
    TEXT,
    house_style,
    label_within,
    new_figure,
    study_note,
    words_figure,
)
from kdbench.report.text_table import records

ROW, HEAD, FOOT = 0.145, 0.55, 0.42  # inches
LEFT = 0.3  # of the width, for labels
ABOVE, BELOW = "#0072B2", "#D55E00"
WORDS = {"scratch": "training from scratch", "vanilla": "vanilla distillation"}


def draw_gains(config: Config, table: pd.DataFrame, baseline: str) -> Figure:
    """Dots with their 95 % intervals, in percentage points, sorted by their mean over the students."""
    columns = {f"{column}_{baseline}": column for column in ("gain", "low", "high", "p_adjusted")}
    shown = table.rename(columns=columns)
    shown = shown[shown["gain"].notna() & (shown["fraction"] == 1)]
    if shown.empty:
        return words_figure(f"No technique has a run of {WORDS[baseline]} to be compared with.", study_note(config))
    order = shown.groupby("method", sort=False)["gain"].mean().sort_values(kind="stable").index
    lessons = {lesson.method: lesson for lesson in Plan(config).lessons}
    students = [student.name for student in config.students if student.name in set(shown["student"])]
    height = HEAD + ROW * len(order) + FOOT
    note = (
        "Blue: above; orange: below. Bars: 95 % intervals over seeds. Filled, or starred: significant after adjustment "
        "for the number of methods."
    )
    with house_style():
        figure, share = new_figure(PAGE, height, study_note(config, note))
        whole = height / (1 - share)
        width = (0.99 - LEFT) / len(students)
        for place, student in enumerate(students):
            box = (LEFT + place * width, share + FOOT / whole, width - 0.015, ROW * len(order) / whole)
            axes = figure.add_axes(box)
            draw_student(axes, shown[shown["student"] == student].set_index("method"), list(order))
            axes.set_title(cut(plain(student), (width - 0.02) * PAGE * POINTS, TEXT, "bold"))
            labels = [label_within(lessons[method], (LEFT - 0.02) * PAGE * POINTS, SMALL - 1) for method in order]
            axes.set_yticks(range(len(order)), labels if place == 0 else [], fontsize=SMALL - 1)
        figure.supxlabel(
            f"gain over {WORDS[baseline]} (percentage points)",
            size=TEXT,
            x=(LEFT + 0.99) / 2,
            y=share + 0.06 / whole,
        )
        figure.legend(handles=legend(), loc="upper center", ncols=2)
    return figure


def draw_student(axes: Axes, rows: pd.DataFrame, order: list[str]) -> None:
    low = lowest_shown(rows["gain"])
    axes.axvline(0, color="black", linewidth=0.7)
    by_method = {row["method"]: row for row in records(rows.reset_index())}
    for height, method in enumerate(order):
        if method not in by_method:
            continue
        row = by_method[method]
        color = ABOVE if row["gain"] >= 0 else BELOW
        sure = row["p_adjusted"] < LEVEL
        if row["gain"] < low:
            text = f"◂ {row['gain']:.0f}{'*' if sure else ''}".replace("-", "−")
            at = axes.get_yaxis_transform()
            axes.text(0.02, height, text, transform=at, color=color, fontsize=SMALL - 1.5, va="center", ha="left")
            continue
        if pd.notna(row["low"]):
            axes.plot([row["low"], row["high"]], [height, height], color=color, linewidth=0.8)
        fill = color if sure else "white"
        dot: dict[str, Any] = {"markerfacecolor": fill, "markersize": 3, "markeredgewidth": 0.8}
        axes.plot(row["gain"], height, "o", color=color, **dot)
    bars = rows.loc[rows["gain"] >= low, ["low", "gain", "high"]]
    left, right = min(bars.min().min(), 0.0), max(bars.max().max(), 0.0)
    axes.set_xlim(left - 0.06 * (right - left), right + 0.06 * (right - left))
    axes.set_ylim(-0.7, len(order) - 0.3)
    axes.grid(axis="x")
    axes.tick_params(axis="x", labelsize=SMALL)


def lowest_shown(gains: pd.Series) -> float:
    """Where the axis begins: what is far below the others is told in a number, so that those can be told apart."""
    first, median = np.quantile(gains, [0.25, 0.5])
    return float(max(gains.min(), median - 4 * max(median - first, 2.0)))


def legend() -> list[Line2D]:
    dot = {"linestyle": "none", "marker": "o", "markersize": 3.5}
    return [
        Line2D([], [], color=GREY, label="significant", **dot),  # type: ignore[arg-type]
        Line2D([], [], color=GREY, markerfacecolor="white", label="not significant", **dot),  # type: ignore[arg-type]
    ]
