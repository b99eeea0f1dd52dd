"""What a study's runs say of each claim of the paper: both its figures by seed, or what the study lacks for it."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from kdbench.config import Config, format_weights
from kdbench.finished import read_predictions
from kdbench.paper.reported import Claim, Kind, Paper, SelectionClaim, Side
from kdbench.plan import Plan
from kdbench.report.collect import by_seed
from kdbench.report.selected import selected_weights
from kdbench.report.selection import tune_run
from kdbench.report.statistics import Sample, mcnemar_p, paired_difference, sample


@dataclass
class Evidence:
    """A claim, the paper's number for it where that may be held against ours, and what this study has to say."""

    claim: Claim | SelectionClaim
    kind: Kind
    number: float | None
    ours: Sample = field(default_factory=lambda: sample([]))
    mcnemar_p: float | None = None
    missing: str = ""
    remark: str = ""


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

    def comparison(self, claim: Claim) -> Evidence:
        evidence = Evidence(claim, claim.kind, claim.number)
        evidence.missing = self.missing(claim)
        sides = self.sides(claim)
        if sides is None:
            return evidence
        first, second = sides
        evidence.ours = paired_difference(first.by_seed(), second.by_seed())
        about_predictions = claim.first.figure == claim.second.figure == "test_accuracy"
        if about_predictions and evidence.ours.n:
            evidence.mcnemar_p = self.mcnemar_p(first, second)
        return evidence

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
        return read_predictions(self.results / "runs" / run / f"seed{seed}", learner).correct

    def selection(self, claim: SelectionClaim) -> Evidence:
        """The claimed point against the best of the others, for the criterion's student, over the tuning seeds."""
        evidence = Evidence(claim, "above", None)
        selected, grid = selected_weights(self.config, self.frame), self.config.tune.grid
        if not selected:
            evidence.missing = "the study has no runs that tune weights"
            return evidence
        if claim.weights not in grid or len(grid) == 1:
            evidence.missing = f"the grid must hold {format_weights(claim.weights)} and another point"
            return evidence
        student, chosen = selected["students"][claim.criterion], selected["chosen"][claim.criterion]
        others = [point for point in selected["grid"] if point["weights"] != claim.weights]
        rival = max(others, key=lambda point: point["validation_accuracy"][student])["weights"]
        first, second = (
            by_seed(self.frame, tune_run(point), student, "validation_accuracy") for point in (claim.weights, rival)
        )
        evidence.ours = paired_difference(first, second)
        evidence.remark = f"the {claim.criterion} student here is {student} and chooses {format_weights(chosen)}"
        if student == self.players.get(claim.student):
            evidence.number = claim.number
        return evidence
