"""Limited data: accuracy against the share of the training images that is kept, a panel a student."""

import re

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullLocator

from kdbench.config import Config
from kdbench.report.lettering import cut, plain
from kdbench.report.style import (
    FURTHER_COLORS,
    LOOKS,
    PAGE,
    POINTS,
    TEXT,
    house_style,
    method_look,
    new_figure,
    study_note,
    words_figure,
)


def families(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of techniques that were tried with several shares of the images or a smaller one; with ``family``.

    A method's family is its name without a number at the end: vid-20 and vid-100 are of the family vid.
    """
    real = table[table["fraction"] > 0]
    named = real.assign(family=[re.sub(r"-\d+$", "", method) for method in real["method"]])
    shares = named.groupby("family")["fraction"]
    limited = (shares.transform("nunique") > 1) | (shares.transform("min") < 1)
    return named[limited & named["accuracy"].notna()]


def draw_data(config: Config, table: pd.DataFrame) -> Figure:
    shown = families(table)
    if shown.empty:
        return words_figure("No technique was tried with fewer images.", study_note(config))
    students = [student.name for student in config.students if student.name in set(shown["student"])]
    titles = {
        str(family): plain(re.sub(r",? \d[\d.]* ?%.*$", "", group.sort_values("fraction")["title"].iloc[-1]))
        for family, group in shown.groupby("family", sort=False)
    }
    looks = drawn_as(list(titles))
    note = (
        "Bars: standard deviation over seeds. A method's steps are the same number at every share. The teacher learned "
        "from all images; only the student's are fewer."
    )
    with house_style():
        figure, share = new_figure(PAGE, 2.6, study_note(config, note))
        figure.set_layout_engine("constrained", rect=(0, share, 1, 1 - share))
        row = figure.subplots(1, len(students), sharey=False, squeeze=False)[0]
        for axes, student in zip(row, students, strict=True):
            draw_panel(axes, shown[shown["student"] == student], sorted(shown["fraction"].unique()), looks)
            axes.set_title(cut(plain(student), 0.8 * PAGE / len(students) * POINTS, TEXT, "bold"))
            axes.set_xlabel("training images kept (%)")
        row[0].set_ylabel("test accuracy (%)")
        handles = [Line2D([], [], label=title, **looks[family]) for family, title in titles.items()]  # type: ignore[arg-type]
        figure.legend(handles=handles, loc="outside upper center", ncols=min(3, len(handles)))
    return figure


def draw_panel(axes: Axes, rows: pd.DataFrame, fractions: list[float], looks: dict[str, dict[str, object]]) -> None:
    for family in map(str, rows["family"].unique()):
        group = rows[rows["family"] == family].sort_values("fraction")
        axes.errorbar(
            100 * group["fraction"],
            group["accuracy"],
            yerr=group["sd"],
            elinewidth=0.8,
            **looks[family],  # type: ignore[arg-type]
        )
    axes.set_xscale("log")
    axes.set_xticks([100 * fraction for fraction in fractions])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())


def drawn_as(families: list[str]) -> dict[str, dict[str, object]]:
    """How each family is drawn: as its method everywhere, but no two in one colour, as long as there are enough."""
    further = [family for family in families if family not in LOOKS]
    colors = {family: FURTHER_COLORS[place % len(FURTHER_COLORS)] for place, family in enumerate(further)}
    drawn: dict[str, dict[str, object]] = {}
    for family in families:
        look = method_look(family)
        drawn[family] = {
            "color": colors.get(family, look.color),
            "linestyle": (0, look.dashes) if look.dashes else "-",
            "marker": look.marker,
            "markersize": 3.5,
            "linewidth": 1.1,
        }
    return drawn
