"""What was measured of each technique, in words and a table: from the published studies' gains and the recipes."""

import csv
from pathlib import Path
from typing import Any

from kdbench.recipes.schema import Recipe, read_recipe, recipe_names
from kdbench.report.statistics import LEVEL
from kdbench.report.text_table import DASH, markdown_table, signed

BASELINES = ("teacher", "scratch", "vanilla")
Row = dict[str, Any]


def techniques(studies: Path) -> str:
    """A section a recipe that runs: its source, in what it differs, whether it helped, and the numbers."""
    rows = published(studies)
    sections = []
    for recipe in map(read_recipe, recipe_names()):
        if recipe.name not in BASELINES and recipe.lessons:
            sections.append(section(recipe, [row for row in rows if row["recipe"] == recipe.name]))
    return "\n\n".join(sections)


def published(studies: Path) -> list[Row]:
    """The rows of gains.csv of all published studies of techniques, each with its ``study``."""
    rows: list[Row] = []
    for path in sorted(studies.glob("*-survey/gains/gains.csv")):
        with path.open(encoding="utf-8", newline="") as stream:
            rows += [{**row, "study": path.parts[-3].removesuffix("-survey")} for row in csv.DictReader(stream)]
    return rows


def section(recipe: Recipe, rows: list[Row]) -> str:
    parts = [f"## {recipe.title}", f"Recipe `{recipe.name}`, from {recipe.source}."]
    if recipe.differs:
        parts.append("In what it differs from its source:\n\n" + "\n".join(f"- {text}" for text in recipe.differs))
    if not rows:
        return "\n\n".join([*parts, "Not measured yet: in no published study."])
    whole = [row for row in rows if float(row["fraction"]) == 1]
    if whole:
        parts.append(helped(whole))
    headers = ["Method", "Data", "Student", "Accuracy", "Over scratch", "Over vanilla", "kB"]
    cells = [
        [
            row["title"],
            row["study"],
            row["student"],
            f"{float(row['accuracy']):.2f}",
            gain(row, "scratch"),
            gain(row, "vanilla"),
            f"{float(row['bytes']) / 1000:.1f}",
        ]
        for row in rows
    ]
    return "\n\n".join([*parts, markdown_table(headers, cells, "lllrrrr")])


def helped(rows: list[Row]) -> str:
    """Where the technique's methods are significantly above or below vanilla distillation."""
    compared = [row for row in rows if row["gain_vanilla"]]
    better = [row for row in compared if significant(row) and float(row["gain_vanilla"]) > 0]
    worse = [row for row in compared if significant(row) and float(row["gain_vanilla"]) < 0]
    said = [f"Of {len(compared)} comparisons with vanilla distillation, on all images:"]
    said.append(f"{len(better)} significantly better{places(better)},")
    said.append(f"{len(worse)} significantly worse{places(worse)}.")
    return " ".join(said)


def significant(row: Row) -> bool:
    return bool(row["p_adjusted_vanilla"]) and float(row["p_adjusted_vanilla"]) < LEVEL


def places(rows: list[Row]) -> str:
    found = dict.fromkeys(f"{row['student']} on {row['study']}" for row in rows)
    return f" ({', '.join(found)})" if found else ""


def gain(row: Row, baseline: str) -> str:
    if not row[f"gain_{baseline}"]:
        return DASH
    p = row[f"p_adjusted_{baseline}"]
    return signed(float(row[f"gain_{baseline}"])) + ("\\*" if p and float(p) < LEVEL else "")
