"""Figure 6, this study's own: each of the paper's gains beside what two runs differ by whose seeds alone differ.

A single run of each method shows a gain where it is larger than the grey band: what two runs, one a method, at seeds
that have nothing in common, differ by through chance alone, with 95 % probability. (Where the paper's number is a mean
of several runs, as that of students taught in two pairs, so are these.) Of a method that ran at one seed the spread is
taken to be that of the student's other runs, and the band is hatched; where no method of a student has several, there
is no band.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from kdbench.config import Config
from kdbench.finished import DECIMALS
from kdbench.paper.reported import Claim, read_paper
from kdbench.report.collect import read_results
from kdbench.report.evidence import Study
from kdbench.report.lettering import cut, plain
from kdbench.report.statistics import Sample, chance_between, paired_difference, pooled, sample
from kdbench.report.style import PAGE, POINTS, SMALL, house_style, new_figure, study_note, words_figure

ROW, HEAD, FOOT = 0.19, 0.35, 0.42  # inches
LEFT = 0.3  # of the width, for labels
LABEL = (LEFT - 0.02) * PAGE * POINTS
OURS, PAPER, BAND = "#0072B2", "#D55E00", "#d9d9d9"


@dataclass(frozen=True)
class Gain:
    """A gain the paper reports, ours over seeds, and how far two single runs differ by chance; percentage points.

    The chance is ``borrowed`` where a method has one seed: from the spread of the student's other runs. NaN: unknown.
    """

    label: str
    number: float
    ours: Sample
    chance: float
    borrowed: bool

    @property
    def shows(self) -> bool:
        """Whether one run of each method would tell the paper's gain from chance."""
        return self.number > self.chance


def gains(config: Config, results: Path) -> list[Gain]:
    """The paper's gains of a student by one method over another that this study can measure."""
    paper, frame = read_paper(), read_results(results)
    study, found = Study(config, frame, results, paper), []
    short = {lesson.method: lesson.short for lesson in study.plan.lessons}
    for claim in paper.claims():
        sides = study.sides(claim)
        if sides is None or not is_gain(claim):
            continue
        first, second = (side.by_seed() for side in sides)
        ours = paired_difference(first, second)
        if not ours.n:
            continue
        usual = spread_of(frame, sides[0].student)
        own = [sample(list(side.values())) for side in (first, second)]
        chance = chance_between(*(usual if each.n == 1 else each for each in own))
        label = f"{sides[0].student}: {short[claim.first.method]} over {short[claim.second.method]}"
        found.append(Gain(plain(label), claim.number or 0.0, ours, chance, any(each.n == 1 for each in own)))
    return found


def spread_of(frame: pd.DataFrame, student: str) -> Sample:
    """The spread between seeds of all runs whose test accuracy of the student is known at several."""
    runs = frame[frame["learner"] == student].groupby("run")["test_accuracy"]
    return pooled(sample(list(values)) for _, values in runs)


def spread_data(config: Config, results: Path) -> pd.DataFrame:
    """What figure 6 draws, a row a gain, in percentage points."""
    rows = [
        (
            gain.label,
            gain.number,
            gain.ours.n,
            gain.ours.mean,
            gain.ours.low,
            gain.ours.high,
            gain.chance,
            gain.borrowed,
            None if np.isnan(gain.chance) else gain.shows,
        )
        for gain in gains(config, results)
    ]
    columns = ["gain", "paper", "n", "ours", "low", "high", "chance", "borrowed", "shows"]
    return pd.DataFrame(rows, columns=columns).round(DECIMALS)


def is_gain(claim: Claim) -> bool:
    """Whether a claim is of one student's higher test accuracy, with a number."""
    about_tests = claim.first.figure == claim.second.figure == "test_accuracy"
    same_student = claim.first.student == claim.second.student
    return claim.kind == "above" and about_tests and same_student and claim.number is not None and claim.number > 0


def draw_spread(config: Config, results: Path) -> Figure:
    found = gains(config, results)
    if not found:
        return words_figure(
            "No student whose gains the paper reports has the runs here to show them.",
            study_note(config),
        )
    height = HEAD + ROW * len(found) + FOOT
    known = [gain for gain in found if not np.isnan(gain.chance)]
    note = (
        f"Of {len(known)} gains with a band, {sum(gain.shows for gain in known)} are larger than a single run of each "
        "method may differ by through chance: those whose diamond lies outside it."
    )
    figure, share = new_figure(PAGE, height, study_note(config, note))
    whole = height / (1 - share)
    axes = figure.add_axes((LEFT, share + FOOT / whole, 0.98 - LEFT, ROW * len(found) / whole))
    draw_rows(axes, found)
    with house_style():
        figure.legend(handles=legend(found), loc="upper center", ncols=4)
    return figure


def draw_rows(axes: Axes, found: list[Gain]) -> None:
    heights = np.arange(len(found))[::-1]
    for height, gain in zip(heights, found, strict=True):
        axes.barh(height, 2 * gain.chance, left=-gain.chance, height=0.8, **band(gain.borrowed))
    axes.axvline(0, color="black", linewidth=0.7)
    for height, gain in zip(heights, found, strict=True):
        axes.plot([gain.ours.low, gain.ours.high], [height, height], color=OURS, linewidth=1)
    axes.plot([gain.ours.mean for gain in found], heights, "o", color=OURS, markersize=3.5)
    axes.plot([gain.number for gain in found], heights, "D", color=PAPER, markersize=3.5)
    axes.set_yticks(heights, [cut(gain.label, LABEL, SMALL) for gain in found], fontsize=SMALL)
    axes.set_ylim(-0.6, len(found) - 0.4)
    shown = [(gain.number, gain.ours.mean, gain.ours.low, gain.ours.high, gain.chance) for gain in found]
    reach = 1.05 * float(np.nanmax(np.abs(shown)))
    axes.set_xlim(-reach, reach)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("gain in test accuracy (percentage points)")


def band(borrowed: bool) -> dict[str, Any]:
    return {"facecolor": "white", "edgecolor": BAND, "hatch": "/////", "linewidth": 0} if borrowed else {"color": BAND}


def legend(found: list[Gain]) -> list[Line2D | Patch]:
    hatched = [Patch(label="chance, borrowed", **band(True))] if any(gain.borrowed for gain in found) else []
    return [
        Line2D([], [], linestyle="none", marker="D", color=PAPER, markersize=3.5, label="the paper's gain"),
        Line2D([], [], marker="o", color=OURS, markersize=3.5, linewidth=1, label="ours, 95 % interval"),
        Patch(label="chance alone, one run each", **band(False)),
        *hatched,
    ]
