"""The paper's own next steps: does a student gain more with more peers, and with more epochs?

A gain is a student's test accuracy minus that of the same student from scratch over as many epochs, in percentage
points, paired by seed. Vanilla distillation is the gain with no peers.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from kdbench.config import Config
from kdbench.files import write_text
from kdbench.finished import DECIMALS
from kdbench.plan import Plan
from kdbench.planned import PlannedRun
from kdbench.report.collect import by_seed, read_results
from kdbench.report.lettering import cut, plain
from kdbench.report.selected import weights_section
from kdbench.report.statistics import LEVEL, adjusted, paired_difference
from kdbench.report.study_notes import study_line
from kdbench.report.style import (
    PAGE,
    POINTS,
    TEXT,
    house_style,
    line_label,
    method_look,
    new_figure,
    save,
    study_note,
    words_figure,
)
from kdbench.report.text_table import interval, markdown_table, p_value, records, signed
from kdbench.variations import readings, variations

COLUMNS = ["change", "method", "run", "student", "peers", "epochs", "n", "scratch", "gain", "low", "high"]
TREND_COLUMNS = ["method", "student", "along", "few", "many", "n", "difference", "low", "high", "p", "p_adjusted"]


def taught(plan: Plan) -> Iterator[tuple[PlannedRun, str, int]]:
    """Each run that gives a student its figure, the student, and how many peers it listens to.

    Runs that tune weights, and methods that train a student in several runs, are left out.
    """
    for lesson in plan.lessons:
        for student in plan.students:
            run = plan.only_run(lesson.method, student)
            if run and lesson.teacher and not lesson.tuning:
                frozen = len(plan.runs[run.frozen_peers_run].learners) if run.frozen_peers_run else 0
                yield run, student, frozen + (len(run.learners) - 1 if lesson.peers == "live" else 0)


def differences(config: Config, results: Path) -> pd.DataFrame:
    """A row per seed of each gain: change, method, run, student, peers, epochs, seed, scratch, gain."""
    rows = []
    for name, (place, of_place) in readings(config, "further", results).items():
        frame, plan = read_results(of_place), Plan(place)
        for run, student, peers in taught(plan):
            scratch = by_seed(frame, f"scratch-{student}", student, "test_accuracy")
            for seed, accuracy in by_seed(frame, run.name, student, "test_accuracy").items():
                if seed in scratch:
                    place_of = (name, run.method, run.name, student, peers, place.training.epochs)
                    rows.append((*place_of, seed, scratch[seed], accuracy - scratch[seed]))
    return pd.DataFrame(rows, columns=[*COLUMNS[:6], "seed", "scratch", "gain"])


def gains(each: pd.DataFrame) -> pd.DataFrame:
    """The mean accuracy from scratch, and gain with its 95 % interval; with COLUMNS, from ``differences``."""
    rows = []
    for place, group in each.groupby(COLUMNS[:6], sort=False):
        found = paired_difference(
            dict(zip(group["seed"], group["gain"], strict=True)), dict.fromkeys(group["seed"], 0.0)
        )
        figures = (group["scratch"].mean(), found.mean, found.low, found.high)
        rows.append((*place, found.n, *(round(value, DECIMALS) for value in figures)))
    return pd.DataFrame(rows, columns=COLUMNS)


def along_peers(config: Config, table: pd.DataFrame) -> pd.DataFrame:
    """The rows of a table of gains that differ in the number of peers alone, vanilla distillation among them."""
    return table[(table["epochs"] == config.training.epochs) & table["method"].isin(["vanilla", "peer"])]


def along_epochs(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that differ in the number of epochs alone: of the students that took part with most numbers of them."""
    together = table.groupby("change")["student"].agg(lambda students: "+".join(sorted(set(students))))
    among = table["change"].map(together)
    varied = table.groupby(among)["epochs"].nunique()
    return table[among == varied.idxmax()] if len(varied) else table


def trends(config: Config, each: pd.DataFrame) -> pd.DataFrame:
    """How much more is gained with the most than with the fewest peers, and epochs; with TREND_COLUMNS."""
    rows = []
    live = along_peers(config, each)
    for along, table in (("peers", live[live["method"] == "peer"]), ("epochs", along_epochs(each))):
        for (method, student), group in table.groupby(["method", "student"], sort=False):
            few, many = group[along].min(), group[along].max()
            if few == many:
                continue
            ends = [group[group[along] == end].groupby("seed")["gain"].mean().to_dict() for end in (many, few)]
            found = paired_difference(*ends)
            figures = [round(value, DECIMALS) for value in (found.mean, found.low, found.high)]
            rows.append((method, student, along, few, many, found.n, *figures, found.p(0.0)))
    frame = pd.DataFrame(rows, columns=TREND_COLUMNS[:-1])
    frame["p_adjusted"] = adjusted(frame["p"].tolist())
    return frame


def draw(config: Config, table: pd.DataFrame) -> Figure:
    """Gain against the number of peers (above) and of epochs (below), a column of panels a student."""
    students = [student.name for student in config.students]
    rows = [
        (name, part)
        for name, part in (("peers", along_peers(config, table)), ("epochs", along_epochs(table)))
        if part[name].nunique() > 1
    ]
    if not rows:
        return words_figure("Neither the number of peers nor that of epochs was varied.", study_note(config))
    studies = [config, *variations(config, "further").values()]
    titles = {lesson.method: plain(line_label(lesson)) for study in studies for lesson in Plan(study).lessons}
    with house_style():
        note = "Dots: means over seeds; bars: their 95 % intervals. Vanilla distillation has no peers."
        figure, share = new_figure(PAGE, 0.5 + 1.7 * len(rows), study_note(config, note))
        figure.set_layout_engine("constrained", rect=(0, share, 1, 1 - share))
        grid = figure.subplots(len(rows), len(students), sharey="row", squeeze=False)
        for line, (along, part) in zip(grid, rows, strict=True):
            for axes, student in zip(line, students, strict=True):
                of_student = part[part["student"] == student]
                draw_panel(axes, along, of_student, sorted(part[along].unique()))
            line[0].set_ylabel("gain (points)")
        for axes, student in zip(grid[0], students, strict=True):
            axes.set_title(cut(plain(student), 0.8 * PAGE / len(students) * POINTS, TEXT, "bold"))
        methods = list(dict.fromkeys(method for _, part in rows for method in part["method"]))
        handles = [Line2D([], [], label=titles[method], **drawn_as(method)) for method in methods]
        figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    return figure


def draw_panel(axes: Axes, along: str, part: pd.DataFrame, places: list[int]) -> None:
    if part.empty:
        axes.set_xticks([])
        axes.text(0.5, 0.5, "not run", ha="center", va="center", transform=axes.transAxes)
        return
    axes.axhline(0, color="black", linewidth=0.7)
    for method, group in part.groupby("method", sort=False):
        group = group.sort_values(along)
        reach = [group["gain"] - group["low"], group["high"] - group["gain"]]
        axes.errorbar(group[along], group["gain"], yerr=reach, elinewidth=0.8, **drawn_as(str(method)))
    axes.set_xlabel(along)
    if along == "epochs":
        axes.set_xscale("log")
        axes.set_xticks(places)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlim(places[0] / 1.4, places[-1] * 1.4)
    else:
        axes.set_xlim(places[0] - 0.5, places[-1] + 0.5)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def drawn_as(method: str) -> dict[str, Any]:
    look = method_look(method)
    style = (0, look.dashes) if look.dashes else "-"
    return {"color": look.color, "linestyle": style, "marker": look.marker, "markersize": 3.5, "linewidth": 1.1}


def findings(found: pd.DataFrame) -> str:
    """What the trends say, in sentences."""
    if found.empty:
        return "Neither the number of peers nor that of epochs was varied."
    said = []
    for along, group in found.groupby("along", sort=False):
        sure = group[group["p_adjusted"] < LEVEL]
        more, less = (sure["difference"] > 0).sum(), (sure["difference"] < 0).sum()
        said.append(
            f"From each student's fewest {along} to its most ({group['few'].min()} to {group['many'].max()} over all), "
            f"the gain over scratch grows significantly in {more} and shrinks significantly in {less} of {len(group)} "
            "comparisons."
        )
    return " ".join(said)


def text(config: Config, results: Path, table: pd.DataFrame, found: pd.DataFrame) -> str:
    """further.md: the findings, what they rest on, and every gain."""
    trend_rows = [
        [
            row["method"],
            row["student"],
            f"{row['few']} → {row['many']} {row['along']}",
            signed(row["difference"]),
            interval(row["low"], row["high"]),
            str(row["n"]),
            p_value(row["p_adjusted"]),
        ]
        for row in records(found)
    ]
    gain_rows = [
        [row["change"], row["method"], row["student"], str(row["peers"]), str(row["epochs"])]
        + [f"{row['scratch']:.2f}", signed(row["gain"]), interval(row["low"], row["high"]), str(row["n"])]
        for row in records(table)
    ]
    parts = [
        findings(found),
        study_line(config),
        "## How the gain over scratch changes\n\nPercentage points of test accuracy, paired by seed.",
        markdown_table(
            ["Method", "Student", "From → to", "Change of gain", "95 % interval", "Seeds", "p adjusted"],
            trend_rows,
            "lllrrrr",
        ),
        *weights_section(config, "further", results),
        "## Every gain over scratch",
        markdown_table(
            ["Study", "Method", "Student", "Peers", "Epochs", "Scratch (%)", "Gain", "95 % interval", "Seeds"],
            gain_rows,
            "lllrrrrrr",
        ),
    ]
    return "\n\n".join(parts) + "\n"


def write_further(config: Config, results: Path) -> None:
    """Write gains.csv, trends.csv, further.md and the figure into ``results``/further."""
    folder, each = results / "further", differences(config, results)
    table, found = gains(each), trends(config, each)
    write_text(folder / "gains.csv", table.to_csv(index=False, lineterminator="\n"))
    write_text(folder / "trends.csv", found.to_csv(index=False, lineterminator="\n"))
    write_text(folder / "further.md", text(config, results, table, found))
    save(draw(config, table), folder / "further")
