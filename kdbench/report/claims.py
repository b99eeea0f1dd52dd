"""Every claim of the paper, held against this study's runs: reproduced, not reproduced, undecided or not tested.

A claim compares two figures, ``first`` minus ``second``, paired by seed; its interval is the 95 % t-interval of the
mean difference, in percentage points. Fewer than two seeds decide nothing. Otherwise a claim of kind

- *above* is reproduced where the interval lies wholly above 0. It is not reproduced where the interval lies wholly
  below 0, or holds 0 but not the paper's number: an effect of the paper's size would have been seen. (Where the paper
  gives no number, or its own tables speak against its sentence, only the side of 0 counts.)
- *not above* is reproduced where the interval lies wholly below 0, not reproduced where it lies wholly above.
- *comparable* is reproduced where the interval lies within the margin on both sides of 0, the largest difference the
  paper calls comparable, and not reproduced where it lies wholly outside.

All else is undecided; what the study lacks the student or the runs for is not tested. McNemar's p-value, on the
predictions of the first common seed, is information only: it speaks of two trained networks, not of two methods.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from kdbench.config import Config
from kdbench.errors import KdbenchError
from kdbench.files import write_text
from kdbench.paper.reported import Claim, Kind, Paper, SelectionClaim, Side, read_paper
from kdbench.plan import Plan, format_weights
from kdbench.report.collect import by_seed, read_results
from kdbench.report.selection import DECIMALS, tune_run
from kdbench.report.statistics import Sample, mcnemar_p, paired_difference, sample
from kdbench.report.tables import (
    DASH,
    markdown_table,
    selected_weights,
    signed,
    students_line,
    study_line,
)

Verdict = Literal["reproduced", "not reproduced", "undecided", "not tested"]
VERDICTS: tuple[Verdict, ...] = ("reproduced", "not reproduced", "undecided", "not tested")
COLUMNS = [
    "id",
    "claim",
    "section",
    "paper",
    "ours",
    "low",
    "high",
    "n",
    "verdict",
    "same_size",
    "mcnemar_p",
    "note",
]
HOW_JUDGED = """\
Each claim is a difference of two figures, paired by seed: the one said to be above minus the other (where the claim is
of no improvement or of comparable performance: Teacher-Student-Peer minus the other).
Ours is its mean over seeds, the interval its 95 % t-interval; all in percentage points of accuracy. One seed decides
nothing. A claim that one is above the other is *reproduced* where the interval lies wholly above 0, *not reproduced*
where it lies wholly below 0, or holds 0 but not the paper's number (an effect of the paper's size would have been
seen), else *undecided*. Where the paper gives no number, or its own tables speak against its sentence, only the side
of 0 counts. A claim of no improvement is judged by the side of 0 alone. A claim of comparable performance is
*reproduced* where the interval lies within ±{margin:g} points, the largest difference the paper calls comparable,
*not reproduced* where it lies wholly outside, else *undecided*. *Not tested*: the study lacks the student or the runs.
Same size: whether the interval holds the paper's number. McNemar's p-value compares the two learners' test predictions
at their first common seed; it is information and decides nothing.
"""


def verdict_on(kind: Kind, number: float | None, ours: Sample, margin: float) -> tuple[Verdict, str]:
    """The verdict on a claim, and the reason in a few words."""
    if ours.n == 0:
        return "not tested", "the two share no seed"
    if ours.n == 1:
        return "undecided", "one seed decides nothing"
    if kind == "comparable":
        if -margin <= ours.low and ours.high <= margin:
            return "reproduced", f"the interval lies within ±{margin:g}"
        if ours.low > margin or ours.high < -margin:
            return "not reproduced", f"the interval lies outside ±{margin:g}"
        return "undecided", f"the interval holds differences within and beyond ±{margin:g}"
    if ours.low > 0:
        return "reproduced" if kind == "above" else "not reproduced", "the interval lies above 0"
    if ours.high < 0:
        return "reproduced" if kind == "not above" else "not reproduced", "the interval lies below 0"
    if kind == "above" and number is not None and number > 0:
        if ours.holds(number):
            return "undecided", "the interval holds 0 and the paper's number"
        return "not reproduced", "the interval holds 0 but not the paper's number"
    return "undecided", "the interval holds 0"


def judge(config: Config, frame: pd.DataFrame, results: Path, paper: Paper) -> pd.DataFrame:
    """A row a claim, with COLUMNS, from results.csv and the runs' predictions.

    Raises KdbenchError where predictions that a claim needs are missing.
    """
    judged = Study(config, frame, results, paper)
    rows = [judged.comparison(claim) for claim in paper.claims()]
    rows += [judged.selection(claim) for claim in paper.selection_claims]
    return pd.DataFrame(rows, columns=COLUMNS)


@dataclass(frozen=True)
class Found:
    """One side of a claim in this study: a figure of a student by run and seed."""

    student: str
    runs: dict[str, dict[int, float]]

    def by_seed(self) -> dict[int, float]:
        """The mean over the runs, at each seed that all of them have."""
        runs = list(self.runs.values())
        seeds = set.intersection(*map(set, runs))
        return {seed: sum(run[seed] for run in runs) / len(runs) for seed in seeds}


class Study:
    """The study's figures, by the paper's roles."""

    def __init__(self, config: Config, frame: pd.DataFrame, results: Path, paper: Paper) -> None:
        self.config, self.frame, self.results, self.paper = config, frame, results, paper
        self.plan = Plan(config)
        self.players = {role: name for name, role in paper.roles(config.students).items() if role}

    def comparison(self, claim: Claim) -> dict[str, Any]:
        sides = [(side, side.student or claim.role) for side in (claim.first, claim.second)]
        for _, role in sides:
            if role not in self.players:
                return self.row(claim, note=f"the study has no {self.paper.students[role].network}")
        first, second = (self.find(side, self.players[role]) for side, role in sides)
        for side, found in ((claim.first, first), (claim.second, second)):
            if not found.runs:
                return self.row(claim, note=f"the study has no {side.method} runs of {found.student}")
        ours = paired_difference(first.by_seed(), second.by_seed())
        about_predictions = claim.first.figure == claim.second.figure == "test_accuracy"
        p = self.mcnemar_p(first, second) if about_predictions and ours.n else None
        return self.row(claim, ours, claim.kind, p)

    def find(self, side: Side, student: str) -> Found:
        """The finished runs of the side's method that train ``student``; none where one of them is not finished."""
        planned = [run.name for run in self.plan.runs.values() if run.method == side.method and student in run.learners]
        runs = {name: by_seed(self.frame, name, student, side.figure) for name in planned}
        return Found(student, runs if all(runs.values()) else {})

    def mcnemar_p(self, first: Found, second: Found) -> float | None:
        """Of the first common seed; None where a side is more than one network."""
        if len(first.runs) > 1 or len(second.runs) > 1:
            return None
        seed = min(first.by_seed().keys() & second.by_seed().keys())
        return mcnemar_p(*(self.correct(next(iter(found.runs)), seed, found.student) for found in (first, second)))

    def correct(self, run: str, seed: int, learner: str) -> np.ndarray:
        """Which test images a learner classifies correctly, bool [N]."""
        path = self.results / "runs" / run / f"seed{seed}" / f"predictions-{learner}.npz"
        try:
            with np.load(path) as stored:
                return stored["correct"]
        except FileNotFoundError:
            raise KdbenchError(f"{path}: no such file: run snakemake to train the run again") from None
        except KeyError:
            raise KdbenchError(
                f'{path}: holds no array "correct": remove {path.parent} and run snakemake again'
            ) from None
        except (ValueError, OSError) as error:
            raise KdbenchError(
                f"{path}: damaged file ({error}): remove {path.parent} and run snakemake again"
            ) from None

    def selection(self, claim: SelectionClaim) -> dict[str, Any]:
        """The claimed point against the best of the others, for the criterion's student, over the tuning seeds."""
        selected, grid = selected_weights(self.config, self.frame), self.config.tune.grid
        if not selected:
            return self.row(claim, note="the study lacks the runs from scratch or the tuning runs")
        if claim.weights not in grid or len(grid) == 1:
            return self.row(claim, note=f"the grid must hold {format_weights(claim.weights)} and another point")
        student, chosen = selected["students"][claim.criterion], selected["chosen"][claim.criterion]
        others = [point for point in selected["grid"] if point["weights"] != claim.weights]
        rival = max(others, key=lambda point: point["validation_accuracy"][student])["weights"]
        first, second = (
            by_seed(self.frame, tune_run(point), student, "validation_accuracy") for point in (claim.weights, rival)
        )
        remark = f"the {claim.criterion} student here is {student} and chooses {format_weights(chosen)}"
        same_student = student == self.players.get(claim.student)
        return self.row(claim, paired_difference(first, second), comparable_size=same_student, remark=remark)

    def row(
        self,
        claim: Claim | SelectionClaim,
        ours: Sample | None = None,
        kind: Kind = "above",
        p: float | None = None,
        comparable_size: bool = True,
        note: str = "",
        remark: str = "",
    ) -> dict[str, Any]:
        """A row of claims.csv; ``note`` says why a claim is not tested, ``remark`` adds to the verdict's reason."""
        ours = ours or sample([])
        number = claim.number if comparable_size else None
        verdict, reason = verdict_on(kind, number, ours, self.paper.comparable_margin)
        if not note:
            if kind == "comparable" and ours.low > 0:
                remark = "and above 0, where the paper saw no improvement"
            if kind == "above" and number is not None and number < 0:
                remark = "the paper's own tables speak against this sentence"
            note = "; ".join(filter(None, [reason, remark]))
        same_size = "" if number is None or ours.n < 2 else "yes" if ours.holds(number) else "no"
        return {
            "id": claim.id,
            "claim": claim.text,
            "section": claim.section,
            "paper": claim.number,
            "ours": round(ours.mean, DECIMALS),
            "low": round(ours.low, DECIMALS),
            "high": round(ours.high, DECIMALS),
            "n": ours.n,
            "verdict": verdict,
            "same_size": same_size,
            "mcnemar_p": None if p is None else float(f"{p:.6g}"),
            "note": note,
        }


def claims_markdown(config: Config, judged: pd.DataFrame, paper: Paper) -> str:
    counts = ", ".join(f"{verdict} {(judged['verdict'] == verdict).sum()}" for verdict in VERDICTS)
    headers = [
        "Claim",
        "Section",
        "Paper",
        "Ours",
        "95 % interval",
        "Seeds",
        "Verdict",
        "Same size",
        "McNemar p",
        "Why",
    ]
    rows = [
        [
            row["claim"],
            row["section"],
            points(row["paper"]),
            points(row["ours"]),
            DASH if pd.isna(row["low"]) else f"{points(row['low'])} to {points(row['high'])}",
            str(row["n"]),
            row["verdict"],
            row["same_size"],
            "" if pd.isna(row["mcnemar_p"]) else f"{row['mcnemar_p']:.2g}",
            row["note"],
        ]
        for row in judged.to_dict("records")
    ]
    parts = [
        f"**{len(judged)} claims of the paper: {counts}.**",
        study_line(config),
        *filter(None, [students_line(config, paper)]),
        markdown_table(headers, rows, "llrrrrllrl"),
        HOW_JUDGED.format(margin=paper.comparable_margin).replace("\n", " ").strip(),
    ]
    return "\n\n".join(parts) + "\n"


def points(value: float | None) -> str:
    return DASH if value is None or pd.isna(value) else signed(value)


def write_claims(config: Config, results: Path) -> None:
    """Write claims.csv and claims.md from results.csv and the runs' predictions."""
    paper = read_paper()
    judged = judge(config, read_results(results), results, paper)
    write_text(results / "claims.csv", judged.to_csv(index=False, lineterminator="\n"))
    write_text(results / "claims.md", claims_markdown(config, judged, paper))
