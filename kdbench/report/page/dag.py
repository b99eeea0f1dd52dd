"""The study's rules and what each waits for, from the plan alone; dag_picture.py draws them."""

from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Literal

from kdbench.config import Config
from kdbench.plan import Plan
from kdbench.recipes.lesson import Lesson
from kdbench.report.figures.example_rules import EXAMPLE_METHODS
from kdbench.terms import criterion
from kdbench.wording import counted

Kind = Literal["data", "training", "outputs", "selection", "report"]


@dataclass(frozen=True)
class Step:
    """A rule of the workflow: what its jobs do, and the rules whose files they read.

    ``method`` is given where the rule trains or reads networks of one.
    """

    rule: str
    about: str
    kind: Kind
    needs: tuple[str, ...] = ()
    method: str = ""


def steps(config: Config) -> list[Step]:
    """Every rule of the study that leads to its page, each after those it needs."""
    plan = Plan(config)
    methods = [lesson.method for lesson in plan.lessons]
    tuning = [lesson.method for lesson in plan.lessons if lesson.tuning]
    found = [Step("prepare_data", f"{config.data.source}, packed once", "data")]
    if any(plan.settings.holds_out(lesson) for lesson in plan.lessons):
        held_out = f"{100 * config.data.validation_fraction:g} % held out"
        found.append(Step("split_validation", held_out, "data", ("prepare_data",)))
    for lesson in plan.lessons:
        found.append(training(plan, lesson))
        needs = ("prepare_data", lesson.method)
        if plan.mentors_others(lesson) and not lesson.synthesise:
            found.append(Step(f"{lesson.method}-outputs", "predictions, stored", "outputs", needs, lesson.method))
        if plan.features_of(lesson):
            found.append(Step(f"{lesson.method}-features", "features, stored", "outputs", needs, lesson.method))
    if tuning:
        found.append(Step("select_weights", "by both criteria", "selection", tuple(tuning)))
        found.append(Step("write_selection", "selection.json", "report", tuple(tuning)))
    examples = tuple(method for method in methods if method in EXAMPLE_METHODS)
    return in_order(
        [
            *found,
            Step("collect_results", "results.csv", "report", tuple(methods)),
            Step("pick_examples", "of figures 4 and 5", "report", ("prepare_data", *examples)),
            Step("write_tables", "tables 1 to 3", "report", ("collect_results",)),
            Step("compare_methods", "gains.csv", "report", ("collect_results",)),
            Step("judge_claims", "claims.csv", "report", ("collect_results", *methods)),
            Step("draw_figures", "figures 1 to 6", "report", ("collect_results", "pick_examples", *methods)),
            Step(
                "write_page",
                "report.html",
                "report",
                ("write_tables", "compare_methods", "judge_claims", "draw_figures"),
            ),
        ]
    )


def training(plan: Plan, lesson: Lesson) -> Step:
    runs = [run for run in plan.runs.values() if run.lesson is lesson]
    needs = ["prepare_data", *(["split_validation"] if plan.settings.holds_out(lesson) else [])]
    for other in (other for other in plan.lessons if plan.needs(lesson, other)):
        stored = plan.listens(lesson, other) and not other.synthesise
        needs.append(f"{other.method}-outputs" if stored else other.method)
        if stored and any(term.layers for term in lesson.objective or []):
            needs.append(f"{other.method}-features")
    if criterion(lesson, plan.config):
        needs.append("select_weights")
    return Step(
        lesson.method, runs_and_seeds([len(run.seeds) for run in runs]), "training", tuple(needs), lesson.method
    )


def runs_and_seeds(seeds: list[int]) -> str:
    """How many runs, each of how many seeds."""
    fewest, most = min(seeds), max(seeds)
    numbers = str(most) if fewest == most else f"{fewest} to {most}"
    return f"{counted(len(seeds), 'run')} × {counted(numbers, 'seed')}"


def in_order(found: list[Step]) -> list[Step]:
    """The steps, each after those it needs; raises graphlib.CycleError where there is no such order."""
    steps = {step.rule: step for step in found}
    return [
        steps[rule] for rule in TopologicalSorter({rule: step.needs for rule, step in steps.items()}).static_order()
    ]


def direct_needs(found: list[Step]) -> dict[str, tuple[str, ...]]:
    """Of each rule, those it needs that no other of its needs leads to already."""
    before: dict[str, set[str]] = {}
    for step in found:
        before[step.rule] = set(step.needs).union(*(before[need] for need in step.needs))
    return {
        step.rule: tuple(
            need for need in dict.fromkeys(step.needs) if not any(need in before[other] for other in step.needs)
        )
        for step in found
    }
