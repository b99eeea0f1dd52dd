"""Techniques by what they are for: the table of the survey's objectives.

A row an objective, method and student. ``over_teacher``, ``over_all`` and ``over_longest`` are percentage points
beside the teacher, beside training from scratch on all images, and beside the most accurate training from scratch
there is, of however many epochs. ``times_smaller`` and ``times_fewer_operations`` compare weights in bytes and
operations with the teacher's, ``times_smaller_itself`` the bytes with the same student's from scratch, and
``times_as_long`` training seconds with those of training from scratch.
"""

from pathlib import Path
from typing import Any

import pandas as pd

from kdbench.config import Config
from kdbench.finished import DECIMALS
from kdbench.plan import Plan
from kdbench.recipes.survey import choices
from kdbench.report.text_table import records

Row = dict[str, Any]

TAKEN = ["recipe", "method", "title", "student", "networks", "n", "fraction", "accuracy"]
GAIN = ["gain_scratch", "low_scratch", "high_scratch", "p_adjusted_scratch", "gain_vanilla"]
FOUND = ["over_teacher", "over_all", "over_longest", "times_smaller", "times_smaller_itself", "times_fewer_operations"]
FOUND += ["times_as_long"]
COLUMNS = ["objective", *TAKEN, *FOUND, *GAIN]
# By what the rows of a student are sorted, the largest first.
ORDER = {
    "simple model": ["times_smaller", "accuracy"],
    "limited data": ["fraction", "accuracy"],
    "learning time": ["accuracy"],
    "accuracy": ["accuracy"],
}


def objective_table(config: Config, gains: pd.DataFrame, results: pd.DataFrame) -> pd.DataFrame:
    """The rows of ``gains`` under each objective that their recipe states, with COLUMNS."""
    plan = Plan(config)
    stated = {recipe.name: recipe.survey.objectives if recipe.survey else [] for recipe in plan.recipes}
    teacher = results[results["run"] == "teacher"][["test_accuracy", "bytes", "flops"]].mean()
    scratch = {row["student"]: row for row in records(gains[gains["method"] == "scratch"])}
    from_scratch = {lesson.method for lesson in plan.lessons if "scratch" in (lesson.method, lesson.baseline)}
    whole = gains[gains["method"].isin(from_scratch) & (gains["fraction"] == 1)]
    longest = whole.groupby("student")["accuracy"].max().to_dict()
    nothing = {"accuracy": float("nan"), "cost": float("nan"), "bytes": float("nan")}
    place = {student: number for number, student in enumerate(plan.students)}
    rows = []
    for objective in choices("objectives"):
        found: list[Row] = []
        for row in records(gains):
            if objective not in stated[row["recipe"]] or (row["fraction"] == 1) == (objective == "limited data"):
                continue
            beside = scratch.get(row["student"], nothing)
            found.append(
                {name: row[name] for name in [*TAKEN, *GAIN]}
                | {
                    "objective": objective,
                    "over_teacher": row["accuracy"] - teacher["test_accuracy"],
                    "times_smaller": teacher["bytes"] / row["bytes"],
                    "times_fewer_operations": teacher["flops"] / row["flops"],
                    "over_all": row["accuracy"] - beside["accuracy"],
                    "over_longest": row["accuracy"] - longest.get(row["student"], float("nan")),
                    "times_smaller_itself": beside["bytes"] / row["bytes"],
                    "times_as_long": row["cost"] / beside["cost"],
                }
            )
        rows += sorted(found, key=lambda row: (place[row["student"]], *(-row[name] for name in ORDER[objective])))
    table = pd.DataFrame(rows, columns=COLUMNS)
    table[FOUND] = table[FOUND].astype("float64").round(DECIMALS)
    return table


def read_table(path: Path) -> pd.DataFrame:
    """objectives.csv as it was written; a student may be called NA."""
    text = dict.fromkeys(["objective", "recipe", "method", "title", "student"], "str")
    return pd.read_csv(path, dtype=text, keep_default_na=False, na_values={name: [""] for name in [*FOUND, *GAIN]})
