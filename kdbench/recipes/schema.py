"""What a recipe states: the survey's stages, and the lessons (kinds of runs) the method consists of."""

from functools import cache
from importlib import resources
from string import Formatter
from typing import Literal

import yaml
from pydantic import Field, model_validator

from kdbench.config import Distillation, Section, check_section
from kdbench.errors import KdbenchError, unknown
from kdbench.recipes.losses import losses


class Survey(Section):
    """The method's choices at the stages of the survey's figures 2 to 6."""

    objectives: list[Literal["simple model", "limited data", "learning time", "accuracy"]]
    data_modification: list[Literal["resolution", "augmentation", "modality", "view"]] = []
    data_partition: Literal["none", "teacher", "student", "both"] = "none"
    teacher_setup: Literal["none", "single", "several"]
    knowledge_type: list[Literal["soft labels", "hard labels", "mutual information", "similarity", "deep features"]]
    knowledge_location: list[Literal["output", "intermediate"]] = ["output"]
    transfer: list[Literal["direct", "aggregated", "sequential", "conditional", "weighted", "multi-level", "peer"]] = []
    student_setup: Literal["single", "several"]
    student_architecture: list[Literal["as teacher", "simplified", "different"]]
    student_construction: Literal["scratch", "initialised from teacher", "quantised", "low-precision", "pruned"]


class FrozenPeers(Section):
    """Finished students that teach as peers: all learners of the run they were trained in."""

    run: str


class LossTerm(Section):
    """One term of a lesson's own objective. What ``options`` leave open is the configuration's ``distillation``'s."""

    loss: str = Field(description="a file of kdbench/objectives")
    source: Literal["labels", "teacher", "peers"]
    weight: float = Field(ge=0)
    combine: Literal["sum", "mean"] | None = Field(None, description="of peers; null: the configuration's")
    options: dict[str, float | bool] = {}

    @model_validator(mode="after")
    def known_loss(self) -> "LossTerm":
        if self.loss not in losses():
            raise ValueError(unknown("loss", self.loss, losses()))
        for option in self.options:
            if option not in losses()[self.loss]:
                raise ValueError(unknown(f"option of {self.loss}", option, losses()[self.loss]))
        for option, needed in losses()[self.loss].items():
            if needed and option not in {*self.options, *Distillation.model_fields}:
                raise ValueError(f"{self.loss} needs the option {option}: add it to options")
        return self


class Lesson(Section):
    """One kind of run. Patterns may hold {student}, {left_out}, {others} (names joined by +) and {weights}."""

    method: str = Field(pattern="^[a-z0-9-]+$", description="its name in results.csv and of its rule")
    title: str = Field(description="its row in tables and its line in figures; same placeholders as run")
    short: str = Field(description="the same in a word or two, where there is no room")
    run: str
    for_each: Literal["study", "student", "left out", "grid point"] = "study"
    learners: Literal["teacher", "student", "students", "others", "left out"]
    teacher: bool = Field(True, description="whether the teacher's outputs are listened to")
    peers: Literal["none", "live"] | FrozenPeers = "none"
    weights: (
        Literal["labels only", "vanilla", "grid point", "peer", "alternate phase 1", "alternate phase 2"] | None
    ) = Field(None, description="where cross-entropy and soft labels have their weights from in the configuration")
    objective: list[LossTerm] | None = Field(None, min_length=1, description="the terms of the loss, without weights")
    tuning: bool = Field(False, description="holds out the validation images and runs on the tuning seeds")
    students_needed: int = 1

    @model_validator(mode="after")
    def known_placeholders(self) -> "Lesson":
        known = {"study": [], "student": ["student"], "left out": ["left_out", "others"], "grid point": ["weights"]}
        for pattern in (self.run, self.title):
            for _, name, _, _ in Formatter().parse(pattern):
                if name is not None and name not in known[self.for_each]:
                    raise ValueError(unknown(f"placeholder of for_each: {self.for_each}", name, known[self.for_each]))
        return self

    @model_validator(mode="after")
    def one_objective(self) -> "Lesson":
        if (self.weights is None) == (self.objective is None):
            raise ValueError("must have either weights or an objective")
        if self.objective is not None:
            sources = [term.source for term in self.objective]
            heard = {"labels", *(["teacher"] if self.teacher else []), *(["peers"] if self.peers != "none" else [])}
            if twice := {source for source in sources if sources.count(source) > 1}:
                raise ValueError(f"objective: two terms of {', '.join(sorted(twice))}: make one loss of them")
            if {"labels", *sources} != heard:
                raise ValueError(
                    f"objective: has terms of {', '.join(sources)}, but the lesson listens to "
                    f"{', '.join(sorted(heard))}: set teacher and peers, or add what lacks"
                )
        return self


class Recipe(Section):
    name: str
    title: str
    source: str
    survey: Survey | None = None
    lessons: list[Lesson]


@cache
def recipe_names() -> list[str]:
    folder = resources.files("kdbench.recipes")
    return sorted(item.name.removesuffix(".yaml") for item in folder.iterdir() if item.name.endswith(".yaml"))


@cache
def read_recipe(name: str) -> Recipe:
    """The recipe called ``name``; raises KdbenchError where there is none or it is malformed."""
    if name not in recipe_names():
        raise KdbenchError(f"methods: {unknown('method', name, recipe_names())}")
    text = resources.files("kdbench.recipes").joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    return check_section(Recipe, yaml.safe_load(text), source=f"kdbench/recipes/{name}.yaml")
