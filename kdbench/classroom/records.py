"""What a run leaves behind besides weights: its metrics, its history and its predictions on the test images."""

import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

import kdbench
from kdbench.classroom.device import device_name
from kdbench.classroom.evaluate import Evaluation
from kdbench.files import write_json, write_text, write_with
from kdbench.finished import METRICS
from kdbench.run import Run

HISTORY_COLUMNS = ["learner", "epoch", "train_loss", "train_accuracy"]
OPTIONAL_COLUMNS = ["validation_loss", "validation_accuracy", "loss_labels", "loss_teacher", "loss_peers"]


def write_metrics(run: Run, results: Path, device: torch.device, found: dict[str, Any]) -> None:
    """metrics.json of a run: what it is, what was ``found``, and on what; its being there says that the run is done."""
    facts: dict[str, Any] = {
        "run": run.name,
        "method": run.method,
        "seed": run.seed,
        **found,
        "device": device_name(device),
        "threads": torch.get_num_threads(),
        "versions": versions(),
        "settings": run.model_dump(),
    }
    write_json(run.folder(results) / METRICS, facts)


def versions() -> dict[str, str]:
    """What computed the run: the packages whose versions may change a figure, and Python."""
    known = {"kdbench": kdbench.__version__, "python": platform.python_version(), "torch": str(torch.__version__)}
    if torch.version.cuda:
        known["cuda"] = torch.version.cuda
    return known | {name: version(name) for name in ("torchvision", "numpy", "scikit-learn")}


def write_predictions(found: Evaluation, path: Path) -> None:
    """Predictions on the test images: ``predicted`` class int16, ``confidence`` float16 in 0..1, ``correct``; [N]."""
    predicted, confidence = found.classes_and_confidences()
    arrays: dict[str, Any] = {
        "predicted": predicted.numpy().astype(np.int16),
        "confidence": confidence.numpy().astype(np.float16),
        "correct": (predicted == found.labels).numpy(),
    }

    def write(temporary: Path) -> None:
        with temporary.open("wb") as stream:
            np.savez_compressed(stream, **arrays)

    write_with(path, write)


def write_history(history: list[dict[str, Any]], path: Path) -> None:
    """A row per epoch and learner; losses in nats, accuracies in percent."""
    found = dict.fromkeys(name for row in history for name in row)
    optional = [*OPTIONAL_COLUMNS, *(name for name in found if name not in [*HISTORY_COLUMNS, *OPTIONAL_COLUMNS])]
    columns = HISTORY_COLUMNS + [name for name in optional if name in found]
    lines = [",".join(columns)]
    for row in history:
        cells = (row.get(name, "") for name in columns)
        lines.append(",".join(f"{cell:.6f}" if isinstance(cell, float) else str(cell) for cell in cells))
    write_text(path, "\n".join(lines) + "\n")
