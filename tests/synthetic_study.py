"""A results folder as finished runs would leave it, without training: every figure in it is made up. For tests."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from kdbench.config import Config, check_config
from kdbench.overlay import merge, read_yaml
from kdbench.plan import Plan
from kdbench.run import Run

CONFIG = Path(__file__).parents[1] / "config.yaml"
TEST_IMAGES = 1000
CLASSES = 10

Figures = dict[str, float | None]
FiguresOf = Callable[[Run, str], Figures]  # (run, learner) -> the figures to use instead of the made-up ones


def study_config(results: Path, **overrides: Any) -> Config:
    """config.yaml with results in ``results`` and the given keys overlaid."""
    values = merge(read_yaml(CONFIG), {"pathvars": {"results": str(results)}})
    return check_config(merge(values, overrides))


def students(*networks: str) -> list[dict[str, Any]]:
    """The config's students, named after their networks."""
    return [{"name": name, "network": {"name": name}} for name in networks]


def random_of(*parts: object) -> np.random.Generator:
    """The same numbers for the same parts, whatever the process."""
    return np.random.default_rng(list("/".join(map(str, parts)).encode()))


def made_up_figures(run: Run, learner: str) -> Figures:
    random = random_of(run.name, run.seed, learner)
    train, test = random.uniform(50, 70), round(10 * random.uniform(55, 75)) / 10
    return {
        "train_loss": float(random.uniform(0.5, 1.5)),
        "train_accuracy": float(train),
        "fitted_accuracy": float(train),
        "validation_accuracy": round(10 * random.uniform(50, 70)) / 10 if run.validation else None,
        "test_accuracy": float(test),
        "test_loss": float(random.uniform(0.5, 1.5)),
    }


def write_study(config: Config, figures_of: FiguresOf | None = None) -> Path:
    """Write metrics.json, history.csv and predictions of every planned run; returns the results folder.

    ``figures_of`` may give some of a learner's figures (percent, nats); the rest is made up.
    """
    for run in Plan(config).all_runs():
        folder = run.folder(config.results)
        folder.mkdir(parents=True, exist_ok=True)
        learners = {
            learner.name: made_up_figures(run, learner.name)
            | (figures_of(run, learner.name) if figures_of else {})
            | {"parameters": 1000, "flops": 20000}
            for learner in run.learners
        }
        write_metrics(folder, run, learners)
        write_history(folder, run, learners)
        for name, figures in learners.items():
            write_predictions(folder, run, name, figures["test_accuracy"])
    return config.results


def write_metrics(folder: Path, run: Run, learners: dict[str, Figures]) -> None:
    metrics = {
        "run": run.name,
        "method": run.method,
        "seed": run.seed,
        "epochs": run.training.epochs,
        "objective": [term.model_dump() for term in run.objective],
        "learners": learners,
        "seconds": 1.5,
        "epoch_seconds": [1.5 / run.training.epochs] * run.training.epochs,
        "device": "cpu",
        "threads": 1,
        "versions": {"kdbench": "0", "torch": "0", "numpy": np.__version__},
        "digests": {},
        "settings": run.model_dump(),
    }
    (folder / "metrics.json").write_text(json.dumps(metrics))


def write_history(folder: Path, run: Run, learners: dict[str, Figures]) -> None:
    columns = ["learner", "epoch", "train_loss", "train_accuracy"] + (["validation_accuracy"] if run.validation else [])
    with (folder / "history.csv").open("w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        for epoch in range(1, run.training.epochs + 1):
            done = epoch / run.training.epochs
            for name, figures in learners.items():
                row: list[Any] = [name, epoch, (figures["train_loss"] or 0) / done]
                row += [(figures[column] or 0) * done**0.3 for column in columns[3:]]
                writer.writerow(row)


def write_predictions(folder: Path, run: Run, learner: str, test_accuracy: float | None) -> None:
    """Predictions of which ``test_accuracy`` percent are right; image i has label i modulo CLASSES in every run."""
    random = random_of(run.name, run.seed, learner, "predictions")
    labels = np.arange(TEST_IMAGES) % CLASSES
    correct = np.zeros(TEST_IMAGES, dtype=bool)
    right = round(TEST_IMAGES * (test_accuracy or 0) / 100)
    correct[random.permutation(TEST_IMAGES)[:right]] = True
    predicted = np.where(correct, labels, (labels + random.integers(1, CLASSES, TEST_IMAGES)) % CLASSES)
    np.savez_compressed(
        folder / f"predictions-{learner}.npz",
        predicted=predicted.astype(np.int16),
        confidence=random.uniform(0.1, 1, TEST_IMAGES).astype(np.float16),
        correct=correct,
    )
