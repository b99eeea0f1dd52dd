"""The experiments that Table 2 has a row for: the paper's in its order and words, then the study's own."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from kdbench.config import Config
from kdbench.paper.reported import Paper, Table2Row
from kdbench.plan import Plan
from kdbench.planned import PlannedRun
from kdbench.report.text_table import DASH


@dataclass(frozen=True)
class Experiment:
    """A row of Table 2: the run of each student it is about, and the row of the paper's it reproduces."""

    label: str
    method: str
    runs: dict[str, str]
    reported: Table2Row | None


def experiments(config: Config, paper: Paper) -> list[Experiment]:
    """The rows of Table 2: the paper's in its order and words, then the study's own in the plan's."""
    plan, roles = Plan(config), paper.roles(config.students)
    groups: dict[tuple[str, str], list[PlannedRun]] = {}
    for run in runs_followed_by_their_pupils(plan):
        if not run.lesson.tuning and set(run.learners) & set(roles):
            groups.setdefault((run.method, run.title), []).append(run)
    rows = []
    for (method, title), runs in groups.items():
        run_of = {learner: run.name for run in runs for learner in run.learners if learner in roles}
        phase1 = plan.runs[runs[0].frozen_peers_run].learners if runs[0].frozen_peers_run else runs[0].learners
        played, played_before = [roles[name] for name in run_of], [roles.get(name) for name in phase1]
        reported = paper.table2.row(method, played, played_before)
        rows.append(Experiment(reported.experiment if reported else title, method, run_of, reported))
    order = [row.experiment for row in paper.table2.rows]
    return sorted(rows, key=lambda row: order.index(row.label) if row.reported else len(order))


def runs_followed_by_their_pupils(plan: Plan) -> Iterator[PlannedRun]:
    """The plan's runs, those taught by another run's learners right after it."""

    def with_pupils(run: PlannedRun) -> Iterator[PlannedRun]:
        yield run
        for pupil in plan.runs.values():
            if pupil.frozen_peers_run == run.name:
                yield from with_pupils(pupil)

    for run in plan.runs.values():
        if not run.frozen_peers_run:
            yield from with_pupils(run)


def experiment_rows(
    config: Config, tidy: pd.DataFrame, texts: Callable[[dict[str, Any]], list[str]], width: int
) -> list[list[str]]:
    """A row per experiment: its name, then the ``width`` texts of each student, dashes where it has none."""
    rows = []
    for (experiment, _), group in tidy.groupby(["experiment", "method"], sort=False):
        by_student = group.set_index("student")
        row = [str(experiment)]
        for student in config.students:
            row += texts(dict(by_student.loc[student.name])) if student.name in by_student.index else [DASH] * width
        rows.append(row)
    return rows
