"""Where a method stands in the survey's general model: its choice at every stage of figures 2 to 6.

Abbasi, Hajabdollahi, Karimi and Samavi, "Modeling Teacher-Student Techniques in Deep Neural Networks for Knowledge
Distillation". Where the survey calls it permuted distillation, a student learns directly from one teacher: "direct".
"""

from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from pydantic import Field, model_validator

from kdbench.section import Section

Objective = Literal["simple model", "limited data", "learning time", "accuracy"]
DataModification = Literal["resolution", "augmentation", "modality", "view"]
Complexity = Literal["simple", "complex"]
KnowledgeType = Literal["soft labels", "hard labels", "mutual information", "similarity", "deep features"]
Transfer = Literal["direct", "aggregated", "sequential", "conditional", "weighted", "multi-level", "peer"]


class Survey(Section):
    """The method's choices at the stages of the survey's figures 2 to 6, and what else its tables tell of a work."""

    objectives: list[Objective] = Field(title="objective", description="what the method is for")
    data_modification: list[DataModification] = Field(
        [], title="modification", description="in what the images differ that teacher and student learn from"
    )
    data_partition: Literal["none", "teacher", "student", "both"] = Field(
        "none", title="partition", description="whose images are other than all of the training images"
    )
    teacher_setup: Literal["none", "single", "several"] = Field(title="set-up", description="how many teachers")
    teacher_architecture: list[Complexity] = Field([], title="architecture", description="how large they are")
    teacher_construction: Literal["trained", "low-precision"] = Field(
        "trained", title="construction", description="how they are made"
    )
    knowledge_type: list[KnowledgeType] = Field(title="type", description="what is transferred")
    knowledge_location: list[Literal["output", "intermediate"]] = Field(
        ["output"], title="location", description="where in the teacher it is taken from"
    )
    transfer: list[Transfer] = Field([], title="transfer", description="how it is transferred")
    student_setup: Literal["single", "several"] = Field(title="set-up", description="how many students belong together")
    student_architecture: list[Literal["as teacher", "simplified", "different"]] = Field(
        title="architecture", description="beside the teacher's in its source: a study names its own"
    )
    student_construction: list[
        Literal["scratch", "initialised from teacher", "quantised", "low-precision", "pruned"]
    ] = Field(title="construction", min_length=1, description="from which weights it starts, and what becomes of them")
    work: int | None = Field(None, gt=0, description="its number in the survey's references, where its tables have it")
    experiment: int | None = Field(None, gt=0, description="which of the work's, where the tables have several")
    data: str | None = Field(None, description="the tables' words of how its data are prepared")
    student: str | None = Field(None, description="the tables' words of its student, where not of its architecture")
    datasets: list[str] = Field([], description="those of the work, as the tables spell them")

    @model_validator(mode="after")
    def told_by_the_tables(self) -> "Survey":
        told = {"experiment": self.experiment, "data": self.data, "student": self.student, "datasets": self.datasets}
        if self.work is None and (without := [name for name, value in told.items() if value]):
            raise ValueError(f"{', '.join(without)}: the survey's tables tell that of a work: add work, its number")
        return self

    def chosen(self, field: str) -> tuple[str, ...]:
        """What is chosen at ``field``, in the order of its choices."""
        value = getattr(self, field)
        picked = value if isinstance(value, list) else [value]
        return tuple(choice for choice in choices(field) if choice in picked)


@dataclass(frozen=True)
class Stage:
    """A figure of the survey: its title, and the fields of Survey that are its branches."""

    title: str
    fields: tuple[str, ...]


STAGES = {
    2: Stage("Objectives", ("objectives",)),
    3: Stage("Data preparation", ("data_modification", "data_partition")),
    4: Stage("Teacher modelling", ("teacher_setup", "teacher_architecture", "teacher_construction")),
    5: Stage("Knowledge distillation", ("knowledge_type", "knowledge_location", "transfer")),
    6: Stage("Student modelling", ("student_setup", "student_architecture", "student_construction")),
}


def choices(field: str) -> tuple[str, ...]:
    """All that can be chosen at ``field`` of Survey."""
    return literals(Survey.model_fields[field].annotation)


def literals(annotation: Any) -> tuple[str, ...]:
    arguments = get_args(annotation)
    if get_origin(annotation) is Literal:
        return arguments
    return tuple(value for argument in arguments for value in literals(argument))


def filters() -> dict[str, list[str]]:
    """The options that filter, each with the fields of Survey whose choices it takes: those called after it."""
    found: dict[str, list[str]] = {}
    for stage in STAGES.values():
        for field in stage.fields:
            found.setdefault(field.split("_")[0].removesuffix("s"), []).append(field)
    return found


def choices_of(option: str) -> dict[str, list[str]]:
    """Every choice that ``option`` takes, with the fields where it stands."""
    found: dict[str, list[str]] = {}
    for field in filters()[option]:
        for choice in choices(field):
            found.setdefault(choice, []).append(field)
    return found
