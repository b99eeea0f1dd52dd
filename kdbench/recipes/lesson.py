"""A lesson: one kind of run that a method consists of."""

import re
from string import Formatter
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from kdbench.config import Distillation, Network
from kdbench.data.catalogue import VIEWS
from kdbench.errors import unknown
from kdbench.finished import METRICS, PREDICTIONS
from kdbench.recipes.losses import fusions, losses, objective_files
from kdbench.section import Section, check_section


class FrozenPeers(Section):
    """Finished students that teach as peers: all learners of the run they were trained in."""

    run: str


class StalePeers(Section):
    """Peers of the same run, as they were when last copied."""

    stale: int = Field(gt=0, description="steps between two copies")
    burn_in: int = Field(0, ge=0, description="epochs before they are heard")


class AveragedPeers(Section):
    """Peers of the same run, their weights averaged over the steps so far."""

    averaged: float = Field(gt=0, lt=1, description="what the average keeps of itself at a step")


class Construction(Section):
    """What becomes of a student's network before it is trained."""

    weight_bits: Annotated[int, Field(ge=2, le=8)] | Literal["ternary"] | None = Field(
        None, description="of convolutions' and dense layers' weights"
    )
    activation_bits: int | None = Field(None, ge=2, le=8, description="of what enters them")
    first_and_last: bool = Field(False, description="whether the first and last layer are of few bits too")
    pruned: float | None = Field(None, gt=0, lt=1, description="share of these weights that is set to zero for good")


class Images(Section):
    """Which images a run learns from, where it is not all of the study's."""

    fraction: float = Field(1.0, gt=0, le=1, description="of each class, drawn anew at each seed")
    repeat: bool = Field(True, description="an epoch shows them as often as makes up the whole set")
    made_by: str | None = Field(None, description="the run that makes them")
    confused_by: str | None = Field(None, description="the run whose learner's confusions group the classes")
    specialist: int = Field(1, ge=1, description="of which group: its images, and as many others as one class")
    of: int = Field(2, ge=2, description="how many groups")


class Synthesis(Section):
    """Images made from the teacher alone."""

    images: int = Field(gt=0, description="how many")
    steps: int = Field(gt=0, description="of the optimiser, for each image")
    learning_rate: float = Field(gt=0)
    temperature: float = Field(gt=0, description="of the teacher's softmax")
    scales: list[float] = Field(
        min_length=1, description="of the Dirichlet distributions, an equal share of the images each"
    )


class LessonFusion(Section):
    """How finished networks answer together: a file of kdbench/fusions; nothing is trained."""

    by: str
    members: list[str] = Field(min_length=1, description="runs; with {every}, one for each student")
    options: dict[str, float | bool] = {}

    @model_validator(mode="after")
    def known_fusion(self) -> "LessonFusion":
        if self.by not in fusions():
            raise ValueError(unknown("fusion", self.by, fusions()))
        for option in self.options:
            if option not in fusions()[self.by]:
                raise ValueError(unknown(f"option of {self.by}", option, fusions()[self.by]))
        return self


class LossTerm(Section):
    """One term of a lesson's own objective. What ``options`` leave open is the configuration's ``distillation``'s."""

    loss: str = Field(description="a file of kdbench/objectives")
    source: Literal["labels", "teacher", "peers"]
    weight: float = Field(ge=0)
    combine: Literal["sum", "mean", "average"] | None = Field(
        None, description="of several's losses, or the loss against their average; null: of peers the configuration's"
    )
    options: dict[str, float | bool] = {}
    layers: Literal["embedding", "last stage", "middle stage", "every stage"] | None = Field(
        None, description="whose features the loss compares"
    )

    @field_validator("options", mode="before")
    @classmethod
    def numbers(cls, options: Any) -> Any:
        for name, value in options.items() if isinstance(options, dict) else []:
            if not isinstance(value, int | float):
                raise ValueError(f"{name} must be a number, true or false, got {value!r}")
        return options

    @model_validator(mode="after")
    def known_loss(self) -> "LossTerm":
        if self.loss not in losses():
            if self.loss in objective_files():
                raise ValueError(f"objectives/{self.loss}.py defines no function loss: name it so")
            raise ValueError(unknown("loss", self.loss, losses()))
        for option in self.options:
            if option not in losses()[self.loss]:
                raise ValueError(unknown(f"option of {self.loss}", option, losses()[self.loss]))
        if self.layers and self.combine == "average":
            raise ValueError("layers cannot be compared with an average, which is of predictions alone: combine: mean")
        shared = {name: value for name, value in self.options.items() if name in Distillation.model_fields}
        check_section(Distillation, shared, "options")
        for option, needed in losses()[self.loss].items():
            if needed and option not in {*self.options, *Distillation.model_fields}:
                raise ValueError(f"{self.loss} needs the option {option}: add it to options")
        return self


class Lesson(Section):
    """One kind of run. Patterns may hold {student}, {left_out}, {others} (names joined by +) and {weights}."""

    method: str = Field(description="its name in results.csv and of its rule")
    title: str = Field(description="its row in tables and its line in figures; same placeholders as run")
    short: str = Field(description="the same in a word or two, where there is no room")
    run: str
    for_each: Literal["study", "student", "left out", "grid point"] = "study"
    learners: Literal["teacher", "student", "students", "others", "left out", "named", "together"]
    copies: int = Field(1, ge=1, description="of the student, with other first weights, called <student>_2 and so on")
    named: dict[str, Network] = Field({}, description="learners: named: networks that are no student of the study")
    view: str = Field("image", description="what learners see of an image")
    images: Images = Images()
    training: dict[str, Any] = Field({}, description="laid over the configuration's training")
    every_seed: bool = Field(
        False, description="a teacher's run: done at every seed of the study, whether or not each has a teacher"
    )
    starts_from: str | None = Field(None, description="the run whose trained weights are the learner's first")
    construction: Construction | None = None
    variant: str = Field("", description="draws other first weights and orders than lessons without, or of another")
    teacher: bool | Literal["live"] | list[str] = Field(
        True,
        description="whether the teacher is listened to; live: it learns beside; a list: the learners of other runs",
    )
    peers: Literal["none", "live"] | FrozenPeers | StalePeers | AveragedPeers = "none"
    weights: (
        Literal["labels only", "vanilla", "grid point", "peer", "alternate phase 1", "alternate phase 2"] | None
    ) = Field(None, description="where cross-entropy and soft labels have their weights from in the configuration")
    objective: list[LossTerm] | None = Field(None, min_length=1, description="the terms of the loss, without weights")
    fuse: LessonFusion | None = Field(None, description="in place of training")
    synthesise: Synthesis | None = Field(None, description="in place of training")
    baseline: Literal["scratch", "vanilla"] | None = Field(
        None, description="which baseline it is to methods that learn from as many images, for as many epochs"
    )
    control: str | None = Field(
        None, description="the method, of this recipe or another, that it is compared with: they differ in one thing"
    )
    tuning: bool = Field(False, description="holds out the validation images and runs on the tuning seeds")
    students_needed: int = 1

    @property
    def trains(self) -> bool:
        return self.verb == "train"

    @property
    def verb(self) -> Literal["train", "fuse", "synthesise"]:
        """The command that carries out its runs."""
        return "fuse" if self.fuse else "synthesise" if self.synthesise else "train"

    @property
    def leaves(self) -> tuple[str, ...]:
        """The files that a run of it leaves in its folder; {learner} stands for each of its learners."""
        return {
            "train": (METRICS, "history.csv", PREDICTIONS, "weights-{learner}.safetensors"),
            "fuse": (METRICS, PREDICTIONS),
            "synthesise": (METRICS, "images.safetensors", "outputs-{learner}.safetensors"),
        }[self.verb]

    @property
    def live_peers(self) -> bool:
        return self.peers == "live" or isinstance(self.peers, StalePeers | AveragedPeers)

    @property
    def teachers(self) -> list[str]:
        """Patterns of the runs whose learners teach."""
        if isinstance(self.teacher, list):
            return self.teacher
        return ["teacher"] if self.teacher is True else []

    def listened_to(self) -> list[str]:
        """Patterns of the runs whose outputs are read."""
        frozen = [self.peers.run] if isinstance(self.peers, FrozenPeers) else []
        confused = [self.images.confused_by] if self.images.confused_by else []
        return [*self.teachers, *frozen, *confused]

    def needed_runs(self) -> list[str]:
        """Patterns of all runs that come before."""
        started = [self.starts_from] if self.starts_from else []
        made = [self.images.made_by] if self.images.made_by else []
        fused = self.fuse.members if self.fuse else []
        return list(dict.fromkeys([*self.listened_to(), *started, *made, *fused]))

    @field_validator("method")
    @classmethod
    def plain_name(cls, method: str) -> str:
        if not re.fullmatch(r"[a-z0-9-]+", method):
            raise ValueError(
                f'must be of lower-case letters, digits and "-", got {method!r}: call it otherwise; where values '
                "of over have a point, write a lesson for each, as recipe less-data does"
            )
        return method

    @model_validator(mode="after")
    def known_placeholders(self) -> "Lesson":
        known = {"study": [], "student": ["student"], "left out": ["left_out", "others"], "grid point": ["weights"]}
        own = known[self.for_each]
        for pattern in (self.run, self.title, *self.listened_to(), self.starts_from or "", self.images.made_by or ""):
            check_placeholders(pattern, own, self.for_each)
        for pattern in self.fuse.members if self.fuse else []:
            check_placeholders(pattern, [*own, "every"], self.for_each)
        return self

    @model_validator(mode="after")
    def known_view(self) -> "Lesson":
        if self.view not in VIEWS:
            raise ValueError(unknown("view", self.view, VIEWS))
        return self

    @model_validator(mode="after")
    def fitting_learners(self) -> "Lesson":
        if bool(self.named) != (self.learners == "named"):
            raise ValueError("named lists the networks of learners: named, and stands with it alone")
        if self.learners == "together" and not self.fuse:
            raise ValueError("together is what finished networks are called that answer together: add fuse")
        if self.copies > 1 and self.learners != "student":
            raise ValueError("copies are of a student: set learners: student, or remove copies")
        if self.every_seed and self.learners != "teacher":
            raise ValueError("every_seed is of the teacher's network, whose runs may have one seed: remove it")
        return self

    @model_validator(mode="after")
    def one_objective(self) -> "Lesson":
        if [self.weights, self.objective, self.fuse, self.synthesise].count(None) != 3:
            raise ValueError("must have either weights or an objective (or, without training, fuse or synthesise)")
        if isinstance(self.peers, StalePeers | AveragedPeers) and any(
            term.layers for term in self.objective or [] if term.source == "peers"
        ):
            raise ValueError("layers of peers cannot be compared as they were or are on average: set peers: live")
        if self.objective is not None:
            sources = [term.source for term in self.objective]
            heard = {"labels"} & set(sources)
            heard |= {"teacher"} if self.teacher else set()
            heard |= {"peers"} if self.peers != "none" else set()
            named = [f"{term.loss} of {term.source}" for term in self.objective]
            if twice := {name for name in named if named.count(name) > 1}:
                raise ValueError(f"objective: two terms are {', '.join(sorted(twice))}: add their weights up in one")
            if set(sources) != heard:
                raise ValueError(
                    f"objective: has terms of {', '.join(dict.fromkeys(sources))}, but the lesson listens to "
                    f"{', '.join(sorted(heard)) or 'nobody'}: set teacher and peers, or add what lacks"
                )
        return self


def check_placeholders(pattern: str, known: list[str], for_each: str) -> None:
    for _, name, _, _ in Formatter().parse(pattern):
        if name is not None and name not in known:
            raise ValueError(unknown(f"placeholder of for_each: {for_each}", name, known))
