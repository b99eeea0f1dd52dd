"""In what a study differs from the paper: as its configuration states, and as its keys show."""

from collections.abc import Iterator
from typing import Any

from kdbench.config import Config, format_weights
from kdbench.paper.reported import Protocol, read_paper


def deviations(config: Config) -> list[str]:
    """One sentence a deviation: those of ``study.deviations``, or else what data and teacher show.

    What is easily overlaid on a preset, and so not in its sentences, is always told: fewer images, and every other
    setting that the paper states.
    """
    paper, stated = read_paper().protocol, config.study.deviations
    return [*(stated or of_data_and_teacher(config, paper)), *of_images(config), *of_settings(config, paper)]


def of_data_and_teacher(config: Config, paper: Protocol) -> Iterator[str]:
    data, teacher = config.data, config.teacher
    if data.source != paper.dataset:
        yield f"data: {data.path or data.source}, in place of CIFAR-10"
    if (teacher.network.name, teacher.weights) != (paper.teacher.network, paper.teacher.weights):
        weights = "without pre-trained weights" if teacher.weights == "none" else f"with weights {teacher.weights}"
        yield f"teacher: {teacher.network.name} {weights}, in place of {paper.teacher.label} with ImageNet weights"


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
