"""What a recipe states: the survey's stages, and the lessons (kinds of runs) the method consists of."""

from functools import cache
from importlib import resources
from typing import Literal

import yaml
from pydantic import Field

from kdbench.config import Section, check_section
from kdbench.errors import KdbenchError, unknown


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
    weights: Literal["labels only", "vanilla", "grid point", "peer", "alternate phase 1", "alternate phase 2"]
    tuning: bool = Field(False, description="holds out the validation images and runs on the tuning seeds")
    students_needed: int = 1


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
