"""Which test images figures 4 and 5 show, picked from the predictions of the first seed and kept in one small file.

Figure 4: the first student is wrong from scratch, its teacher right, and the student right by vanilla distillation.
Figure 5: the first student is wrong from scratch, its teacher wrong too, the second student right as its peer, and the
first student right by Teacher-Student-Peer learning. Of the images that qualify, those are shown of which the student
that learned them is most confident.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from kdbench.config import Config
from kdbench.errors import KdbenchError
from kdbench.files import write_with
from kdbench.plan import Plan

SHOWN = 10
FIGURES = (4, 5)


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


@dataclass(frozen=True)
class Answers:
    """One network's answers to the test images: ``predicted`` int64 [N] and ``confidence`` float64 [N] in 0..1."""

    predicted: np.ndarray
    confidence: np.ndarray


@dataclass(frozen=True)
class Rule:
    """The networks a figure asks: each must be right or wrong, and the last is the one that learned.

    A network is (its name in the figure, the method that trains it, its place among the students).
    """

    networks: tuple[tuple[str, str, int | None], ...]
    right: tuple[bool, ...]


RULES = {
    4: Rule((("scratch", "scratch", 0), ("teacher", "teacher", None), ("vanilla", "vanilla", 0)), (False, True, True)),
    5: Rule(
        (("scratch", "scratch", 0), ("teacher", "teacher", None), ("peer", "peer", 1), ("with peers", "peer", 0)),
        (False, False, True, True),
    ),
}


def pick_examples(
    config: Config, results: Path, test_images: np.ndarray, test_labels: np.ndarray, classes: Sequence[str]
) -> dict[int, Examples]:
    """The examples of figures 4 and 5, by figure, from the predictions stored with the runs of the first seed.

    ``test_images`` uint8 [N, C, H, W], ``test_labels`` integer [N]. Raises KdbenchError where predictions are missing
    or are of another number of images.
    """
    labels = np.asarray(test_labels).astype(np.int64)
    return {
        figure: examples_by(rule, config, results, test_images, labels, tuple(classes))
        for figure, rule in RULES.items()
    }


def examples_by(
    rule: Rule, config: Config, results: Path, images: np.ndarray, labels: np.ndarray, classes: tuple[str, ...]
) -> Examples:
    paths = [predictions_path(config, method, place) for _, method, place in rule.networks]
    missing = [
        missing_run(config, method, place)
        for (_, method, place), path in zip(rule.networks, paths, strict=True)
        if path is None
    ]
    names = tuple(network_name(config, name, place) for name, _, place in rule.networks)
    index = np.empty(0, dtype=np.int64)
    predicted = np.empty((0, len(names)), dtype=np.int64)
    qualified = 0
    if not missing:
        answers = [read_answers(results / path, len(labels)) for path in paths if path]
        follows = np.all(
            [(answer.predicted == labels) == right for answer, right in zip(answers, rule.right, strict=True)], axis=0
        )
        candidates = np.flatnonzero(follows)
        qualified = len(candidates)
        # Stable, so that of equally confident answers the earlier image comes first.
        order = np.argsort(-answers[-1].confidence[candidates], kind="stable")
        index = candidates[order[:SHOWN]]
        predicted = np.stack([answer.predicted[index] for answer in answers], axis=1)
    return Examples(
        images=np.ascontiguousarray(images[index]),
        index=index,
        truth=labels[index],
        predicted=predicted,
        networks=names,
        classes=classes,
        qualified=qualified,
        tested=len(labels),
        missing=tuple(dict.fromkeys(missing)),
    )


def predictions_path(config: Config, method: str, place: int | None) -> Path | None:
    """Where a student's (or the teacher's) predictions lie in the results folder; None without such a run."""
    plan, seed = Plan(config), config.seeds[0]
    if place is not None and place >= len(config.students):
        return None
    learner = "teacher" if place is None else config.students[place].name
    for run in plan.runs.values():
        if run.method == method and learner in run.learners:
            run_seed = plan.teacher_seed(seed) if place is None else seed
            return Path("runs") / run.name / f"seed{run_seed}" / f"predictions-{learner}.npz"
    return None


def missing_run(config: Config, method: str, place: int | None) -> str:
    if place is not None and place >= len(config.students):
        return "a second student"
    return f"a {method} run" + (f" of {config.students[place].name}" if place is not None else "")


def network_name(config: Config, name: str, place: int | None) -> str:
    """As the figure's captions call it."""
    if name == "peer" and place is not None and place < len(config.students):
        return f"peer {config.students[place].name}"
    return name


def read_answers(path: Path, images: int) -> Answers:
    try:
        with np.load(path) as stored:
            predicted, confidence = stored["predicted"].astype(np.int64), stored["confidence"].astype(np.float64)
    except FileNotFoundError:
        raise KdbenchError(f"{path}: no such file: run snakemake to train the run again") from None
    except (KeyError, ValueError, OSError) as error:
        raise KdbenchError(f"{path}: damaged file ({error}): remove {path.parent} and run snakemake again") from None
    if len(predicted) != images:
        raise KdbenchError(
            f"{path}: holds predictions of {len(predicted)} images, the test set has {images}: "
            f"remove {path.parent} and run snakemake again"
        )
    return Answers(predicted, confidence)


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
    except (KeyError, ValueError, OSError) as error:
        raise KdbenchError(f"{path}: damaged file ({error}): delete it and run again") from None
    return Examples(
        **arrays, **{name: tuple(value) for name, value in texts.items()}, qualified=qualified, tested=tested
    )
