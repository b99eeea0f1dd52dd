"""config.yaml as typed, validated objects.

Every key that can change a result is here, with what it means; an unknown key, a wrong type or a value out of
range raises one KdbenchError that names the key and the remedy. Imports no torch.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from kdbench.data.catalogue import SOURCES
from kdbench.errors import unknown
from kdbench.networks.catalogue import NETWORKS
from kdbench.section import Section, check_section

Positive = Annotated[int, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]


# unit: pixels in 0..1; symmetric: in -1..1; standardised: by the training images' mean and standard deviation;
# imagenet: by ImageNet's.
InputScaling = Literal["unit", "symmetric", "standardised", "imagenet"]


class Network(Section):
    """A network of the zoo, as the teacher's and every student's `network` names it."""

    name: str = Field(description="a network that `kdbench networks` lists")
    form: str | None = Field(None, description="its variant; null: the first that `kdbench networks` lists")
    width: float = Field(1.0, gt=0, le=16, description="multiplies the number of channels of every layer")
    dropout: float = Field(0.5, ge=0, lt=1, description="probability of dropping, where the network has dropout")

    @field_validator("name")
    @classmethod
    def known(cls, name: str) -> str:
        if name not in NETWORKS:
            raise ValueError(unknown("network", name, NETWORKS))
        return name

    def with_form(self) -> "Network":
        """The same network with its default form written out, so that settings name it whatever the default becomes."""
        forms = NETWORKS[self.name].forms
        return self if self.form or len(forms) == 1 else self.model_copy(update={"form": forms[0]})

    @model_validator(mode="after")
    def known_form(self) -> "Network":
        forms = NETWORKS[self.name].forms
        if self.form is not None and len(forms) == 1 and self.form != forms[0]:
            raise ValueError(
                f'{self.name} has one form only, not "{self.form}": set form: null (a preset inherits the key)'
            )
        if self.form is not None and self.form not in forms:
            raise ValueError(unknown(f"form of {self.name}", self.form, forms))
        for option in ("width", "dropout"):
            default = type(self).model_fields[option].default
            if getattr(self, option) != default and option not in NETWORKS[self.name].options:
                raise ValueError(f"{self.name} has no {option}: remove the key")
        return self


class Data(Section):
    """The images, and how they are packed."""

    source: str = Field(description=", ".join(SOURCES))
    path: str | None = Field(
        None, description="folder or archive, also below $KDBENCH_DATA or ./data; null: the source's own files there"
    )
    variant: str = Field("balanced", description="which of EMNIST's splits")
    image_size: Positive | None = Field(None, description="pixels; images are resized to this square; null: as stored")
    channels: Literal[1, 3] | None = Field(None, description="null: as stored")
    train_limit: Positive | None = Field(None, description="use only this many training images, stratified")
    test_limit: Positive | None = Field(None, description="use only this many test images, stratified")
    validation_fraction: float = Field(0.2, gt=0, lt=1, description="held out where weights are tuned, stratified")
    split_seed: Seed = Field(0, description="of the split into training and validation images")

    @field_validator("source")
    @classmethod
    def known(cls, source: str) -> str:
        if source not in SOURCES:
            raise ValueError(unknown("data source", source, SOURCES))
        return source


class Augmentation(Section):
    """Random changes of the training images, drawn anew each epoch; mentors' stored outputs are of unchanged images."""

    flip: bool = Field(False, description="mirror half of the images, left to right")
    shift: int = Field(0, ge=0, description="shift each image by up to this many pixels, both ways")


class Training(Section):
    """How the learners of a run are optimised; the top-level `training` is that of every student."""

    epochs: Positive = Field(description="times every training image is seen")
    batch_size: Annotated[int, Field(ge=2)] = Field(description="images a step")
    optimizer: Literal["adam", "sgd"] = Field(description="with torch's defaults but for the keys below")
    learning_rate: float = Field(gt=0, le=100, description="the largest of the schedule")
    momentum: float = Field(0.9, ge=0, lt=1, description="sgd only")
    weight_decay: float = Field(0.0, ge=0, description="of every parameter")
    schedule: Literal["constant", "one-cycle", "cosine"] = Field("constant", description="stepped at every batch")
    precision: Literal["fp32", "bf16"] = Field(
        "fp32", description="bf16: autocast in the network where the device has bf16, else fp32; losses stay fp32"
    )
    augmentation: Augmentation = Augmentation()
    threads: Positive = Field(1, description="CPU threads a run asks for; another number may change the last bits")


class Teacher(Section):
    """The teacher, and how it is fine-tuned."""

    network: Network = Field(description="the teacher's network")
    weights: str = Field("none", description="imagenet, none, or a file's path")
    sha256: str | None = Field(None, pattern="^[0-9a-f]{64}$", description="of the weights file, checked")
    input_scaling: InputScaling = Field("unit", description="see above; what its weights were trained with")
    upscale: Positive = Field(1, description="images are enlarged by this factor, bilinearly, on the device")
    training: Training = Field(description="of the teacher")
    one_per_seed: bool = Field(False, description="false: every seed's students share the first seed's teacher")


STUDENT_NAME = re.compile(r"[A-Za-z0-9_]+")
RESERVED = ("teacher", "together")  # learners that are no students
CHANGE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")


def distinct_seeds(seeds: list[int]) -> list[int]:
    if len(set(seeds)) < len(seeds):
        raise ValueError("a seed stands twice: remove one")
    return seeds


Seeds = Annotated[list[Seed], Field(min_length=1), AfterValidator(distinct_seeds)]


class Student(Section):
    """One of the students, S1, S2, ... in the order given."""

    name: str = Field(description="letters, digits and _; part of paths, rows and legends")
    network: Network = Field(description="the student's network")
    seeds: Seeds | None = Field(
        None, description="null: the study's. A run is done at the seeds that all its students and their mentors have"
    )

    @field_validator("name")
    @classmethod
    def plain_name(cls, name: str) -> str:
        if not STUDENT_NAME.fullmatch(name) or name.casefold() in RESERVED:
            raise ValueError(
                f'"{name}" is no student name: use letters, digits and _ only, and not {" or ".join(RESERVED)}'
            )
        return name


class Distillation(Section):
    """Soft labels, wherever they are used."""

    temperature: float = Field(10.0, gt=0, description="divides the logits of both sides")
    scale_by_temperature_squared: bool = Field(
        True, description="multiply the soft-label loss by T squared (Hinton et al. 2015, section 2)"
    )


class Vanilla(Section):
    """Vanilla distillation: alpha times one term plus 1 - alpha times the other."""

    alpha: Fraction = Field(0.1, description="0..1")
    alpha_weighs: Literal["labels", "teacher"] = Field("labels", description="alpha's term; the other gets 1-alpha")


class Peers(Section):
    """How peers are listened to."""

    combine: Literal["sum", "mean"] = Field("sum", description="gamma weighs the sum or the mean of the peers' losses")
    detach: bool = Field(True, description="false: a student's gradient also flows through its peers' losses")


def format_weights(weights: Iterable[float]) -> str:
    """Loss weights as they stand in a run's name: 0.1-0.8-0.1."""
    return "-".join(f"{weight:g}" for weight in weights)


def loss_weights(value: list[float]) -> list[float]:
    if len(value) != 3 or any(weight < 0 for weight in value) or sum(value) == 0:
        raise ValueError("must be three weights [alpha, beta, gamma], none negative, not all zero")
    return value


LossWeights = Annotated[list[float], AfterValidator(loss_weights)]
Criterion = Literal["weakest", "strongest"]


class Tune(Section):
    """The grid of loss weights, Table 1."""

    grid: list[LossWeights] = Field(min_length=1, description="each [alpha, beta, gamma]")
    seeds: Seeds | None = Field(None, description="null: the study's first seed only")

    @field_validator("grid")
    @classmethod
    def distinct(cls, grid: list[list[float]]) -> list[list[float]]:
        if len({format_weights(point) for point in grid}) < len(grid):
            raise ValueError("a grid point stands twice, to six digits: remove one")
        return grid


class Peer(Section):
    """Teacher-Student-Peer learning: weights given, or the grid point best for the weakest or strongest student."""

    weights: LossWeights | Criterion = Field("weakest", description="[alpha, beta, gamma], or a criterion")


class Alternate(Section):
    """Alternate learning: weights of each phase, as peer.weights."""

    phase1: LossWeights | Criterion = Field(description="teacher to all students but one")
    phase2: LossWeights | Criterion = Field(description="teacher and learned students to the one left out")


class Features(Section):
    """What is kept of mentors' features, for methods that compare them with a student's."""

    store_up_to_gb: float = Field(
        4.0, ge=0, description="of one layer of one mentor; where it needs more, it is computed anew for every batch"
    )


class Study(Section):
    """What the study is called and how it departs from the paper."""

    title: str = Field(description="at the head of the page and under every table")
    deviations: dict[str, str | None] = Field(
        {},
        description="how the study departs from the paper, a text each for `data`, `teacher`, `students` and what else "
        "there is; printed with every table. Of the three without a text, what their keys show",
    )


def plain_names(changes: dict[str, Any]) -> dict[str, Any]:
    for name in changes:
        if not CHANGE_NAME.fullmatch(name):
            raise ValueError(f'"{name}" is no name of a change: use letters, digits, . and - only, no . or - first')
    return changes


# Each a name and the keys to lay over the study's, or null to leave it out. students: names with keys to lay over
# theirs, or a list of names, for these students alone.
Changes = Annotated[dict[str, dict[str, Any] | None], AfterValidator(plain_names)]


class Config(Section):
    """The whole experiment."""

    pathvars: dict[str, str] = Field(description="Snakemake's path variables; results: the folder the study writes to")
    study: Study
    seeds: Seeds = Field(description="every run is done once a seed")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: a GPU where there is one")
    slots_per_gpu: Positive = Field(
        1, description="runs that share one GPU at a time; small students leave room for it"
    )
    seeds_per_job: Positive = Field(
        1, description="seeds of a run that one job carries out, to save starting more jobs"
    )
    data: Data
    teacher: Teacher
    students: list[Student] = Field(min_length=1)
    training: Training = Field(description="of every student")
    input_scaling: InputScaling = Field("unit", description="of every student; see above")
    reported_epoch: Literal["last", "best-validation"] = Field(
        "last", description="best-validation holds out the validation images in every student's run"
    )
    methods: list[str] = Field(min_length=1, description="the recipes to run")
    distillation: Distillation = Distillation()
    vanilla: Vanilla = Vanilla()
    peers: Peers = Peers()
    tune: Tune
    peer: Peer = Peer()
    alternate: Alternate
    features: Features = Features()
    reuse: str | None = Field(
        None,
        description="results folder of another study: its runs of the very same settings, code and data are taken, "
        "where their weights are there too (published studies have none)",
    )
    sensitivity: Changes = Field({}, description="what the paper leaves unsaid, the other way; see above")
    further: Changes = Field({}, description="the paper's own next steps, more students and epochs; see above")

    @field_validator("pathvars")
    @classmethod
    def has_results(cls, pathvars: dict[str, str]) -> dict[str, str]:
        if not pathvars.get("results"):
            raise ValueError("must hold the key results, the folder this study writes to")
        return pathvars

    @field_validator("students")
    @classmethod
    def distinct_students(cls, students: list[Student]) -> list[Student]:
        names = [student.name for student in students]
        # Names are folders too, which some file systems do not tell apart by their case.
        folded = [name.casefold() for name in names]
        twice = sorted({name for name in names if folded.count(name.casefold()) > 1})
        if twice:
            raise ValueError(f"duplicate student {', '.join(twice)}: give each its own name")
        for name in names:
            original, _, number = name.rpartition("_")
            if number.isdecimal() and original in names:
                raise ValueError(f"{name} is what a copy of {original} is called: give it another name")
        return students

    @model_validator(mode="after")
    def seeds_in_common(self) -> "Config":
        for student in self.students:
            if missing := set(self.seeds + self.tune_seeds) - set(student.seeds or self.seeds + self.tune_seeds):
                raise ValueError(
                    f"the seeds of the student {student.name} lack {', '.join(map(str, sorted(missing)))}: "
                    "they must hold those of the whole study (seeds, tune.seeds), and may be more"
                )
        if self.seeds_per_job > 1 and any(student.seeds for student in self.students):
            raise ValueError("seeds_per_job must be 1 where a student has seeds of its own")
        return self

    @property
    def results(self) -> Path:
        return Path(self.pathvars["results"])

    @property
    def tune_seeds(self) -> list[int]:
        return self.tune.seeds or self.seeds[:1]


def check_config(values: Mapping[str, Any], source: str = "config.yaml") -> Config:
    return check_section(Config, values, source)
