"""objectives.md: of each of the survey's objectives the question, an answer a student, and its methods."""

from collections.abc import Callable

import pandas as pd

from kdbench.config import Config
from kdbench.report.gains.answers import QUESTIONS, answers, as_long, starred
from kdbench.report.gains.objectives import Row
from kdbench.report.study_notes import study_line
from kdbench.report.text_table import DASH, markdown_table, points, records


def times(value: float) -> str:
    return DASH if pd.isna(value) else f"{value:.1f}"


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
    "learning time": {"Over scratch": starred, "Trained": lambda row: as_long(row["times_as_long"])},
    "accuracy": {"Over scratch": starred, "Over vanilla": lambda row: points(row["gain_vanilla"])},
}

HOW_TO_READ = (
    "A method stands under each objective that its recipe states. In percentage points of test accuracy; beside the "
    "teacher and beside scratch on all: differences of means; over scratch, over vanilla: paired by seed, as in "
    "gains.md, * significant. The best scratch: the most accurate training from scratch, of however many epochs. "
    "Times smaller: the teacher's weights in bytes over the student's; than itself: the same student's in full; "
    "fewer operations: its operations over the student's, of however few bits; trained: seconds of a method and all "
    "it needs beside those of training from scratch, good to a factor of two. The teacher has learned from all "
    "images; made: images made from it, none of the training images."
)


def objective_markdown(config: Config, table: pd.DataFrame) -> str:
    """objectives.md: of each objective the question, an answer a student, and its methods."""
    parts = [study_line(config), HOW_TO_READ]
    for objective, group in table.groupby("objective", sort=False):
        name = str(objective)
        parts.append(f"## {name.capitalize()}\n\n{QUESTIONS[name]}")
        parts.append("\n".join(f"- {student}: {said}".replace("*", r"\*") for _, student, _, said in answers(group)))
        cells = [
            [row["title"], row["student"], f"{row['accuracy']:.2f}", *(shown(row) for shown in SHOWN[name].values())]
            for row in records(group)
        ]
        headers = ["Method", "Student", "Accuracy", *SHOWN[name]]
        parts.append(markdown_table(headers, cells, "ll" + "r" * (len(headers) - 2)))
    return "\n\n".join(parts) + "\n"
