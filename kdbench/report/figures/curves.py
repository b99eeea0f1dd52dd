"""Figures 2 and 3: how each student learned by each method, epoch by epoch, a panel a student."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from kdbench.config import Config
from kdbench.plan import Plan
from kdbench.recipes.lesson import Lesson
from kdbench.report.collect import read_results
from kdbench.report.lettering import cut, plain, text_width
from kdbench.report.style import (
    COLUMN,
    GREY,
    LOOKS,
    PAGE,
    POINTS,
    TEXT,
    Look,
    line_label,
    method_look,
    new_figure,
    study_note,
    words_figure,
)

NOT_DRAWN = ("teacher", "alternate")  # as the paper: of alternate learning, the phase with learned peers
LOG_RATIO = 20  # losses that differ more than this many times are drawn on a logarithmic axis
PANELS_A_ROW = 4
MOST_LINES = 10  # in a panel
NOTHING = "No student of this study has been trained yet, so there is no course of learning to draw."


@dataclass(frozen=True)
class Line:
    """One method's line in one student's panel.

    ``history`` holds seed, epoch, train_loss in nats and train_accuracy in percent; ``test_accuracy`` one
    percentage a seed.
    """

    student: str
    method: str
    label: str
    history: pd.DataFrame
    test_accuracy: pd.Series

    @property
    def look(self) -> Look:
        return method_look(self.method)


def learning_curves(config: Config, results: Path) -> list[Line]:
    """Every line that has a finished run, in the order of the students and of the study's methods.

    A method has a line for a student that learns in exactly one of its runs; runs that tune weights have none.
    """
    plan = Plan(config)
    tested, drawn = read_results(results), drawn_methods(plan)
    return [
        line
        for student in plan.students
        for lesson in plan.lessons
        if lesson.method in drawn
        for line in student_lines(plan, lesson, student, results, tested)
    ]


def drawn_methods(plan: Plan) -> list[str]:
    """The methods with a line: all but those that tune weights; where they are too many to tell apart, the paper's."""
    methods = [lesson.method for lesson in plan.lessons if lesson.method not in NOT_DRAWN and not lesson.tuning]
    return methods if len(methods) <= MOST_LINES else [method for method in methods if method in LOOKS]


def student_lines(plan: Plan, lesson: Lesson, student: str, results: Path, tested: pd.DataFrame) -> Iterator[Line]:
    run = plan.only_run(lesson.method, student)
    if run is None:
        return
    histories = []
    for seed in run.seeds:
        path = results / "runs" / run.name / f"seed{seed}" / "history.csv"
        if path.exists():
            rows = pd.read_csv(path, converters={"learner": str})  # text even where a student is called NA
            histories.append(rows[rows["learner"] == student].assign(seed=seed))
    if histories and any(len(rows) for rows in histories):
        own = (tested["run"] == run.name) & (tested["learner"] == student) & tested["seed"].isin(run.seeds)
        yield Line(
            student=student,
            method=lesson.method,
            label=plain(line_label(lesson)),
            history=pd.concat(histories, ignore_index=True),
            test_accuracy=tested.loc[own, "test_accuracy"].dropna(),
        )


def draw_loss(config: Config, results: Path) -> Figure:
    """Figure 2: the loss each method minimises, over the training set, in nats."""
    lines = learning_curves(config, results)
    if not lines:
        return words_figure(NOTHING, study_note(config))
    means = pd.concat([line.history.groupby("epoch")["train_loss"].mean() for line in lines])
    logarithmic = means.min() > 0 and means.max() / means.min() > LOG_RATIO
    note = "Each method minimises an objective of its own, so that the heights of different methods do not compare."
    figure, panels = draw_panels(config, lines, "train_loss", f"{note} {describe_seeds(lines)}")
    for axes in panels:
        if logarithmic:
            axes.set_yscale("log")
            label_log_axis(axes)
        else:
            axes.set_ylim(bottom=0)
    figure.supylabel(f"training loss (nats{', logarithmic' if logarithmic else ''})", size=TEXT)
    return figure


def draw_accuracy(config: Config, results: Path) -> Figure:
    """Figure 3: training accuracy, measured while learning, and the test accuracy at the end; percent."""
    lines = learning_curves(config, results)
    if not lines:
        return words_figure(NOTHING, study_note(config))
    spread = " ± standard deviation" if max(seed_count(line) for line in lines) > 1 else ""
    when = "at the last epoch" if config.reported_epoch == "last" else "of the best validation epoch"
    note = f"Open markers, side by side: test accuracy{spread} {when}."
    test = Line2D([], [], color=GREY, marker="o", markerfacecolor="white", markeredgewidth=1.3, linestyle="none")
    test.set_label("Open marker: test accuracy")
    figure, panels = draw_panels(config, lines, "train_accuracy", f"{note} {describe_seeds(lines)}", [test])
    for axes, student in zip(panels, dict.fromkeys(line.student for line in lines), strict=True):
        draw_test_accuracies(axes, [line for line in lines if line.student == student])
        axes.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
    figure.supylabel("training accuracy (%)", size=TEXT)
    return figure


def curve_data(column: str, config: Config, results: Path) -> pd.DataFrame:
    """What figures 2 and 3 draw: student, method, seed, epoch and ``column``, a row an epoch."""
    names = ["student", "method", "seed", "epoch", column]
    lines = learning_curves(config, results)
    rows = [line.history.assign(student=line.student, method=line.method)[names] for line in lines]
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=names)


def seed_count(line: Line) -> int:
    return line.history["seed"].nunique()


def describe_seeds(lines: list[Line]) -> str:
    counts = sorted({seed_count(line) for line in lines})
    if counts == [1]:
        return "One seed."
    many = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else str(counts[0])
    return f"Lines: mean of {many} seeds; bands: from the lowest to the highest seed."


def panel_grid(panels: int) -> tuple[int, int]:
    """Rows and columns, as even as possible, of at most four panels a row."""
    rows = math.ceil(panels / PANELS_A_ROW)
    return rows, math.ceil(panels / rows)


def draw_panels(
    config: Config, lines: list[Line], column: str, note: str, further_handles: Sequence[Line2D] = ()
) -> tuple[Figure, list[Axes]]:
    """A panel a student with the lines of ``column`` over epochs, and one legend above; axes in the students' order."""
    students = list(dict.fromkeys(line.student for line in lines))
    rows, columns = panel_grid(len(students))
    width = COLUMN if columns == 1 else PAGE
    labels = dict.fromkeys((line.label, line.method) for line in lines)
    handles = [*(legend_handle(label, method_look(method)) for label, method in labels), *further_handles]
    legend_columns = fitting_columns([str(handle.get_label()) for handle in handles], width)
    legend_rows = math.ceil(len(handles) / legend_columns)
    height = 0.3 + 0.18 * legend_rows + rows * (2.1 if columns < 4 else 1.9)
    figure, share = new_figure(width, height, study_note(config, note))
    figure.set_layout_engine("constrained", rect=(0, share, 1, 1 - share))
    panels = []
    for place, student in enumerate(students):
        axes = figure.add_subplot(rows, columns, place + 1)
        for line in lines:
            if line.student == student:
                draw_line(axes, line, column)
        axes.set_title(cut(plain(student), 0.8 * width / columns * POINTS, TEXT, "bold"))
        axes.set_xlabel("epoch" if place >= len(students) - columns else "")
        axes.set_ylabel("")
        label_epochs(axes, max(line.history["epoch"].max() for line in lines))
        sns.despine(ax=axes)
        panels.append(axes)
    figure.legend(handles=handles, loc="outside upper center", ncols=legend_columns, handlelength=3.2)
    return figure, panels


def draw_line(axes: Axes, line: Line, column: str) -> None:
    several, look = seed_count(line) > 1, line.look
    epochs = line.history["epoch"].nunique()
    sns.lineplot(
        data=line.history,
        x="epoch",
        y=column,
        ax=axes,
        color=look.color,
        dashes=False,
        errorbar=("pi", 100) if several else None,
        err_kws={"alpha": 0.15, "linewidth": 0},
        legend=False,
    )
    drawn = axes.lines[-1]
    drawn.set_dashes(look.dashes or (None, None))
    every = math.ceil(epochs / 10)
    drawn.set(marker=look.marker, markevery=((epochs - 1) % every, every), markeredgewidth=0)
    drawn.set_gid(f"{line.method} {column}")


def draw_test_accuracies(axes: Axes, lines: list[Line]) -> None:
    """One open marker a method, side by side from the last epoch on, so that none hides another."""
    last = max(line.history["epoch"].max() for line in lines)
    left, right = axes.get_xlim()
    step = 0.045 * (right - left)
    axes.set_xlim(left, max(right, last + (len(lines) + 1) * step))
    tested = [line for line in lines if len(line.test_accuracy)]
    for place, line in enumerate(tested, start=1):
        several = len(line.test_accuracy) > 1
        marker = axes.errorbar(
            last + place * step,
            line.test_accuracy.mean(),
            yerr=line.test_accuracy.std() if several else None,
            fmt=line.look.marker,
            color=line.look.color,
            markersize=5,
            markerfacecolor="white",
            markeredgewidth=1.3,
            elinewidth=1,
            capsize=2,
            zorder=5,
        )
        marker.lines[0].set_gid(f"{line.method} test_accuracy")


def label_epochs(axes: Axes, last: float) -> None:
    ticks = MaxNLocator(nbins=6, integer=True, min_n_ticks=1).tick_values(1, last)
    axes.set_xticks([tick for tick in ticks if 1 <= tick <= last])
    margin = max(0.06 * (last - 1), 0.3)
    axes.set_xlim(1 - margin, last + margin)


def label_log_axis(axes: Axes) -> None:
    """Plain numbers, few of them; no label between them."""
    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)) if high / low > 10 else MaxNLocator(4))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def legend_handle(label: str, look: Look) -> Line2D:
    handle = Line2D([], [], color=look.color, marker=look.marker, markeredgewidth=0, label=label)
    handle.set_dashes(look.dashes or (None, None))
    return handle


def fitting_columns(labels: list[str], width: float) -> int:
    """How many legend entries stand side by side in ``width`` inches."""
    widest = max(text_width(label, TEXT) for label in labels) + 5.2 * TEXT
    return max(1, min(len(labels), int(width * POINTS / widest)))
