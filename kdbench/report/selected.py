"""What the two criteria chose, told again from results.csv: a published study has no selection.json."""

from pathlib import Path
from typing import Any

import pandas as pd

from kdbench.config import Config
from kdbench.errors import KdbenchError
from kdbench.report.collect import by_seed, read_results
from kdbench.report.selection import select_by


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
