"""All finished runs of a study as one tidy table, results.csv: a row per run, seed and learner.

Accuracies are percentages, losses nats, seconds those of training, flops those of one image. The train-test gap is the
finished network's accuracy on training images minus that on test images; confidence (in the predicted class) and
calibration error are those on test images. Bytes are those of the weights at the bits they have, sparsity the percent
of them that are zero.
"""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from kdbench.config import Config
from kdbench.errors import KdbenchError
from kdbench.files import write_text
from kdbench.finished import DECIMALS, read_metrics, read_predictions
from kdbench.plan import Plan
from kdbench.run import Run

if TYPE_CHECKING:
    import pandas as pd

TEXT = ["study", "run", "method", "learner", "device"]
FIGURES = [
    "train_loss",
    "train_accuracy",
    "fitted_accuracy",
    "validation_accuracy",
    "test_accuracy",
    "test_loss",
    "parameters",
]
DERIVED = ["train_test_gap", "confidence", "calibration_error"]
SIZES = ["flops", "bytes", "sparsity"]
COLUMNS = ["study", "run", "method", "learner", "seed", "epochs", *FIGURES, *DERIVED, "seconds", "device", *SIZES]


def collect(plan: Plan, results: Path) -> "pd.DataFrame":
    """Every run of ``plan``, in its order, with COLUMNS.

    Raises KdbenchError naming the file where a run is not finished or lacks a figure.
    """
    import pandas as pd

    rows = [row for run in plan.all_runs() for row in run_rows(run, results)]
    frame = pd.DataFrame(rows, columns=COLUMNS)
    measured = [*(name for name in FIGURES if name != "parameters"), *DERIVED, "seconds", "sparsity"]
    frame[measured] = frame[measured].astype("float64").round(DECIMALS)
    return frame


def run_rows(run: Run, results: Path) -> list[dict[str, Any]]:
    metrics = read_metrics(run.folder(results))
    check_settings(metrics.get("settings", {}), run, results)
    rows = []
    for learner in run.learners if run.synthesis is None else []:
        figures = metrics.get("learners", {}).get(learner.name, {})
        missing = [name for name in [*FIGURES, "flops"] if name not in figures]
        if missing:
            folder = run.folder(results)
            raise KdbenchError(
                f"{folder}/metrics.json: holds no {', '.join(missing)} of {learner.name}: remove {folder} and run again"
            )
        rows.append(
            {
                "study": study_name(results),
                "run": run.name,
                "method": run.method,
                "learner": learner.name,
                "seed": run.seed,
                "epochs": metrics["epochs"],
                **{name: figures[name] for name in [*FIGURES, "flops"]},
                "train_test_gap": figures["fitted_accuracy"] - figures["test_accuracy"],
                **calibration(run.folder(results), learner.name),
                "seconds": metrics["seconds"],
                "device": metrics["device"],
                "bytes": figures.get("bytes", 4 * figures["parameters"]),  # older runs have none but whole weights
                "sparsity": figures.get("sparsity"),
            }
        )
    return rows


def calibration(folder: Path, learner: str) -> dict[str, float]:
    """Mean confidence and calibration error of a learner's predictions, in percent."""
    from kdbench.report.statistics import calibration_error

    _, confidence, correct = read_predictions(folder, learner)
    confidence = confidence.astype("float64")
    return {"confidence": 100 * confidence.mean(), "calibration_error": calibration_error(confidence, correct)}


def check_settings(settings: dict[str, Any], run: Run, results: Path) -> None:
    """Refuse a run that was made with other settings than planned: Snakemake cannot tell in a fresh clone."""
    planned = run.model_dump(mode="json")
    settings = with_defaults(settings)
    # Where it was computed does not say what was computed.
    apart = {"device", "training"}
    different = [key for key in planned if key not in apart and settings.get(key) != planned[key]]
    made, wanted = settings.get("training", {}), planned["training"]
    different += [f"training.{key}" for key in wanted if key != "threads" and made.get(key) != wanted[key]]
    if different:
        folder = run.folder(results)
        raise KdbenchError(
            f"{folder}/metrics.json: made with other settings ({', '.join(different)}) than the configuration's: "
            f"remove {folder} and run snakemake again"
        )


def with_defaults(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings of an earlier version, with what was added since at its default, which is not to use it."""
    try:
        return Run.model_validate_json(json.dumps(settings)).model_dump(mode="json")
    except ValidationError:
        return settings


def study_name(results: Path) -> str:
    return Path(os.path.abspath(results)).name


def write_results(config: Config, results: Path) -> None:
    frame = collect(Plan(config), results)
    write_text(results / "results.csv", frame.to_csv(index=False, lineterminator="\n"))


def read_results(results: Path) -> "pd.DataFrame":
    """results.csv as ``collect`` made it; raises KdbenchError where it is missing."""
    import pandas as pd

    path = results / "results.csv"
    try:
        # A student may be called NA: only numbers may be missing.
        return pd.read_csv(
            path,
            dtype=dict.fromkeys(TEXT, "str"),
            keep_default_na=False,
            na_values={name: [""] for name in COLUMNS if name not in TEXT},
        )
    except FileNotFoundError:
        raise KdbenchError(f"{path}: no such file: run snakemake to train the study's runs and collect them") from None


def by_seed(frame: "pd.DataFrame", run: str, learner: str, figure: str) -> dict[int, float]:
    """A figure of a learner of ``run`` at each seed that results.csv has it for."""
    of_learner = (frame["run"] == run) & (frame["learner"] == learner) & frame[figure].notna()
    rows = frame.loc[of_learner, ["seed", figure]]
    return {int(seed): float(value) for seed, value in zip(rows["seed"], rows[figure], strict=True)}
