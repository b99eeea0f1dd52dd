"""One epoch of vanilla distillation by every contender, as bars on a logarithmic scale."""

from pathlib import Path

import pandas as pd
import seaborn as sns
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from kdbench.report.style import PAGE, house_style, save

CONTENDERS = {  # in the order drawn
    "torchdistill": "torchdistill",
    "plain loop, live teacher": "plain loop, teacher at every step",
    "kdbench": "kdbench, stored outputs",
    "floor": "floor: the student alone, one batch in memory",
}
COLOURS = ["#9e9e9e", "#c9c9c9", "#0072b2", "#56b4e9"]


def epochs(folder: Path) -> pd.DataFrame:
    """Seconds an epoch takes: student, teacher, contender, seconds; the floor's are of another session."""
    live = pd.concat([pd.read_csv(path) for path in sorted(folder.glob("live-*.csv"))])
    seconds = live.groupby(["student", "teacher", "contender"], as_index=False)["seconds"].sum()
    overhead = pd.read_csv(folder / "overhead.csv")
    floor = overhead[overhead["contender"] == "floor"].groupby("student", as_index=False)["seconds"].median()
    floors = [floor.assign(teacher=teacher, contender="floor") for teacher in seconds["teacher"].unique()]
    return pd.concat([seconds, *floors])


def draw(folder: Path) -> Figure:
    frame = epochs(folder)
    overhead = pd.read_csv(folder / "overhead.csv")
    students, images = list(overhead["student"].unique()), overhead["images"].iloc[0]
    teachers = sorted(frame["teacher"].unique())
    with house_style():
        figure = Figure(figsize=(PAGE, 2.9), layout="constrained")
        FigureCanvasAgg(figure)
        panels = figure.subplots(1, len(teachers), sharey=True, squeeze=False)[0]
        for number, (axes, teacher) in enumerate(zip(panels, teachers, strict=True)):
            sns.barplot(
                frame[frame["teacher"] == teacher],
                x="student",
                y="seconds",
                hue="contender",
                order=[student for student in students if student in set(frame["student"])],
                hue_order=list(CONTENDERS),
                palette=COLOURS,
                ax=axes,
                legend=number == 0,
            )
            for bars in axes.containers:
                axes.bar_label(bars, fmt="%.3g", fontsize=5.5, padding=1)
            axes.set(
                yscale="log", title=f"teacher: {teacher}", xlabel="", ylabel=f"seconds an epoch of {images:,} images"
            )
            axes.set_ylim(frame["seconds"].min() / 3, 2 * frame["seconds"].max())
        handles, labels = figure.axes[0].get_legend_handles_labels()
        figure.axes[0].get_legend().remove()
        figure.legend(handles, [CONTENDERS[label] for label in labels], loc="outside lower center", ncols=2)
    return figure


def write_figure(folder: Path) -> None:
    """``speed.png`` and ``speed.svg`` in ``folder``, from its CSV files."""
    save(draw(folder), folder / "speed")
