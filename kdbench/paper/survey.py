"""What the survey reports: Tables I and II as printed, its references and the claims of its section VII.

Imports neither torch nor pandas.
"""

from collections.abc import Collection
from functools import cache
from importlib import resources
from typing import Literal

import yaml
from pydantic import Field, model_validator

from kdbench.section import Section, check_section

TableNumber = Literal[1, 2]
Column = Literal["objective", "data", "teacher", "knowledge", "method", "student", "dataset"]
ROMAN = {1: "I", 2: "II"}


def work_name(work: int, experiment: int | None = None) -> str:
    """A work as the survey's tables name it: [6], [1] (Ex.2)."""
    return f"[{work}]" + (f" (Ex.{experiment})" if experiment else "")


class Reference(Section):
    """A work the survey cites: its authors and year in short, and its title."""

    name: str
    title: str


class Row(Section):
    """A row of Table I or II, every cell as printed."""

    work: int
    experiment: int | None = None
    objective: str
    data: str
    teacher: str
    knowledge: str
    method: str
    student: str
    dataset: str

    @property
    def key(self) -> tuple[int, int | None]:
        return self.work, self.experiment

    @property
    def name(self) -> str:
        return work_name(self.work, self.experiment)


class Table(Section):
    headings: dict[Column, str]
    rows: list[Row]


class Comparison(Section):
    """Which methods of the recipes a claim is held against: ``first`` minus ``second``, in percentage points.

    Of sizes, how many times smaller ``first`` is.
    """

    first: str
    second: str
    kind: Literal["above", "no worse", "smaller"]
    margin: float = Field(0.0, ge=0, description="no worse: by more than this many points")
    figure: Literal["test_accuracy", "bytes", "flops"] = Field("test_accuracy", description="a column of results.csv")
    factor: float = Field(1.0, ge=1, description="smaller: by more than this factor")
    note: str | None = Field(None, description="what to know of the comparison")

    @model_validator(mode="after")
    def sizes_are_smaller(self) -> "Comparison":
        if (self.kind == "smaller") == (self.figure == "test_accuracy"):
            raise ValueError("kind: smaller is of a figure that is a size, bytes or flops; others are of test_accuracy")
        return self


class SurveyClaim(Section):
    """A sentence of section VII on one work, or a part of it."""

    id: str = Field(pattern="^[a-z0-9-]+$")
    section: str
    work: int
    recipes: list[str]
    text: str
    number: float | None = None
    counts: str | None = Field(None, description="what the number counts")
    compares: Comparison

    @model_validator(mode="after")
    def number_counts_something(self) -> "SurveyClaim":
        if (self.number is None) != (self.counts is None):
            raise ValueError("number and counts stand together: add what lacks")
        return self


class Deviation(Section):
    """A cell that a recipe gives otherwise than the survey prints it."""

    recipe: str
    column: Column
    ours: str
    why: str


class Unmade(Section):
    """A choice of the survey's figures that no recipe makes."""

    field: str
    choice: str
    why: str


class SurveyPaper(Section):
    """All that the survey reports."""

    title: str
    authors: str
    references: dict[int, Reference]
    caption: str
    tables: dict[TableNumber, Table]
    claims: list[SurveyClaim]
    deviations: list[Deviation] = []
    unmade: list[Unmade] = []

    @property
    def rows(self) -> list[Row]:
        """Those of both tables, in their order."""
        return [row for table in self.tables.values() for row in table.rows]

    @model_validator(mode="after")
    def about_its_works(self) -> "SurveyPaper":
        for work in [*(row.work for row in self.rows), *(claim.work for claim in self.claims)]:
            if work not in self.references:
                raise ValueError(f"{work_name(work)} is none of the references: add it")
        return self


def has_claims_on(methods: Collection[str]) -> bool:
    """Whether the survey's claims can be held against some of these methods."""
    return any(claim.compares.first in methods for claim in read_survey().claims)


@cache
def read_survey() -> SurveyPaper:
    text = resources.files("kdbench.paper").joinpath("survey.yaml").read_text(encoding="utf-8")
    return check_section(SurveyPaper, yaml.safe_load(text), source="kdbench/paper/survey.yaml")
