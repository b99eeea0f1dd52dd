"""What a technique is held against: the baselines of as much training on as many images, and a control of its own.

A baseline is that for as many epochs as the student learned for, where the study has it: a method whose students go
on from vanilla distillation is held against vanilla distillation that goes on too. From fewer images it is that from
as few, or none; of images that were made there is none. A control is what the technique's source compares with: soft
labels with hard ones of the same images.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from kdbench.plan import Plan
from kdbench.planned import PlannedRun
from kdbench.recipes.schema import Recipe
from kdbench.report.style import line_label

BASELINES = ("scratch", "vanilla")


@dataclass(frozen=True)
class Technique:
    """A run that gives a student its accuracy by one method."""

    recipe: Recipe
    run: PlannedRun
    student: str

    @property
    def title(self) -> str:
        return line_label(self.run.lesson)


def techniques(plan: Plan) -> Iterator[Technique]:
    """Each method's run of each student, in the plan's order; none where it tunes weights, or has several of it."""
    for recipe in plan.recipes:
        for lesson in recipe.lessons:
            for student in plan.students:
                run = plan.only_run(lesson.method, student)
                if run and not lesson.tuning:
                    yield Technique(recipe, run, student)


def baseline_of(plan: Plan, frame: pd.DataFrame, baseline: str, technique: Technique) -> str | None:
    """The baseline's finished run from as many images, for as many epochs if there is one; None without."""
    if technique.run.lesson.images.made_by:
        return None
    stands = {lesson.method for lesson in plan.lessons if baseline in (lesson.method, lesson.baseline)}
    own = technique.run.lesson.images.fraction
    runs = [plan.only_run(method, technique.student) for method in sorted(stands)]
    fitting = [run for run in runs if run and run.lesson.images.fraction == own and finished(frame, run.name)]
    if technique.run.name in (run.name for run in fitting):  # a baseline beside the usual one, which has no gain
        fitting = [run for run in fitting if run.method == baseline]
    as_long = [run for run in fitting if epochs(plan, frame, run) == epochs(plan, frame, technique.run)]
    usual = [run for run in fitting if run.method == baseline or own < 1]
    found = next(iter([*as_long, *usual]), None)
    return None if found is None or found.name == technique.run.name else found.name


def control_of(plan: Plan, frame: pd.DataFrame, technique: Technique) -> str | None:
    """The finished run of the method that the technique's lesson names as its control."""
    run = plan.only_run(technique.run.lesson.control or "", technique.student)
    return run.name if run and finished(frame, run.name) else None


def stands_alone(row: dict[str, Any]) -> bool:
    """Whether a row of the gains is of one network, and not of training from scratch again, as grey images may be."""
    return bool(row["networks"] == 1 and row["gain_scratch"] != 0)


def finished(frame: pd.DataFrame, run: str) -> bool:
    return bool((frame["run"] == run).any())


def epochs(plan: Plan, frame: pd.DataFrame, run: PlannedRun) -> int:
    """For how many epochs a run's learners have learned in the end: those of a run that they go on from count.

    Of networks that answer together, the epochs of all.
    """
    if run.fused_runs:
        return sum(epochs(plan, frame, plan.runs[name]) for name in run.fused_runs)
    own = frame.loc[frame["run"] == run.name, "epochs"].max()  # NaN where it is not finished
    before = plan.runs.get(run.starts_from or "")
    goes_on = before is not None and set(run.learners) <= set(before.learners)
    return (0 if pd.isna(own) else int(own)) + (epochs(plan, frame, before) if before and goes_on else 0)
