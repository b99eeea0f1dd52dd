"""The paper's numbers and claims as typed objects, and which student of a study plays which student of the paper.

Accuracies are percentages, differences percentage points. Imports neither torch nor pandas.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

import yaml
from pydantic import Field

from kdbench.config import Criterion, LossWeights, Student
from kdbench.section import Section, check_section

Role = Literal["S1", "S2", "S3"]
Figure = Literal["train_accuracy", "test_accuracy"]
Kind = Literal["above", "not above", "no worse", "comparable"]


class PaperStudent(Section):
    """A student of the paper: the name of its network here, and the paper's spelling of it."""

    network: str
    label: str


class PaperTeacher(Section):
    network: str
    label: str
    weights: str
    upscale: int
    optimizer: str
    epochs: int
    test_accuracy: float


class PaperTraining(Section):
    weights: str
    optimizer: str
    epochs: int


class Protocol(Section):
    """How the paper's experiments were run."""

    dataset: str
    classes: int
    class_names: list[str]
    image_size: int
    train_images: int
    test_images: int
    validation_fraction: float
    teacher: PaperTeacher
    students: PaperTraining
    temperature: float
    vanilla_alpha: float
    fixed_weights: LossWeights
    phase2_weights: LossWeights


class Table1Row(Section):
    weights: LossWeights
    validation_accuracy: dict[Role, float]


class Table1(Section):
    caption: str
    rows: list[Table1Row]

    def value(self, weights: Sequence[float], role: Role | None) -> float | None:
        """The paper's validation accuracy of the student in ``role`` at ``weights``, or None."""
        for row in self.rows:
            if all(math.isclose(ours, theirs) for ours, theirs in zip(weights, row.weights, strict=True)):
                return row.validation_accuracy.get(role) if role else None
        return None


class Table2Row(Section):
    """A row of Table 2; ``phase1`` are the students that learned together in the first phase of alternate learning."""

    experiment: str
    method: str
    phase1: list[Role] | None = None
    test_accuracy: dict[Role, float]

    def describes(self, method: str, learners: Collection[Role | None], phase1: Collection[Role | None]) -> bool:
        """Whether this row reports runs of ``method`` by students in these roles (None: in no role).

        An alternate run must have the very students of the paper's in both phases. The other methods are the
        paper's whatever else the study's students are.
        """
        if self.method != method or self.phase1 is None:
            return self.method == method
        return set(learners) == set(self.test_accuracy) and set(phase1) == set(self.phase1)


class Table2(Section):
    caption: str
    rows: list[Table2Row]

    def row(self, method: str, learners: Collection[Role | None], phase1: Collection[Role | None]) -> Table2Row | None:
        """The row that reports such runs, or None where the paper ran none."""
        return next((row for row in self.rows if row.describes(method, learners, phase1)), None)


class Side(Section):
    """One side of a comparison: at each seed, the mean over the method's runs of the student."""

    method: str
    figure: Figure = "test_accuracy"
    student: Role | None = Field(None, description="null: the student the claim is about")


class ClaimEntry(Section):
    """One sentence of the paper that compares two figures, for one student or several."""

    id: str = Field(pattern="^[a-z0-9-]+$")
    section: str
    text: str
    kind: Kind = "above"
    first: Side
    second: Side
    students: dict[Role, float | None]


class SelectionClaim(Section):
    """One sentence of the paper on which grid point a criterion chooses."""

    id: str = Field(pattern="^[a-z0-9-]+$")
    section: str
    text: str
    criterion: Criterion
    student: Role
    weights: LossWeights
    number: float


@dataclass(frozen=True)
class Claim:
    """One comparison the paper makes: ``first`` minus ``second`` of one student, and what the paper says of it."""

    id: str
    section: str
    text: str
    kind: Kind
    role: Role
    first: Side
    second: Side
    number: float | None


class Paper(Section):
    """All that a paper reports."""

    title: str
    students: dict[Role, PaperStudent]
    protocol: Protocol
    figure_lines: dict[str, str] = Field(description="the lines of figures 2 and 3, method: its name there")
    table1: Table1
    table2: Table2
    comparable_margin: float = Field(gt=0, description="percentage points the paper still calls comparable")
    comparisons: list[ClaimEntry]
    selection_claims: list[SelectionClaim]

    def roles(self, students: Sequence[Student]) -> dict[str, Role | None]:
        """The role each student of a study plays, by its name: the first with the role's network plays it."""
        played: dict[str, Role | None] = {student.name: None for student in students}
        for role, paper_student in self.students.items():
            for student in students:
                if student.network.name == paper_student.network:
                    played[student.name] = role
                    break
        return played

    def claims(self) -> list[Claim]:
        """Every comparison of the paper, one a student."""
        return [
            Claim(
                id=f"{entry.id}-{self.students[role].network}",
                section=entry.section,
                text=entry.text.format(student=self.students[role].label, number=number),
                kind=entry.kind,
                role=role,
                first=entry.first,
                second=entry.second,
                number=number,
            )
            for entry in self.comparisons
            for role, number in entry.students.items()
        ]


@cache
def read_paper(name: str = "offline_kd") -> Paper:
    """What the paper called ``name`` reports."""
    text = resources.files("kdbench.paper").joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    return check_section(Paper, yaml.safe_load(text), source=f"kdbench/paper/{name}.yaml")
