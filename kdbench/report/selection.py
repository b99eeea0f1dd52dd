"""Which weights of the loss the two criteria of the paper choose (section 4.6.1), and from what.

A criterion chooses the grid point with the highest validation accuracy of its student, the weakest or the strongest.
Which student that is, the paper tells by accuracy from scratch; but a run from scratch sees all training images, and
the test images must choose nothing. So students are ranked by their validation accuracy too, its mean over the grid: in
the paper's Table 1 that gives the same order.
Accuracies are percentages. Imports neither torch nor pandas.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from kdbench.config import format_weights
from kdbench.errors import KdbenchError
from kdbench.finished import DECIMALS, read_metrics

Figure = Callable[[str, int, str, str], float]  # (run, seed, learner, name of the figure) -> percent


def tune_run(weights: Sequence[float]) -> str:
    return f"tune-{format_weights(tuple(weights))}"


def select(
    results: Path, grid: Sequence[Sequence[float]], seeds: Sequence[int], students: Sequence[str]
) -> dict[str, Any]:
    """What selection.json holds, from the metrics.json of the tuning runs at ``seeds``.

    Raises KdbenchError where a run or a figure is missing.
    """

    def figure(run: str, seed: int, learner: str, name: str) -> float:
        folder = results / "runs" / run / f"seed{seed}"
        value = read_metrics(folder).get("learners", {}).get(learner, {}).get(name)
        if value is None:
            raise KdbenchError(f"{folder}/metrics.json: holds no {name} of {learner}: remove {folder} and run again")
        return value

    return select_by(figure, grid, seeds, students)


def select_by(
    figure: Figure, grid: Sequence[Sequence[float]], seeds: Sequence[int], students: Sequence[str]
) -> dict[str, Any]:
    """As ``select``, from wherever ``figure`` finds a run's figures. Ties go to the earlier student and grid point."""
    points: list[dict[str, Any]] = [
        {
            "weights": list(weights),
            "run": tune_run(weights),
            "validation_accuracy": {
                student: mean([figure(tune_run(weights), seed, student, "validation_accuracy") for seed in seeds])
                for student in students
            },
        }
        for weights in grid
    ]
    ranking = {student: mean([point["validation_accuracy"][student] for point in points]) for student in students}
    criteria = {
        "weakest": min(students, key=ranking.__getitem__),
        "strongest": max(students, key=ranking.__getitem__),
    }
    return {
        "students": criteria,
        "ranking": ranking,
        "seeds": list(seeds),
        "grid": points,
        "chosen": {criterion: best_weights(points, student) for criterion, student in criteria.items()},
    }


def best_weights(points: Sequence[dict[str, Any]], student: str) -> list[float]:
    return max(points, key=lambda point: point["validation_accuracy"][student])["weights"]


def mean(values: Sequence[float]) -> float:
    """Rounded, so that a tie stays one whatever the order of the seeds."""
    return round(sum(round(value, DECIMALS) for value in values) / len(values), DECIMALS)
