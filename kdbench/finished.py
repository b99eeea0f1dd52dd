"""What a finished run left in its folder, for all who read it: its metrics and its predictions on the test images."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from zipfile import BadZipFile

from kdbench.errors import KdbenchError

if TYPE_CHECKING:
    import numpy as np

DECIMALS = 6  # of figures that are made of runs' figures
METRICS = "metrics.json"
PREDICTIONS = "predictions-{learner}.npz"


class Predictions(NamedTuple):
    """Of a learner on the N test images: class int16, confidence float16 in 0..1, whether it is right bool; all [N]."""

    predicted: "np.ndarray"
    confidence: "np.ndarray"
    correct: "np.ndarray"


def read_metrics(folder: Path) -> dict[str, Any]:
    """metrics.json of the run in ``folder``; raises KdbenchError where it is missing or not a JSON object."""
    path = folder / METRICS
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise KdbenchError(f"{path}: no such file: the run is not finished; run snakemake to train it") from None
    except ValueError as error:
        raise KdbenchError(f"{path}: not valid JSON ({error}): remove the file and run snakemake again") from None
    if not isinstance(metrics, dict):
        raise KdbenchError(f"{path}: holds no JSON object: remove the file and run snakemake again")
    return metrics


def read_predictions(folder: Path, learner: str) -> Predictions:
    """Predictions of ``learner`` of the run in ``folder``; raises KdbenchError where the file is missing or damaged."""
    return Predictions(**read_arrays(folder / PREDICTIONS.format(learner=learner), Predictions._fields))


def read_arrays(path: Path, names: tuple[str, ...]) -> "dict[str, np.ndarray]":
    """The named arrays of a .npz file of a run; raises KdbenchError as ``read_predictions`` does."""
    import numpy as np

    try:
        with np.load(path) as stored:
            return {name: stored[name] for name in names}
    except FileNotFoundError:
        raise KdbenchError(f"{path}: no such file: run snakemake to train the run again") from None
    except (KeyError, ValueError, OSError, EOFError, BadZipFile) as error:
        raise KdbenchError(f"{path}: damaged file ({error}): remove {path.parent} and run snakemake again") from None
