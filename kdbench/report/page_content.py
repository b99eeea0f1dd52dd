"""What the page shows, as plain values: rows of its tables, sentences, and the figures as data URIs.

Accuracies are percentages, differences percentage points. Numbers come from the files beside the page alone.
"""

import base64
import csv
import json
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from kdbench.config import Config
from kdbench.errors import KdbenchError
from kdbench.plan import format_weights
from kdbench.report.claims import VERDICTS
from kdbench.report.objective import find_selection
from kdbench.report.regularisation import gap_and_error
from kdbench.report.tables import cells
from kdbench.report.text_table import DASH, signed

LARGEST_SVG = 600_000  # bytes; a larger figure is shown as PNG, so that the page stays small
DEEPEST_SHADE = 10.0  # percentage points from the paper at which a difference has its full colour
SYMBOLS = {"reproduced": "✓", "not reproduced": "✗", "undecided": "?", "not tested": DASH}


@dataclass(frozen=True)
class Cell:
    """Text, what it sorts by (None: last), and for a difference its colour: ``tone`` and ``shade`` in 0..1."""

    text: str
    value: float | None = None
    tone: str = ""
    shade: float = 0.0


@dataclass(frozen=True)
class Figure:
    """One figure of the page; ``source`` is a data URI, ``width`` its natural width in CSS pixels."""

    number: int
    caption: str
    source: str
    width: float


def read_rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            return list(csv.DictReader(stream))
    except FileNotFoundError:
        raise KdbenchError(f"{path}: no such file: run snakemake to write it") from None


def number(text: str | None) -> float | None:
    """A CSV cell's number, or None where it is empty."""
    value = float(text) if text else math.nan
    return None if math.isnan(value) else value


def verdict_counts(claims: list[dict[str, str]]) -> list[dict[str, Any]]:
    found = [claim["verdict"] for claim in claims]
    return [{"name": name, "symbol": SYMBOLS[name], "count": found.count(name)} for name in VERDICTS]


def claim_rows(claims: list[dict[str, str]]) -> list[dict[str, Any]]:
    rows = []
    for claim in claims:
        low, high = number(claim["low"]), number(claim["high"])
        rows.append(
            {
                "id": claim["id"],
                "text": claim["claim"],
                "section": claim["section"],
                "paper": points(number(claim["paper"])),
                "ours": points(number(claim["ours"])),
                "interval": Cell(
                    f"{signed(low)} to {signed(high)}" if low is not None and high is not None else DASH, low
                ),
                "seeds": Cell(claim["n"], number(claim["n"])),
                "verdict": claim["verdict"],
                "symbol": SYMBOLS.get(claim["verdict"], ""),
                "order": list(VERDICTS).index(claim["verdict"]) if claim["verdict"] in VERDICTS else len(VERDICTS),
                "same_size": claim["same_size"] or DASH,
                "p_adjusted": p_value(number(claim["p_adjusted"])),
                "mcnemar_p": p_value(number(claim["mcnemar_p"])),
                "note": claim["note"],
            }
        )
    return rows


def p_value(value: float | None) -> Cell:
    return Cell(DASH if value is None else f"{value:.2g}", value)


def points(value: float | None) -> Cell:
    return Cell(DASH if value is None else signed(value), value)


def accuracy_cells(row: dict[str, str] | None) -> list[Cell]:
    """Ours, the paper's and the difference of one row of table1.csv or table2.csv; dashes where there is none."""
    if row is None:
        return [Cell(DASH)] * 3
    figures = {name: number(row[name]) for name in ("mean", "sd", "paper", "difference")}
    ours, reported, difference = cells(
        {**{name: math.nan if value is None else value for name, value in figures.items()}, "n": int(row["n"] or 0)}
    )
    gap = figures["difference"]
    tone = "" if not gap else "above" if gap > 0 else "below"
    shade = round(min(abs(gap or 0) / DEEPEST_SHADE, 1), 3)
    return [Cell(ours, figures["mean"]), Cell(reported, figures["paper"]), Cell(difference, gap, tone, shade)]


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


def table1_rows(config: Config, tidy: list[dict[str, str]]) -> list[dict[str, Any]]:
    """A row a grid point: its weights, three cells a student, and which criteria choose it; none where nothing ran."""
    if all(not number(row["n"]) for row in tidy):
        return []
    rows = []
    for weights in config.tune.grid:
        by_student = {row["student"]: row for row in tidy if row["weights"] == format_weights(weights)}
        criteria = next(iter(by_student.values()))["chosen_by"].split("+") if by_student else []
        rows.append(
            {
                "weights": [f"{weight:g}" for weight in weights],
                "cells": [cell for student in config.students for cell in accuracy_cells(by_student.get(student.name))],
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


def written(weights: Iterable[float]) -> str:
    return ", ".join(f"{weight:g}" for weight in weights)


def cost_rows(runs: list[dict[str, str]]) -> list[dict[str, Any]]:
    """A row a run and learner, means over its seeds, in the order of results.csv."""
    groups: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in runs:
        groups.setdefault((row["run"], row["learner"]), []).append(row)
    return [
        {
            "run": run,
            "learner": learner,
            "seeds": Cell(str(len(rows)), len(rows)),
            "epochs": mean_cell(rows, "epochs", "{:g}"),
            "seconds": mean_cell(rows, "seconds", "{:,.1f}"),
            "parameters": mean_cell(rows, "parameters", ""),
            "flops": mean_cell(rows, "flops", ""),
            "train_accuracy": mean_cell(rows, "train_accuracy", "{:.2f}"),
            "test_accuracy": mean_cell(rows, "test_accuracy", "{:.2f}"),
        }
        for (run, learner), rows in groups.items()
    ]


def mean_cell(rows: list[dict[str, str]], column: str, pattern: str) -> Cell:
    """The mean of a column, written by ``pattern`` or, where that is empty, with three digits and k, M, G or T."""
    values = [value for row in rows if (value := number(row.get(column))) is not None]
    if not values:
        return Cell(DASH)
    mean = fmean(values)
    return Cell(pattern.format(mean) if pattern else in_thousands(mean), mean)


def in_thousands(value: float) -> str:
    for unit in ("", " k", " M", " G"):
        if value < 999.5:
            return f"{value:.3g}{unit}"
        value /= 1000
    return f"{value:,.3g} T"


def environment(results: Path, runs: list[dict[str, str]]) -> list[tuple[str, str]]:
    """Devices of all runs, and versions and threads as the first run recorded them."""
    facts = [("Devices", ", ".join(dict.fromkeys(row["device"] for row in runs)))]
    for row in runs:
        path = results / "runs" / row["run"] / f"seed{row['seed']}" / "metrics.json"
        if path.exists():
            metrics = json.loads(path.read_text(encoding="utf-8"))
            facts += [(name, str(version)) for name, version in metrics.get("versions", {}).items()]
            return [*facts, ("CPU threads a run", str(metrics.get("threads", DASH)))]
    return facts


def figures(config: Config, results: Path) -> list[Figure]:
    return [
        Figure(place, caption, *picture(results / "figures" / f"figure{place}.svg"))
        for place, caption in captions(config).items()
    ]


def picture(svg: Path) -> tuple[str, float]:
    """A figure's data URI and natural width in CSS pixels."""
    try:
        content = svg.read_bytes()
        kind = "svg+xml"
        points = re.search(rb'<svg[^>]*\bwidth="([\d.]+)pt"', content)
        width = float(points[1]) * 96 / 72 if points else 672.0
        if len(content) > LARGEST_SVG:
            content, kind = svg.with_suffix(".png").read_bytes(), "png"
    except FileNotFoundError as error:
        raise KdbenchError(f"{error.filename}: no such file: run `snakemake figures`") from None
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}", width


def captions(config: Config) -> dict[int, str]:
    first = config.students[0].name
    second = config.students[1].name if len(config.students) > 1 else "a second student"
    return {
        1: "The architecture and the ingredients of one student's loss, as this study is configured.",
        2: "Training loss over epochs, a panel a student. Each method minimises an objective of its own, so the "
        "heights of different methods do not compare.",
        3: "Training accuracy over epochs, a panel a student, measured while learning; the open markers beside the "
        "last epoch are test accuracies.",
        4: f"Test images that {first} gets wrong from scratch, its teacher right, and {first} right by vanilla "
        "distillation.",
        5: f"Test images that {first} from scratch and the teacher get wrong, {second} right as its peer, and {first} "
        "right by Teacher-Student-Peer learning.",
        6: "Not in the paper: each gain it reports, this study's with its 95 % interval over seeds, and what single "
        "runs of the two methods differ by through chance alone.",
    }
