"""The test images of figures 4 and 5, picked from the predictions of the first seed and kept in one small file.

Of the images that qualify, those are shown of which the student that learned them is most confident.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from safetensors import SafetensorError, safe_open

from kdbench.config import Config
from kdbench.errors import KdbenchError
from kdbench.files import write_with
from kdbench.finished import Predictions, read_predictions
from kdbench.plan import Plan
from kdbench.report.figures.example_rules import RULES, Asked

SHOWN = 10


@dataclass(frozen=True)
class Examples:
    """One figure's test images, most confident first.

    ``images`` uint8 [K, C, H, W]; ``index`` int64 [K], their places in the test set; ``truth`` int64 [K], their
    classes; ``predicted`` int64 [K, M], the class each of the M ``networks`` gives them, the one that learned them
    last; ``classes``, all names; ``qualified`` of the test set's ``tested`` images follow the rule. ``missing`` names
    the runs that would be needed, where the study lacks them.
    """

    images: np.ndarray
    index: np.ndarray
    truth: np.ndarray
    predicted: np.ndarray
    networks: tuple[str, ...]
    classes: tuple[str, ...]
    qualified: int
    tested: int
    missing: tuple[str, ...] = ()


def pick_examples(
    config: Config, results: Path, test_images: np.ndarray, test_labels: np.ndarray, classes: Sequence[str]
) -> dict[int, Examples]:
    """The examples of figures 4 and 5, by figure, from the predictions stored with the runs of the first seed.

    ``test_images`` uint8 [N, C, H, W], ``test_labels`` integer [N]. Raises KdbenchError where predictions are missing
    or are of another number of images.
    """
    labels = np.asarray(test_labels).astype(np.int64)
    return {
        figure: examples_of(asked, config, results, test_images, labels, tuple(classes))
        for figure, asked in RULES.items()
    }


def examples_of(
    networks: Sequence[Asked],
    config: Config,
    results: Path,
    images: np.ndarray,
    labels: np.ndarray,
    classes: tuple[str, ...],
) -> Examples:
    places = {asked: predictions_place(config, asked) for asked in networks}
    missing = dict.fromkeys(asked.lack(config) for asked, place in places.items() if place is None)
    index = np.empty(0, dtype=np.int64)
    predicted = np.empty((0, len(networks)), dtype=np.int64)
    qualified = 0
    if not missing:
        answers = [predictions_of_all(len(labels), results / place[0], place[1]) for place in places.values() if place]
        follows = [(answer.predicted == labels) == asked.right for asked, answer in zip(networks, answers, strict=True)]
        candidates = np.flatnonzero(np.all(follows, axis=0))
        qualified = len(candidates)
        # Stable, so that of equally confident answers the earlier image comes first.
        order = np.argsort(-answers[-1].confidence[candidates], kind="stable")
        index = candidates[order[:SHOWN]]
        predicted = np.stack([answer.predicted[index].astype(np.int64) for answer in answers], axis=1)
    return Examples(
        images=np.ascontiguousarray(images[index]),
        index=index,
        truth=labels[index],
        predicted=predicted,
        networks=tuple(asked.caption(config) for asked in networks),
        classes=classes,
        qualified=qualified,
        tested=len(labels),
        missing=tuple(missing),
    )


def predictions_place(config: Config, asked: Asked) -> tuple[Path, str] | None:
    """The folder of a network's run, within the results, and the learner, at the first seed; None without a run."""
    plan, seed, learner = Plan(config), config.seeds[0], asked.learner(config)
    for run in plan.runs.values():
        if run.method == asked.method and learner in run.learners:
            run_seed = plan.settings.teacher_seed(seed) if asked.student is None else seed
            return Path("runs") / run.name / f"seed{run_seed}", learner
    return None


def predictions_of_all(images: int, folder: Path, learner: str) -> Predictions:
    """Raises KdbenchError where they are not of as many ``images`` as the test set has."""
    found = read_predictions(folder, learner)
    if len(found.predicted) != images:
        raise KdbenchError(
            f"{folder}: holds {learner}'s predictions of {len(found.predicted)} images, the test set has {images}: "
            f"remove {folder} and run snakemake again"
        )
    return found


def write_examples(config: Config, results: Path) -> None:
    """Write runs/examples.npz from data/test.safetensors and the stored predictions."""
    images, labels, classes = read_test_images(results / "data" / "test.safetensors")
    arrays = {
        f"figure{figure}_{name}": array
        for figure, examples in pick_examples(config, results, images, labels, classes).items()
        for name, array in as_arrays(examples).items()
    }

    def write(temporary: Path) -> None:
        with temporary.open("wb") as stream:
            np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]

    write_with(results / "runs" / "examples.npz", write)


def read_test_images(path: Path) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Images uint8 [N, C, H, W], labels int64 [N] and the classes' names."""
    try:
        with safe_open(path, framework="numpy") as file:
            classes = json.loads((file.metadata() or {})["classes"])
            return file.get_tensor("images"), file.get_tensor("labels"), tuple(map(str, classes))
    except FileNotFoundError:
        raise KdbenchError(f"{path}: no such file: run `snakemake` to prepare the data") from None
    except (SafetensorError, KeyError, OSError) as error:
        raise KdbenchError(f"{path}: damaged file ({error}): delete it and run again") from None


def as_arrays(examples: Examples) -> Mapping[str, np.ndarray]:
    """Plain arrays, texts as one JSON: class names may be anything, and nothing in the file needs unpickling."""
    texts = {name: list(getattr(examples, name)) for name in ("networks", "classes", "missing")}
    return {
        "images": examples.images,
        "index": examples.index,
        "truth": examples.truth,
        "predicted": examples.predicted,
        "counts": np.array([examples.qualified, examples.tested], dtype=np.int64),
        "texts": np.frombuffer(json.dumps(texts).encode(), dtype=np.uint8),
    }


def read_examples(results: Path, figure: int) -> Examples:
    """One figure's examples as ``write_examples`` kept them; raises KdbenchError where the file cannot be read."""
    path = results / "runs" / "examples.npz"
    try:
        with np.load(path) as stored:
            arrays = {name: stored[f"figure{figure}_{name}"] for name in ("images", "index", "truth", "predicted")}
            qualified, tested = map(int, stored[f"figure{figure}_counts"])
            texts = json.loads(stored[f"figure{figure}_texts"].tobytes())
    except FileNotFoundError:
        raise KdbenchError(f"{path}: no such file: run `kdbench examples`, which needs the test images") from None
    except (KeyError, ValueError, OSError, EOFError, BadZipFile) as error:
        raise KdbenchError(f"{path}: damaged file ({error}): delete it and run again") from None
    return Examples(
        **arrays,
        networks=tuple(texts["networks"]),
        classes=tuple(texts["classes"]),
        missing=tuple(texts["missing"]),
        qualified=qualified,
        tested=tested,
    )
