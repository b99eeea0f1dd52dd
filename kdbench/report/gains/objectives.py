"""Techniques by what they are for: the survey's objectives, the question that each asks, and what this study answers.

A row an objective, method and student. ``over_teacher``, ``over_all`` and ``over_longest`` are percentage points
beside the teacher, beside training from scratch on all images, and beside the most accurate training from scratch
there is, of however many epochs. ``times_smaller`` and ``times_fewer_operations`` compare weights in bytes and
operations with the teacher's, ``times_smaller_itself`` the bytes with the same student's from scratch, and
``times_as_long`` training seconds with those of training from scratch.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from kdbench.config import Config
from kdbench.finished import DECIMALS
from kdbench.plan import Plan
from kdbench.recipes.survey import choices
from kdbench.report.gains.baselines import BASELINES
from kdbench.report.statistics import LEVEL
from kdbench.report.study_notes import study_line
from kdbench.report.text_table import DASH, interval, markdown_table, points, records, signed
from kdbench.wording import counted

Row = dict[str, Any]

TAKEN = ["recipe", "method", "title", "student", "n", "fraction", "accuracy"]
GAIN = ["gain_scratch", "low_scratch", "high_scratch", "p_adjusted_scratch", "gain_vanilla"]
FOUND = ["over_teacher", "over_all", "over_longest", "times_smaller", "times_smaller_itself", "times_fewer_operations"]
FOUND += ["times_as_long"]
COLUMNS = ["objective", *TAKEN, *FOUND, *GAIN]
NEAR = 1.0  # percentage points that a smaller model may lose

# By what the rows of a student are sorted, the largest first.
ORDER = {
    "simple model": ["times_smaller", "accuracy"],
    "limited data": ["fraction", "accuracy"],
    "learning time": ["accuracy"],
    "accuracy": ["accuracy"],
}

QUESTIONS = {
    "simple model": "How small can a student be that loses little beside the best training from scratch?",
    "limited data": "Does a teacher help where the student has few of the training images, or none?",
    "learning time": "Is more learned in as many epochs, and at what cost?",
    "accuracy": "Is a student more accurate than by training from scratch?",
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


def learned(row: Row) -> float:
    """Percentage points over training from scratch for as many epochs; on all images where there is none on as many."""
    return float(row["over_all"] if pd.isna(row["gain_scratch"]) else row["gain_scratch"])


def smallest(rows: list[Row]) -> str:
    kept = [row for row in rows if row["over_longest"] >= -NEAR]
    if not kept:
        return f"None keeps within {NEAR:g} point of the best training from scratch."
    best = max(kept, key=lambda row: (row["times_smaller"], row["accuracy"]))
    return (
        f"Smallest whose mean keeps within {NEAR:g} point of the best training from scratch: {best['title']}, "
        f"{signed(best['over_longest'])}; {best['times_smaller_itself']:.1f} times smaller than itself in full, "
        f"{best['times_smaller']:.1f} times than the teacher, {signed(best['over_teacher'])} beside it."
    )


def fewest_images(rows: list[Row]) -> str:
    said = []
    compared = [row for row in rows if row["fraction"] > 0 and pd.notna(row["gain_scratch"])]
    for share in sorted({row["fraction"] for row in compared}, reverse=True):
        best = max((row for row in compared if row["fraction"] == share), key=lambda row: row["gain_scratch"])
        name = re.sub(r",? ?\d+ % of the images,? ?", "", best["title"])
        reach = interval(best["low_scratch"], best["high_scratch"])
        said.append(f"{100 * share:g} %: {name}, {starred(best)}" + ("" if reach == DASH else f" ({reach})"))
    text = f"Highest over training from scratch on as many images: {'; '.join(said)}." if said else ""
    made = [f"{row['title']}: {row['accuracy']:.2f} % right." for row in rows if row["fraction"] == 0]
    return " ".join([text, *made]).strip()


def most_learned(rows: list[Row]) -> str:
    best = max(rows, key=learned)
    return (
        f"Highest: {best['title']}, {points(learned(best))} beside training from scratch, "
        f"{best['times_as_long']:.1f} times its training."
    )


def most_accurate(rows: list[Row]) -> str:
    compared = [row for row in rows if row["method"] not in BASELINES and pd.notna(row["gain_scratch"])]
    if not compared:
        return "No method to compare."
    best = max(compared, key=lambda row: row["gain_scratch"])
    above, below = (
        sum(row["p_adjusted_scratch"] < LEVEL and side * row["gain_scratch"] > 0 for row in compared)
        for side in (1, -1)
    )
    return (
        f"Significantly above training from scratch: {above} of {counted(len(compared), 'method')}; below: {below}. "
        f"Highest: {best['title']}, {signed(best['gain_scratch'])}."
    )


ANSWERS: dict[str, Callable[[list[Row]], str]] = {
    "simple model": smallest,
    "limited data": fewest_images,
    "learning time": most_learned,
    "accuracy": most_accurate,
}


def answer(objective: str, rows: list[Row]) -> str:
    """What ``rows`` of one student answer to the question of ``objective``, in a sentence or two."""
    return ANSWERS[objective](rows)


def read_table(path: Path) -> pd.DataFrame:
    """objectives.csv as it was written; a student may be called NA."""
    text = dict.fromkeys(["objective", "recipe", "method", "title", "student"], "str")
    return pd.read_csv(path, dtype=text, keep_default_na=False, na_values={name: [""] for name in [*FOUND, *GAIN]})


def answers(table: pd.DataFrame) -> Iterator[tuple[str, str, int, str]]:
    """Each objective, student, number of its rows and their answer."""
    for (objective, student), rows in table.groupby(["objective", "student"], sort=False):
        yield str(objective), str(student), len(rows), answer(str(objective), records(rows))


def times(value: float) -> str:
    return DASH if pd.isna(value) else f"{value:.1f}"


def starred(row: Row) -> str:
    gain = row["gain_scratch"]
    return DASH if pd.isna(gain) else signed(gain) + ("*" if row["p_adjusted_scratch"] < LEVEL else "")


def share_kept(row: Row) -> str:
    return "made" if row["fraction"] == 0 else f"{100 * row['fraction']:g}"


# What is shown of a row to answer the question, beside method, student and accuracy.
SHOWN: dict[str, dict[str, Callable[[Row], str]]] = {
    "simple model": {
        "Beside the teacher": lambda row: points(row["over_teacher"]),
        "Over scratch": starred,
        "Beside the best scratch": lambda row: points(row["over_longest"]),
        "Times smaller": lambda row: times(row["times_smaller"]),
        "Than itself": lambda row: times(row["times_smaller_itself"]),
        "Times fewer operations": lambda row: times(row["times_fewer_operations"]),
    },
    "limited data": {
        "Images (%)": share_kept,
        "Beside scratch on all": lambda row: points(row["over_all"]),
        "Over scratch on as many": lambda row: starred(row) if row["fraction"] else DASH,
    },
    "learning time": {"Over scratch": starred, "Times its training": lambda row: times(row["times_as_long"])},
    "accuracy": {"Over scratch": starred, "Over vanilla": lambda row: points(row["gain_vanilla"])},
}

HOW_TO_READ = (
    "A method stands under each objective that its recipe states. In percentage points of test accuracy; beside the "
    "teacher and beside scratch on all: differences of means; over scratch, over vanilla: paired by seed, as in "
    "gains.md, * significant. The best scratch: the most accurate training from scratch, of however many epochs. "
    "Times smaller: the teacher's weights in bytes over the student's; than itself: the same student's in full; "
    "fewer operations: its operations over the student's, of however few bits; its training: seconds of a method "
    "and all it needs, over those of training from scratch. The teacher has learned from all images; made: images "
    "made from it, none of the training images."
)


def objective_markdown(config: Config, table: pd.DataFrame) -> str:
    """objectives.md: of each objective the question, an answer a student, and its methods."""
    parts = [study_line(config), HOW_TO_READ]
    for objective, group in table.groupby("objective", sort=False):
        name = str(objective)
        parts.append(f"## {name.capitalize()}\n\n{QUESTIONS[name]}")
        parts.append("\n".join(f"- {student}: {said}" for _, student, _, said in answers(group)))
        cells = [
            [row["title"], row["student"], f"{row['accuracy']:.2f}", *(shown(row) for shown in SHOWN[name].values())]
            for row in records(group)
        ]
        headers = ["Method", "Student", "Accuracy", *SHOWN[name]]
        parts.append(markdown_table(headers, cells, "ll" + "r" * (len(headers) - 2)))
    return "\n\n".join(parts) + "\n"
