"""What the page's learning curves are drawn from: each run's history, rounded and, where there is much, thinned."""

import csv
import math
from pathlib import Path
from typing import Any

from kdbench.config import Config
from kdbench.plan import Plan
from kdbench.report.figures.curves import drawn_methods
from kdbench.report.page.cells import number
from kdbench.report.style import line_label, method_look

MOST_VALUES = 120_000  # about 0.9 MB; beyond it only every second, third, ... epoch is kept
DIGITS = 4  # significant digits of a loss
LINE_WIDTH = 1.5


def curves(config: Config, results: Path, runs: list[dict[str, str]]) -> dict[str, Any]:
    """The finished runs' curves and what to filter them by, as plain values; ``runs`` are the rows of results.csv.

    A curve has a value of ``loss`` (nats) and ``accuracy`` (percent) at its ``first`` epoch and each ``every`` epochs
    after it, null where it is no number.
    """
    plan = Plan(config)
    known, shown = [*plan.students, "teacher"], drawn_methods(plan)
    tested = {(row["run"], row["learner"], row["seed"]): number(row["test_accuracy"]) for row in runs}
    histories = [
        (planned, seed, learner, rows)
        for planned in plan.runs.values()
        for seed in planned.seeds
        for learner, rows in read_history(results / "runs" / planned.name / f"seed{seed}" / "history.csv").items()
        if learner in planned.learners and learner in known
    ]
    every = max(1, math.ceil(2 * sum(len(rows) for *_, rows in histories) / MOST_VALUES))
    found = [
        {
            "run": planned.name,
            "student": learner,
            "method": planned.method,
            "seed": seed,
            "test": tested.get((planned.name, learner, str(seed))),
            **thinned(rows, every),
        }
        for planned, seed, learner, rows in histories
    ]
    lessons = {lesson.method: lesson for lesson in plan.lessons}
    return {
        "students": present(found, "student", known),
        "methods": [
            {
                "name": method,
                "label": lessons[method].short,
                "title": line_label(lessons[method]),
                "shown": method in shown,
                **drawn(method),
            }
            for method in present(found, "method", list(lessons))
        ],
        "seeds": sorted({curve["seed"] for curve in found}),
        "every": every,
        "curves": found,
    }


def read_history(path: Path) -> dict[str, list[dict[str, str]]]:
    """The epochs of each learner of a run, in order; none where the run is not there."""
    learners: dict[str, list[dict[str, str]]] = {}
    if path.exists():
        with path.open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                learners.setdefault(row["learner"], []).append(row)
    return learners


def present(curves: list[dict[str, Any]], key: str, order: list[str]) -> list[str]:
    names = {curve[key] for curve in curves}
    return [name for name in order if name in names]


def drawn(method: str) -> dict[str, str]:
    """A method's colour and dashes in SVG; black is the page's ink, which a dark page has light."""
    look = method_look(method)
    color = "currentColor" if look.color == "#000000" else look.color
    return {"color": color, "dashes": " ".join(f"{length * LINE_WIDTH:g}" for length in look.dashes)}


def thinned(rows: list[dict[str, str]], every: int) -> dict[str, Any]:
    """The last epoch, and each ``every`` epochs before it."""
    kept = rows[(len(rows) - 1) % every :: every]
    return {
        "first": int(kept[0]["epoch"]),
        "loss": [rounded(row["train_loss"], lambda value: float(f"{value:.{DIGITS}g}")) for row in kept],
        "accuracy": [rounded(row["train_accuracy"], lambda value: round(value, 2)) for row in kept],
    }


def rounded(text: str, how: Any) -> float | None:
    value = number(text)
    return how(value) if value is not None and math.isfinite(value) else None
