"""The question that each of the survey's objectives asks, and what a study answers for each student."""

import re
from collections.abc import Callable, Iterator

import pandas as pd

from kdbench.report.gains.baselines import BASELINES, stands_alone
from kdbench.report.gains.objectives import Row
from kdbench.report.statistics import LEVEL
from kdbench.report.text_table import DASH, interval, points, records, signed
from kdbench.wording import counted

NEAR = 1.0  # percentage points that a smaller model may lose

QUESTIONS = {
    "simple model": "How small can a student be that loses little beside the best training from scratch?",
    "limited data": "Does a teacher help where the student has few of the training images, or none?",
    "learning time": "Is more learned in as many epochs, and at what cost?",
    "accuracy": "Is a student more accurate than by training from scratch?",
}


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
        f"{best['times_smaller']:.1f} times than the teacher, {above_or_below(best['over_teacher'])} the teacher."
    )


def fewest_images(rows: list[Row]) -> str:
    said = []
    compared = [row for row in rows if row["fraction"] > 0 and pd.notna(row["gain_scratch"])]
    for share in sorted({row["fraction"] for row in compared}, reverse=True):
        best = max((row for row in compared if row["fraction"] == share), key=lambda row: row["gain_scratch"])
        name = re.sub(r",? ?\d+ % of the images,? ?", "", best["title"])
        reach = interval(best["low_scratch"], best["high_scratch"])
        found = f"{name}, {starred(best)}" + ("" if reach == DASH else f" ({reach})")
        said.append(f"{100 * share:g} %: {found if best['gain_scratch'] > 0 else f'none above it (nearest: {found})'}")
    text = f"Highest over training from scratch on as many images: {'; '.join(said)}." if said else ""
    made = [f"{row['title']}: {row['accuracy']:.2f} % right." for row in rows if row["fraction"] == 0]
    return " ".join([text, *made]).strip()


def most_learned(rows: list[Row]) -> str:
    best = max(rows, key=learned)
    return (
        f"Highest: {best['title']}, {points(learned(best))} beside training from scratch, "
        f"trained {as_long(best['times_as_long'])}."
    )


def as_long(times: float) -> str:
    """In words, and no finer than training times are known, which other work on a machine may double."""
    return "about as long" if times < 1.5 else f"about {times:.0f} times as long"


def above_or_below(gain: float) -> str:
    return f"{abs(gain):.2f} points {'below' if gain < 0 else 'above'}"


def most_accurate(rows: list[Row]) -> str:
    compared = [row for row in rows if row["method"] not in BASELINES and pd.notna(row["gain_scratch"])]
    if not compared:
        return "No method to compare."
    single = [row for row in compared if stands_alone(row)]
    best = max(single or compared, key=lambda row: row["gain_scratch"])
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


def answers(table: pd.DataFrame) -> Iterator[tuple[str, str, int, str]]:
    """Each objective, student, number of its rows and their answer."""
    for (objective, student), rows in table.groupby(["objective", "student"], sort=False):
        yield str(objective), str(student), len(rows), answer(str(objective), records(rows))


def starred(row: Row) -> str:
    gain = row["gain_scratch"]
    return DASH if pd.isna(gain) else signed(gain) + ("*" if row["p_adjusted_scratch"] < LEVEL else "")
