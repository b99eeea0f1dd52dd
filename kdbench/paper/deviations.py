"""In what a study differs from the paper: as its configuration states, and as its keys show."""

from collections.abc import Iterator, Sequence
from typing import Any

from kdbench.config import Config, Student, format_weights
from kdbench.paper.reported import Paper, Protocol, read_paper


def deviations(config: Config) -> list[str]:
    """One sentence a deviation: those of ``study.deviations``, and what the keys show of subjects without a text there.

    What is easily overlaid on a preset, and so not in its texts, is always told: fewer images, and every other setting
    that the paper states.
    """
    paper = read_paper()
    stated = {subject: text for subject, text in config.study.deviations.items() if text}
    told = [f"{subject}: {text}" for subject, text in (shown(config, paper) | stated).items()]
    return [*told, *of_images(config), *of_settings(config, paper.protocol)]


def shown(config: Config, whole: Paper) -> dict[str, str]:
    """In what data, teacher and students differ, by their keys."""
    paper, data, teacher = whole.protocol, config.data, config.teacher
    found: dict[str, str] = {}
    if data.source != paper.dataset:
        found["data"] = f"{data.path or data.source}, in place of CIFAR-10"
    if (teacher.network.name, teacher.weights) != (paper.teacher.network, paper.teacher.weights):
        weights = "without pre-trained weights" if teacher.weights == "none" else f"with weights {teacher.weights}"
        found["teacher"] = f"{teacher.network.name} {weights}, in place of {paper.teacher.label} with ImageNet weights"
    if texts := [*of_widths(config.students), *of_networks(config.students, whole)]:
        found["students"] = ", ".join(texts)
    return found


def of_widths(students: Sequence[Student]) -> Iterator[str]:
    narrow = [f"{student.name} at {student.network.width:g}" for student in students if student.network.width != 1]
    if narrow:
        yield f"{', '.join(narrow)} of {'its' if len(narrow) == 1 else 'their'} width"


def of_networks(students: Sequence[Student], paper: Paper) -> Iterator[str]:
    networks = {student.network for student in paper.students.values()}
    others = [student.name for student in students if student.network.name not in networks]
    if others:
        yield f"{' and '.join(others)} not among the paper's"


def of_images(config: Config) -> Iterator[str]:
    for name, limit in (("training", config.data.train_limit), ("test", config.data.test_limit)):
        if limit:
            yield f"data: at most {limit:,} {name} images"


def of_settings(config: Config, paper: Protocol) -> Iterator[str]:
    """Settings that the paper states and the study has otherwise; the teacher's where it is the paper's network."""
    for name, ours, theirs in settings(config, paper):
        if ours != theirs:
            yield f"{name} {written(ours)}, in place of {written(theirs)}"


def settings(config: Config, paper: Protocol) -> Iterator[tuple[str, Any, Any]]:
    yield "students: epochs", config.training.epochs, paper.students.epochs
    yield "students: optimiser", config.training.optimizer, paper.students.optimizer
    yield "vanilla distillation: temperature", config.distillation.temperature, paper.temperature
    yield "vanilla distillation: alpha", config.vanilla.alpha, paper.vanilla_alpha
    yield "validation images: share", config.data.validation_fraction, paper.validation_fraction
    if "alternate" in config.methods:
        yield "alternate phase 1: weights", config.alternate.phase1, paper.fixed_weights
        yield "alternate phase 2: weights", config.alternate.phase2, paper.phase2_weights
    teacher = config.teacher
    if (teacher.network.name, teacher.weights) == (paper.teacher.network, paper.teacher.weights):
        yield "teacher: epochs", teacher.training.epochs, paper.teacher.epochs
        yield "teacher: optimiser", teacher.training.optimizer, paper.teacher.optimizer
        yield "teacher: images enlarged", teacher.upscale, paper.teacher.upscale


def written(value: Any) -> str:
    if isinstance(value, list):
        return format_weights(value)
    return f"{value:g}" if isinstance(value, float) else str(value)
