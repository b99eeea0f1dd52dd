"""What the two criteria chose, told again from results.csv: a published study has no selection.json."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from kdbench.config import Config, Criterion, LossWeights
from kdbench.errors import KdbenchError
from kdbench.report.collect import by_seed, read_results
from kdbench.report.selection import select_by
from kdbench.report.text_table import markdown_table
from kdbench.variations import Group, readings


def selected_weights(config: Config, frame: pd.DataFrame) -> dict[str, Any]:
    """What selection.json holds; empty where the results lack a run that the selection needs."""

    def figure(run: str, seed: int, learner: str, name: str) -> float:
        return by_seed(frame, run, learner, name)[seed]

    students = [student.name for student in config.students]
    try:
        return select_by(figure, config.tune.grid, config.tune_seeds, students)
    except KeyError:
        return {}


def find_selection(config: Config, results: Path) -> dict[str, Any]:
    """The same from a study's folder; empty too where it has no results.csv yet."""
    try:
        return selected_weights(config, read_results(results))
    except KdbenchError:
        return {}


def weights_line(config: Config, frame: pd.DataFrame) -> str:
    """The weights of the loss of each method with peers, and which were chosen; empty without such methods."""
    methods: dict[str, LossWeights | Criterion] = {}
    if "peer" in config.methods:
        methods["Teacher-Student-Peer"] = config.peer.weights
    if "alternate" in config.methods:
        methods |= {"alternate phase 1": config.alternate.phase1, "phase 2": config.alternate.phase2}
    chosen = selected_weights(config, frame).get("chosen", {})
    said = []
    for method, weights in methods.items():
        if not isinstance(weights, str):
            said.append(f"{method} {written(weights)}")
        elif weights in chosen:
            said.append(f"{method} {written(chosen[weights])} (best for the {weights} student)")
        else:
            said.append(f"{method} those best for the {weights} student")
    return f"Weights α, β, γ: {'; '.join(said)}." if said else ""


def weights_section(config: Config, group: Group, results: Path) -> list[str]:
    """Markdown: the weights of each variation's methods, those chosen anew among them; nothing where none has peers."""
    found = readings(config, group, results).items()
    rows = [[name, weights_line(place, read_results(folder))] for name, (place, folder) in found]
    if not any(line for _, line in rows):
        return []
    return [
        "## Weights of the loss\n\nA change that moves the validation accuracies may have other weights chosen.",
        markdown_table(["Reading", "Weights"], rows, "ll"),
    ]


def written(weights: Iterable[float]) -> str:
    """`0.1, 0.8, 0.1`."""
    return ", ".join(f"{weight:g}" for weight in weights)
