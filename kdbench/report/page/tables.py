"""Tables 1 to 3 as the page shows them, from the CSV files beside it.

Accuracies are percentages, differences percentage points.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kdbench.config import Config, format_weights
from kdbench.report.beside_paper import BesidePaper
from kdbench.report.page.cells import Cell, number, shaded
from kdbench.report.regularisation import gap_and_error
from kdbench.report.selected import find_selection, written
from kdbench.report.text_table import DASH


def accuracy_cells(row: dict[str, str] | None, beside: BesidePaper) -> list[Cell]:
    """Ours, the paper's and the difference of one row of table1.csv or table2.csv; dashes where there is none."""
    if row is None:
        return [Cell(DASH)] * len(beside.columns)
    figures = {name: number(row[name]) for name in ("mean", "sd", "paper", "difference")}
    ours, reported, *difference = beside.texts(
        {**{name: math.nan if value is None else value for name, value in figures.items()}, "n": int(row["n"] or 0)}
    )
    shades = [shaded(text, figures["difference"]) for text in difference]
    return [Cell(ours, figures["mean"]), Cell(reported, figures["paper"]), *shades]


def regularisation_cells(row: dict[str, str] | None) -> list[Cell]:
    """Gap and calibration error of one row of table3.csv; dashes where there is none."""
    if row is None:
        return [Cell(DASH)] * 2
    names = ("gap", "gap_sd", "calibration_error", "calibration_error_sd")
    figures = {name: number(row[name]) for name in names}
    gap, error = gap_and_error({**figures, "n": row["n"]})
    return [Cell(gap, figures["gap"]), Cell(error, figures["calibration_error"])]


def experiment_rows(
    config: Config, tidy: list[dict[str, str]], cells_of: Callable[[dict[str, str] | None], list[Cell]]
) -> list[dict[str, Any]]:
    """A row an experiment of table2.csv or table3.csv: its name, and each student's cells."""
    experiments: dict[tuple[str, str], dict[str, dict[str, str]]] = {}
    for row in tidy:
        experiments.setdefault((row["experiment"], row["method"]), {})[row["student"]] = row
    return [
        {
            "experiment": experiment,
            "cells": [cell for student in config.students for cell in cells_of(by_student.get(student.name))],
        }
        for (experiment, _), by_student in experiments.items()
    ]


def table1_rows(config: Config, tidy: list[dict[str, str]], beside: BesidePaper) -> list[dict[str, Any]]:
    """A row a grid point: its weights, each student's cells, and which criteria choose it; none where nothing ran."""
    if all(not number(row["n"]) for row in tidy):
        return []
    rows = []
    for weights in config.tune.grid:
        by_student = {row["student"]: row for row in tidy if row["weights"] == format_weights(weights)}
        criteria = next(iter(by_student.values()))["chosen_by"].split("+") if by_student else []
        rows.append(
            {
                "weights": [f"{weight:g}" for weight in weights],
                "cells": [
                    cell for student in config.students for cell in accuracy_cells(by_student.get(student.name), beside)
                ],
                "chosen": " and ".join(criterion for criterion in criteria if criterion),
            }
        )
    return rows


def selection_sentences(config: Config, results: Path) -> list[str]:
    """Which weights each criterion chooses, and from which numbers; nothing where nothing was selected."""
    selection = find_selection(config, results)
    if not selection:
        return []
    sentences = []
    for criterion, weights in selection["chosen"].items():
        student = selection["students"][criterion]
        by_point = {tuple(point["weights"]): point["validation_accuracy"][student] for point in selection["grid"]}
        best = by_point[tuple(weights)]
        others = [accuracy for point, accuracy in by_point.items() if point != tuple(weights)]
        ahead = ""
        if others:
            gap = best - max(others)
            ahead = f", {gap:.2f} points ahead of the next" if gap > 0 else ", as another point, later in the grid"
        sentences.append(
            f"The {criterion} student, by validation accuracy over the grid, is {student}; "
            f"it does best with {written(weights)}: {best:.2f} % validation accuracy{ahead}."
        )
    chosen = {tuple(weights) for weights in selection["chosen"].values()}
    sentences.append(
        "Both criteria choose the same weights, as in the paper."
        if len(chosen) == 1
        else "The criteria choose different weights; in the paper they agree."
    )
    return sentences
