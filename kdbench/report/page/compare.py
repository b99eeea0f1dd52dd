"""Several studies on one page: in what each departs from the paper, its gains over scratch, and its verdicts.

A gain is a student's test accuracy minus that of the same student from scratch, in percentage points, paired by seed.
Students of different studies meet in the paper's role they play.
"""

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kdbench.config import Config, check_config
from kdbench.errors import KdbenchError
from kdbench.files import write_text
from kdbench.overlay import read_yaml
from kdbench.paper.deviations import deviations
from kdbench.paper.reported import Paper, read_paper
from kdbench.report.collect import by_seed, read_results
from kdbench.report.experiments import experiments
from kdbench.report.page.cells import Cell, number, points, read_rows, shaded
from kdbench.report.page.claims import verdict, verdict_counts
from kdbench.report.page.differences import differing_keys
from kdbench.report.page.page import template
from kdbench.report.statistics import LEVEL, Sample, adjusted, paired_difference
from kdbench.report.text_table import DASH, interval, signed
from kdbench.wording import counted

if TYPE_CHECKING:
    import pandas as pd

OUTPUT = Path("results/compare.html")
Row = tuple[str, str]  # an experiment of Table 2, and the student


@dataclass(frozen=True)
class Finished:
    """A finished study, from its results folder alone."""

    name: str
    folder: Path
    config: Config

    @cached_property
    def results(self) -> "pd.DataFrame":
        return read_results(self.folder)

    @cached_property
    def claims(self) -> list[dict[str, str]]:
        return read_rows(self.folder / "claims.csv")

    def gains(self, paper: Paper) -> dict[Row, Sample]:
        """Every gain over scratch that the study has runs for."""
        roles, found = paper.roles(self.config.students), {}
        for experiment in experiments(self.config, paper):
            for student, run in experiment.runs.items():
                scratch = by_seed(self.results, f"scratch-{student}", student, "test_accuracy")
                gain = paired_difference(by_seed(self.results, run, student, "test_accuracy"), scratch)
                if experiment.method != "scratch" and gain.n:
                    role = roles[student]
                    found[experiment.label, paper.students[role].label if role else student] = gain
        return found


def read_study(folder: Path, name: str) -> Finished:
    """Raises KdbenchError where the folder holds no study.yaml, which is written with the page."""
    path = folder / "study.yaml"
    if not path.exists():
        raise KdbenchError(f"{path}: no such file: name a study's results folder; `snakemake report` writes the file")
    return Finished(name, folder, check_config(read_yaml(path), source=str(path)))


def short_names(folders: Sequence[Path]) -> list[str]:
    """The folders' names, or their paths where two have the same name."""
    names = [Path(os.path.abspath(folder)).name for folder in folders]
    return names if len(set(names)) == len(names) else [os.path.normpath(folder) for folder in folders]


def paper_gains(paper: Paper) -> dict[Row, float]:
    scratch = next(row for row in paper.table2.rows if row.method == "scratch").test_accuracy
    return {
        (row.experiment, paper.students[role].label): accuracy - scratch[role]
        for row in paper.table2.rows
        if row.method != "scratch"
        for role, accuracy in row.test_accuracy.items()
    }


def gain_rows(studies: list[Finished], paper: Paper) -> list[dict[str, Any]]:
    """A row an experiment and student: the paper's gain, and each study's; the paper's rows first, in its order."""
    reported, found = paper_gains(paper), [study.gains(paper) for study in studies]
    sure = significant([gain for gains in found for gain in gains.values()])
    rows = dict.fromkeys([*reported, *(row for gains in found for row in gains)])
    return [
        {
            "experiment": experiment,
            "student": student,
            "paper": points(reported.get((experiment, student))),
            "cells": [gain_cell(gains.get((experiment, student)), sure) for gains in found],
        }
        for experiment, student in rows
        if any((experiment, student) in gains for gains in found)
    ]


def significant(gains: list[Sample]) -> list[Sample]:
    """Those that differ from 0 at the 5 % level, with p-values adjusted for the number of all of them."""
    corrected = adjusted([gain.p(0.0) for gain in gains])
    return [gain for gain, p in zip(gains, corrected, strict=True) if p < LEVEL]


def gain_cell(gain: Sample | None, sure: list[Sample]) -> Cell:
    """A gain, coloured where it is one of ``sure``; below it the interval and the number of seeds."""
    if gain is None:
        return Cell(DASH)
    seeds = counted(gain.n, "seed")
    if not gain.has_spread:
        return Cell(signed(gain.mean), gain.mean, note=seeds)
    cell = shaded(signed(gain.mean), gain.mean if gain in sure else 0.0)
    return Cell(cell.text, gain.mean, cell.tone, cell.shade, f"{interval(gain.low, gain.high)}; {seeds}")


def claim_rows(studies: list[Finished]) -> list[dict[str, Any]]:
    """A row a claim of the paper, with each study's verdict and difference."""
    of_study = [{claim["id"]: claim for claim in study.claims} for study in studies]
    every = {claim["id"]: claim for study in studies for claim in study.claims}
    return [
        {
            "text": claim["claim"],
            "section": claim["section"],
            "paper": points(number(claim["paper"])),
            "cells": [verdict_cell(claims.get(id)) for claims in of_study],
        }
        for id, claim in every.items()
    ]


def verdict_cell(claim: dict[str, str] | None) -> dict[str, Any]:
    if claim is None:
        return {**verdict("not tested"), "ours": ""}
    ours, low, high = (number(claim[name]) for name in ("ours", "low", "high"))
    said = "" if ours is None else signed(ours)
    return {**verdict(claim["verdict"]), "ours": said if low is None else f"{said} ({interval(low, high)})"}


def render(studies: list[Finished], output: Path) -> str:
    paper = read_paper()
    return template("compare.html.j2").render(
        paper=paper,
        options="",
        students=[],
        command=command(studies, output),
        studies=[
            {
                "name": study.name,
                "title": study.config.study.title,
                "place": os.path.relpath(study.folder, output.parent),
                "deviations": deviations(study.config),
                "seeds": study.config.seeds,
                "verdicts": verdict_counts(study.claims),
            }
            for study in studies
        ],
        differences=differing_keys([study.config for study in studies]),
        gains=gain_rows(studies, paper),
        claims=claim_rows(studies),
    )


def command(studies: list[Finished], output: Path) -> str:
    words = ["kdbench", "compare", *(os.path.normpath(study.folder) for study in studies)]
    return shlex.join(words if output == OUTPUT else [*words, "--output", str(output)])


def write_comparison(folders: Sequence[Path], output: Path) -> None:
    """Write a page over the studies in ``folders``; raises KdbenchError where one of them is not finished."""
    studies = [read_study(folder, name) for folder, name in zip(folders, short_names(folders), strict=True)]
    write_text(output, render(studies, output))
