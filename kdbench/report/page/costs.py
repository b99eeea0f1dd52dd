"""What the study's runs cost, and what they ran on, from results.csv and a run's metrics."""

from pathlib import Path
from statistics import fmean
from typing import Any

from kdbench.finished import METRICS, read_metrics
from kdbench.report.page.cells import Cell, number
from kdbench.report.text_table import DASH


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


def total_cost(runs: list[dict[str, str]]) -> str:
    """How many runs were trained, and how long that took one after another."""
    seconds = {(row["run"], row["seed"]): number(row["seconds"]) or 0.0 for row in runs}
    return f"{len(seconds):,} runs, {duration(sum(seconds.values()))} of training, one after another."


def duration(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.1f} {unit}"
    return f"{seconds:.0f} seconds"


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
    folders = [results / "runs" / row["run"] / f"seed{row['seed']}" for row in runs]
    found = [read_metrics(folder) for folder in dict.fromkeys(folders) if (folder / METRICS).exists()]
    if replaced := dict.fromkeys(metrics["run"] for metrics in found if computed_otherwise(metrics)):
        facts.append(("In fp32, without bf16 on the machine", ", ".join(replaced)))
    for metrics in found[:1]:
        facts += [(name, str(version)) for name, version in metrics.get("versions", {}).items()]
        facts.append(("CPU threads a run", str(metrics.get("threads", DASH))))
    return facts


def computed_otherwise(metrics: dict[str, Any]) -> bool:
    """Whether a run's networks computed in another precision than the configuration asked for."""
    asked = metrics["settings"]["training"]["precision"]
    return bool(metrics.get("precision", asked) != asked)
