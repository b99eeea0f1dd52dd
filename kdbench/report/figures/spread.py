"""Figure 6, this study's own: each of the paper's gains beside what two runs differ by whose seeds alone differ.

A single run of each method shows a gain where it is larger than the grey band: what two runs, one a method, at seeds
that have nothing in common, differ by through chance alone, with 95 % probability. (Where the paper's number is a mean
of several runs, as that of students taught in two pairs, so are these.)
"""

from dataclasses import dataclass
from pathlib import Path

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
from kdbench.report.statistics import Sample, chance_between, paired_difference, sample
from kdbench.report.style import PAGE, POINTS, SMALL, house_style, new_figure, study_note, words_figure

ROW, HEAD, FOOT = 0.19, 0.35, 0.42  # inches
LEFT = 0.3  # of the width, for labels
LABEL = (LEFT - 0.02) * PAGE * POINTS
OURS, PAPER, BAND = "#0072B2", "#D55E00", "#d9d9d9"


@dataclass(frozen=True)
class Gain:
    """A gain the paper reports, ours over seeds, and how far two single runs differ by chance; percentage points."""

    label: str
    number: float
    ours: Sample
    chance: float

    @property
    def shows(self) -> bool:
        """Whether one run of each method would tell the paper's gain from chance."""
        return self.number > self.chance


def gains(config: Config, results: Path) -> list[Gain]:
    """The paper's gains of a student by one method over another that this study can measure, with two seeds or more."""
    paper = read_paper()
    study, found = Study(config, read_results(results), results, paper), []
    for claim in paper.claims():
        sides = study.sides(claim)
        if sides is None or not is_gain(claim):
            continue
        first, second = (side.by_seed() for side in sides)
        ours = paired_difference(first, second)
        if ours.n < 2:
            continue
        chance = chance_between(sample(list(first.values())), sample(list(second.values())))
        short = {lesson.method: lesson.short for lesson in study.plan.lessons}
        label = f"{sides[0].student}: {short[claim.first.method]} over {short[claim.second.method]}"
        found.append(Gain(plain(label), claim.number or 0.0, ours, chance))
    return found


def spread_data(config: Config, results: Path) -> pd.DataFrame:
    """What figure 6 draws, a row a gain, in percentage points."""
    rows = [
        (gain.label, gain.number, gain.ours.n, gain.ours.mean, gain.ours.low, gain.ours.high, gain.chance)
        for gain in gains(config, results)
    ]
    return pd.DataFrame(rows, columns=["gain", "paper", "n", "ours", "low", "high", "chance"]).round(DECIMALS)


def is_gain(claim: Claim) -> bool:
    """Whether a claim is of one student's higher test accuracy, with a number."""
    about_tests = claim.first.figure == claim.second.figure == "test_accuracy"
    same_student = claim.first.student == claim.second.student
    return claim.kind == "above" and about_tests and same_student and claim.number is not None and claim.number > 0


def draw_spread(config: Config, results: Path) -> Figure:
    found = gains(config, results)
    if not found:
        return words_figure(
            "No runs of a student whose gains the paper reports have two seeds here, so that there is no spread to set "
            "them against.",
            study_note(config),
        )
    height = HEAD + ROW * len(found) + FOOT
    note = (
        f"Of the {len(found)} gains, {sum(gain.shows for gain in found)} are larger than a single run of each method "
        "may differ by through chance: those whose diamond lies outside its band."
    )
    figure, share = new_figure(PAGE, height, study_note(config, note))
    whole = height / (1 - share)
    axes = figure.add_axes((LEFT, share + FOOT / whole, 0.98 - LEFT, ROW * len(found) / whole))
    draw_rows(axes, found)
    with house_style():
        figure.legend(handles=legend(), loc="upper center", ncols=3)
    return figure


def draw_rows(axes: Axes, found: list[Gain]) -> None:
    heights = np.arange(len(found))[::-1]
    axes.barh(
        heights, [2 * gain.chance for gain in found], left=[-gain.chance for gain in found], height=0.8, color=BAND
    )
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


def legend() -> list[Line2D | Patch]:
    return [
        Line2D([], [], linestyle="none", marker="D", color=PAPER, markersize=3.5, label="the paper's gain"),
        Line2D([], [], marker="o", color=OURS, markersize=3.5, linewidth=1, label="ours, with its 95 % interval"),
        Patch(color=BAND, label="chance alone, a run of each method"),
    ]
