"""How far a training job has come: the `progress.json` it rewrites beside its `metrics.json`."""

import json
import math
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class EpochReport:
    """Epochs finished of those planned, and the mean training accuracy of the learners (percent)."""

    epoch: int
    epochs: int
    train_accuracy: float | None = None


def progress_file(outputs: list[str]) -> Path | None:
    """Where a job with these outputs reports its epochs; None for a job that trains nothing."""
    for output in outputs:
        # Snakemake appends remarks such as " (update)" to the names it logs.
        path = Path(output.split(" (", 1)[0])
        if path.name == "metrics.json":
            return path.with_name("progress.json")
    return None


def modified(path: Path) -> int | None:
    """When the file was last written, in nanoseconds; None if there is none."""
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return None


def taken_over(progress_file: Path) -> bool:
    """Whether the job linked the results of another study in place of training."""
    return progress_file.with_name("metrics.json").is_symlink()


def read_epoch_report(path: Path, leftover: int | None = None) -> EpochReport | None:
    """What the file says; None if it is missing, garbled, or still the one an earlier run left (`modified` then)."""
    written = modified(path)
    if written is None or written == leftover:
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        epoch, epochs = int(content["epoch"]), int(content["epochs"])
    except (OSError, ValueError, TypeError, KeyError, OverflowError):
        return None
    if epochs < 1 or not 0 <= epoch <= epochs:
        return None
    accuracy = content.get("train_accuracy")
    known = isinstance(accuracy, int | float) and math.isfinite(accuracy)
    return EpochReport(epoch, epochs, float(accuracy) if known else None)
