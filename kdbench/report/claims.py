"""Every claim of the paper, held against this study's runs: reproduced, not reproduced, undecided or not tested.

A claim compares two figures, ``first`` minus ``second``, paired by seed, in percentage points. Student's t-tests on
those differences decide it, at the 5 % level, their p-values adjusted together for the number of tests that the study's
claims need. Fewer than two seeds decide nothing. Otherwise a claim of kind

- *above* is reproduced where the mean differs from 0 and is positive. It is not reproduced where it differs and is
  negative, or where it does not but is below the paper's number and differs from that: an effect of the paper's size
  would have been seen. (Where the paper gives no number, or its own tables speak against its sentence, only the side
  of 0 counts.)
- *not above* is reproduced where the mean differs from 0 and is negative, not reproduced where it is positive.
- *comparable* is reproduced where the mean lies within the margin on both sides of 0 (two one-sided tests), the largest
  difference the paper calls comparable, and not reproduced where it lies beyond.

All else is undecided, and told with how many seeds an effect of the paper's size would probably show; what the study
lacks the student or the runs for is not tested. McNemar's p-value, on the predictions of the first common seed, is
information only: it speaks of two trained networks, not of two methods.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from kdbench.config import Config, format_weights
from kdbench.errors import KdbenchError
from kdbench.files import write_text
from kdbench.paper.reported import Claim, Kind, Paper, SelectionClaim, Side, read_paper
from kdbench.plan import Plan
from kdbench.report.collect import by_seed, read_results
from kdbench.report.selection import DECIMALS, tune_run
from kdbench.report.statistics import LEVEL, Sample, adjusted, mcnemar_p, paired_difference, sample, seeds_needed
from kdbench.report.study_notes import students_line, study_line
from kdbench.report.tables import selected_weights
from kdbench.report.text_table import DASH, markdown_table, signed

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
    "p",
    "p_adjusted",
    "verdict",
    "same_size",
    "seeds_needed",
    "mcnemar_p",
    "note",
]
HOW_JUDGED = """\
Each claim is a difference of two figures, paired by seed: the one said to be above minus the other (where the claim is
of no improvement or of comparable performance: Teacher-Student-Peer minus the other).
Ours is its mean over seeds, the interval its 95 % t-interval; all in percentage points of accuracy. Verdicts rest on
t-tests of these differences at the 5 % level, with p-values adjusted for the number of tests (Benjamini and Hochberg),
so that an interval beside 0 may not be enough. One seed decides
nothing. A claim that one is above the other is *reproduced* where the mean is significantly above 0, *not reproduced*
where it is significantly below 0, or not different from 0 but significantly below the paper's number (an effect of the
paper's size would have been seen), else *undecided*. Where the paper gives no number, or its own tables speak against
its sentence, only the side of 0 counts. A claim of no improvement is judged by the side of 0 alone. A claim of
comparable performance is *reproduced* where the mean lies significantly within ±{margin:g} points, the largest
difference the paper calls comparable, *not reproduced* where it lies significantly beyond, else *undecided*. *Not
tested*: the study lacks the student or the runs. Same size: whether the interval holds the paper's number. Seeds
needed: with how many a t-test would show an effect of the paper's size with 80 % power, at the spread seen here.
McNemar's p-value compares the two learners' test predictions at their first common seed; it is information and decides
nothing.
"""


def deciding_tests(kind: Kind, number: float | None, ours: Sample, margin: float) -> dict[str, float]:
    """The p-values that decide a claim, by what each tests; none with fewer than two seeds."""
    if ours.n < 2:
        return {}
    if kind == "comparable":
        within = max(ours.p(-margin, "greater"), ours.p(margin, "less"))
        beyond = ours.p(margin, "greater") if ours.mean > 0 else ours.p(-margin, "less")
        return {"within": within, "beyond": beyond}
    tests = {"direction": ours.p(0)}
    if kind == "above" and number is not None and number > 0:
        tests["size"] = ours.p(number)
    return tests


def verdict_on(
    kind: Kind, number: float | None, ours: Sample, margin: float, p: Mapping[str, float]
) -> tuple[Verdict, str]:
    """The verdict on a claim, by the adjusted p-values of ``deciding_tests``, and the reason in a few words."""
    if ours.n == 0:
        return "not tested", "the two share no seed"
    if ours.n == 1:
        return "undecided", "one seed decides nothing"
    significant = {test for test, value in p.items() if value < LEVEL}
    if kind == "comparable":
        if "within" in significant:
            return "reproduced", f"significantly within ±{margin:g}"
        if "beyond" in significant:
            return "not reproduced", f"significantly beyond ±{margin:g}"
        return "undecided", f"neither within nor beyond ±{margin:g} significantly"
    if "direction" in significant:
        above = ours.mean > 0
        return (
            "reproduced" if above == (kind == "above") else "not reproduced",
            f"significantly {'above' if above else 'below'} 0",
        )
    if number is not None and "size" in significant and ours.mean < number:
        return "not reproduced", "not different from 0, and significantly below the paper's number"
    return "undecided", "not significantly different from 0"


@dataclass
class Judged:
    """A claim, the paper's number for it where that may be held against ours, and what this study has to say."""

    claim: Claim | SelectionClaim
    kind: Kind
    number: float | None
    ours: Sample = field(default_factory=lambda: sample([]))
    mcnemar_p: float | None = None
    missing: str = ""
    remark: str = ""


def judge(config: Config, frame: pd.DataFrame, results: Path, paper: Paper) -> pd.DataFrame:
    """A row a claim, with COLUMNS, from results.csv and the runs' predictions.

    Raises KdbenchError where predictions that a claim needs are missing.
    """
    study, margin = Study(config, frame, results, paper), paper.comparable_margin
    judged = [*map(study.comparison, paper.claims()), *map(study.selection, paper.selection_claims)]
    tests = [deciding_tests(item.kind, item.number, item.ours, margin) for item in judged]
    # All tests of the study together, then back to the claims they belong to.
    corrected = iter(adjusted([p for of_claim in tests for p in of_claim.values()]))
    rows = [row(item, p, {test: next(corrected) for test in p}, margin) for item, p in zip(judged, tests, strict=True)]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"seeds_needed": "Int64"})


def row(judged: Judged, p: Mapping[str, float], corrected: Mapping[str, float], margin: float) -> dict[str, Any]:
    """A row of claims.csv, from a claim's p-values as they are and corrected for the number of tests."""
    claim, kind, number, ours = judged.claim, judged.kind, judged.number, judged.ours
    verdict, reason = verdict_on(kind, number, ours, margin, corrected)
    remark = judged.remark
    if kind == "comparable" and ours.low > 0:
        remark = "and above 0, where the paper saw no improvement"
    if kind == "above" and number is not None and number < 0:
        remark = "the paper's own tables speak against this sentence"
    effect = margin if kind == "comparable" else number
    needed = seeds_needed(effect, ours.sd) if verdict == "undecided" and effect else None
    if needed and effect:
        many = "these seeds" if needed <= ours.n else f"{needed} seeds"
        would = "would probably have shown" if needed <= ours.n else "would probably show"
        reason += f"; {many} {would} an effect of {signed(effect)}"
    decisive = "within" if kind == "comparable" else "direction"
    return {
        "id": claim.id,
        "claim": claim.text,
        "section": claim.section,
        "paper": claim.number,
        "ours": round(ours.mean, DECIMALS),
        "low": round(ours.low, DECIMALS),
        "high": round(ours.high, DECIMALS),
        "n": ours.n,
        "p": short(p.get(decisive)),
        "p_adjusted": short(corrected.get(decisive)),
        "verdict": verdict,
        "same_size": "" if number is None or ours.n < 2 else "yes" if ours.holds(number) else "no",
        "seeds_needed": needed,
        "mcnemar_p": short(judged.mcnemar_p),
        "note": judged.missing or "; ".join(filter(None, [reason, remark])),
    }


def short(p: float | None) -> float | None:
    return None if p is None else float(f"{p:.6g}")


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

    def comparison(self, claim: Claim) -> Judged:
        judged = Judged(claim, claim.kind, claim.number)
        judged.missing = self.missing(claim)
        sides = self.sides(claim)
        if sides is None:
            return judged
        first, second = sides
        judged.ours = paired_difference(first.by_seed(), second.by_seed())
        about_predictions = claim.first.figure == claim.second.figure == "test_accuracy"
        if about_predictions and judged.ours.n:
            judged.mcnemar_p = self.mcnemar_p(first, second)
        return judged

    def missing(self, claim: Claim) -> str:
        """Which student or runs of a claim the study lacks; empty where it has them all."""
        for side in (claim.first, claim.second):
            role = side.student or claim.role
            if role not in self.players:
                return f"the study has no {self.paper.students[role].network}"
        for side in (claim.first, claim.second):
            student = self.players[side.student or claim.role]
            if not self.find(side, student).runs:
                return f"the study has no {side.method} runs of {student}"
        return ""

    def sides(self, claim: Claim) -> tuple[Found, Found] | None:
        """Both sides of a claim, or None where the study lacks the student or the runs."""
        if self.missing(claim):
            return None
        first, second = (
            self.find(side, self.players[side.student or claim.role]) for side in (claim.first, claim.second)
        )
        return first, second

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

    def selection(self, claim: SelectionClaim) -> Judged:
        """The claimed point against the best of the others, for the criterion's student, over the tuning seeds."""
        judged = Judged(claim, "above", None)
        selected, grid = selected_weights(self.config, self.frame), self.config.tune.grid
        if not selected:
            judged.missing = "the study lacks the runs from scratch or the tuning runs"
            return judged
        if claim.weights not in grid or len(grid) == 1:
            judged.missing = f"the grid must hold {format_weights(claim.weights)} and another point"
            return judged
        student, chosen = selected["students"][claim.criterion], selected["chosen"][claim.criterion]
        others = [point for point in selected["grid"] if point["weights"] != claim.weights]
        rival = max(others, key=lambda point: point["validation_accuracy"][student])["weights"]
        first, second = (
            by_seed(self.frame, tune_run(point), student, "validation_accuracy") for point in (claim.weights, rival)
        )
        judged.ours = paired_difference(first, second)
        judged.remark = f"the {claim.criterion} student here is {student} and chooses {format_weights(chosen)}"
        if student == self.players.get(claim.student):
            judged.number = claim.number
        return judged


def claims_markdown(config: Config, judged: pd.DataFrame, paper: Paper) -> str:
    counts = ", ".join(f"{verdict} {(judged['verdict'] == verdict).sum()}" for verdict in VERDICTS)
    headers = [
        "Claim",
        "Section",
        "Paper",
        "Ours",
        "95 % interval",
        "Seeds",
        "p adjusted",
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
            p_value(row["p_adjusted"]),
            row["verdict"],
            row["same_size"],
            p_value(row["mcnemar_p"]),
            row["note"],
        ]
        for row in judged.to_dict("records")
    ]
    parts = [
        f"**{len(judged)} claims of the paper: {counts}.**",
        study_line(config),
        *filter(None, [students_line(config, paper)]),
        markdown_table(headers, rows, "llrrrrrllrl"),
        HOW_JUDGED.format(margin=paper.comparable_margin).replace("\n", " ").strip(),
    ]
    return "\n\n".join(parts) + "\n"


def p_value(value: float | None) -> str:
    return "" if value is None or pd.isna(value) else f"{value:.2g}"


def points(value: float | None) -> str:
    return DASH if value is None or pd.isna(value) else signed(value)


def write_claims(config: Config, results: Path) -> None:
    """Write claims.csv and claims.md from results.csv and the runs' predictions."""
    paper = read_paper()
    judged = judge(config, read_results(results), results, paper)
    write_text(results / "claims.csv", judged.to_csv(index=False, lineterminator="\n"))
    write_text(results / "claims.md", claims_markdown(config, judged, paper))
