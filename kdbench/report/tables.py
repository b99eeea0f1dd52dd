"""Tables 1 and 2 of the paper, reproduced: ours (mean ± sd over seeds), the paper's number, and the difference.

Each is written three times: as tidy CSV, and as wide Markdown and LaTeX (booktabs) with a group of columns a student.
Accuracies are percentages, differences percentage points, ours minus the paper's.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from kdbench.config import Config
from kdbench.files import write_text
from kdbench.paper.deviations import deviations
from kdbench.paper.reported import Paper, Table2Row, read_paper
from kdbench.plan import Plan, PlannedRun, format_weights
from kdbench.report.collect import by_seed, read_results
from kdbench.report.selection import DECIMALS, select_by, tune_run
from kdbench.report.statistics import Sample, sample

DASH = "–"
TABLE1_COLUMNS = ["weights", "student", "mean", "sd", "n", "paper", "difference", "chosen_by"]
TABLE2_COLUMNS = ["experiment", "method", "run", "student", "mean", "sd", "n", "paper", "difference"]
HOW_TO_READ = (
    "Ours: mean ± standard deviation (number of seeds); paper: its one run; difference: ours − paper, in "
    "percentage points."
)


def table1(config: Config, frame: pd.DataFrame, paper: Paper) -> pd.DataFrame:
    """Validation accuracy of each student at each grid point, with TABLE1_COLUMNS; a row per point and student.

    ``chosen_by`` names the criteria that choose the point, joined by +. Weights are written as in runs' names.
    """
    roles = paper.roles(config.students)
    selected = selected_weights(config, frame)
    rows = []
    for weights in config.tune.grid:
        chosen_by = "+".join(criterion for criterion, point in selected.get("chosen", {}).items() if point == weights)
        for student, role in roles.items():
            ours = sample(list(by_seed(frame, tune_run(weights), student, "validation_accuracy").values()))
            figures = beside_paper(ours, paper.table1.value(weights, role))
            rows.append(
                {"weights": format_weights(weights), "student": student, **figures, "chosen_by": chosen_by or None}
            )
    return pd.DataFrame(rows, columns=TABLE1_COLUMNS)


def selected_weights(config: Config, frame: pd.DataFrame) -> dict[str, Any]:
    """What selection.json holds, from results.csv; empty where it lacks a run that the selection needs."""

    def figure(run: str, seed: int, learner: str, name: str) -> float:
        return by_seed(frame, run, learner, name)[seed]

    students = [student.name for student in config.students]
    try:
        return select_by(figure, config.tune.grid, config.tune_seeds, students)
    except KeyError:
        return {}


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


def table2(config: Config, frame: pd.DataFrame, paper: Paper) -> pd.DataFrame:
    """Test accuracy of each student in each experiment, with TABLE2_COLUMNS; a row per experiment and student."""
    roles = paper.roles(config.students)
    rows = []
    for experiment in experiments(config, paper):
        for student, role in roles.items():
            if student not in experiment.runs:
                continue
            ours = sample(list(by_seed(frame, experiment.runs[student], student, "test_accuracy").values()))
            reported = experiment.reported.test_accuracy.get(role) if experiment.reported and role else None
            rows.append(
                {
                    "experiment": experiment.label,
                    "method": experiment.method,
                    "run": experiment.runs[student],
                    "student": student,
                    **beside_paper(ours, reported),
                }
            )
    return pd.DataFrame(rows, columns=TABLE2_COLUMNS)


def beside_paper(ours: Sample, reported: float | None) -> dict[str, float | int | None]:
    difference = None if reported is None else round(ours.mean - reported, DECIMALS)
    return {
        "mean": round(ours.mean, DECIMALS),
        "sd": round(ours.sd, DECIMALS),
        "n": ours.n,
        "paper": reported,
        "difference": difference,
    }


def teacher_line(config: Config, frame: pd.DataFrame, paper: Paper) -> str:
    ours = sample(list(by_seed(frame, "teacher", "teacher", "test_accuracy").values()))
    theirs = paper.protocol.teacher
    figures = beside_paper(ours, theirs.test_accuracy)
    accuracy, reported, difference = cells(figures)
    return (
        f"Teacher: {config.teacher.network.name}, test accuracy {accuracy}; "
        f"the paper's {theirs.label}: {reported}; difference {difference}."
    )


def study_line(config: Config) -> str:
    """The study, its seeds, and in what it differs from the paper: stated with every result."""
    line = f"{config.study.title}. Seeds: {', '.join(map(str, config.seeds))}"
    if any(lesson.tuning for lesson in Plan(config).lessons):
        line += f" (of the runs that tune weights: {', '.join(map(str, config.tune_seeds))})"
    line += "."
    if differences := deviations(config):
        line += f" Differs from the paper: {'; '.join(differences)}."
    return line


def students_line(config: Config, paper: Paper) -> str | None:
    """What it means that the study's students are not the paper's, or None where they are."""
    roles = paper.roles(config.students)
    if sorted(filter(None, roles.values())) == sorted(paper.students) and len(roles) == len(paper.students):
        return None
    labels = ", ".join(f"{student.label} ({role})" for role, student in paper.students.items())
    return (
        f"The paper's students are {labels}; this study has {len(roles)} ({', '.join(roles)}), "
        "so Teacher-Student-Peer and alternate learning differ in the peers each student has."
    )


@dataclass
class WideTable:
    """A table as text: ``stub`` columns, then three a student (ours, paper, difference), then ``last`` columns."""

    name: str
    caption: str
    stub: list[str]
    students: list[str]
    last: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def markdown(self) -> str:
        headers = [*self.stub, *(text for name in self.students for text in (name, "paper", "difference")), *self.last]
        align = "l" * len(self.stub) + "rrr" * len(self.students) + "l" * len(self.last)
        parts = [f"**{self.name}.** {self.caption}", markdown_table(headers, self.rows, align), *self.notes]
        return "\n\n".join(parts) + "\n"

    def latex(self) -> str:
        """A booktabs tabular and its notes, to be \\input into a table environment."""
        first, width = len(self.stub) + 1, len(self.students)
        groups = [f"\\multicolumn{{3}}{{c}}{{{latex_text(name)}}}" for name in self.students]
        rules = [f"\\cmidrule(lr){{{first + 3 * i}-{first + 3 * i + 2}}}" for i in range(width)]
        lines = [
            f"% {self.name}. {' '.join(self.caption.split())} Needs \\usepackage{{booktabs}}.",
            f"\\begin{{tabular}}{{{'l' * len(self.stub)}{'rrr' * width}{'l' * len(self.last)}}}",
            "\\toprule",
            " & ".join([*[""] * len(self.stub), *groups, *[""] * len(self.last)]) + " \\\\",
            " ".join(rules),
            latex_row([*self.stub, *["ours", "paper", "diff."] * width, *self.last]),
            "\\midrule",
            *(latex_row(row) for row in self.rows),
            "\\bottomrule",
            "\\end{tabular}",
            *(f"\\par\\smallskip{{\\footnotesize {latex_text(note)}\\par}}" for note in self.notes),
        ]
        return "\n".join(lines) + "\n"


def markdown_table(headers: Sequence[str], rows: Sequence[Sequence[str]], align: str) -> str:
    """A Markdown table, padded to be read as it is; ``align`` has l or r for each column."""
    lines = [[cell.replace("|", "\\|") for cell in line] for line in (headers, *rows)]
    widths = [max(3, *(len(line[i]) for line in lines)) for i in range(len(headers))]
    rule = ["-" * (width - 1) + ":" if side == "r" else "-" * width for width, side in zip(widths, align, strict=True)]
    padded = [
        [
            cell.rjust(width) if side == "r" else cell.ljust(width)
            for cell, width, side in zip(line, widths, align, strict=True)
        ]
        for line in lines
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in [padded[0], rule, *padded[1:]])


LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "±": r"$\pm$",
    "−": "$-$",
    "–": "--",
    "α": r"$\alpha$",
    "β": r"$\beta$",
    "γ": r"$\gamma$",
}


def latex_text(text: str) -> str:
    return "".join(LATEX.get(character, character) for character in text)


def latex_row(cells: Sequence[str]) -> str:
    return " & ".join(map(latex_text, cells)) + " \\\\"


def signed(value: float) -> str:
    """Percentage points with sign and two decimals; no negative zero."""
    return f"{round(value, 2) + 0.0:+.2f}".replace("-", "−")


def cells(figures: dict[str, Any]) -> list[str]:
    """Ours, the paper's number and the difference as text; an en dash for what there is not."""
    mean, sd, n, reported, difference = (figures[name] for name in ("mean", "sd", "n", "paper", "difference"))
    ours = DASH if not n else f"{mean:.2f} ± {sd:.2f} ({n})" if n > 1 else f"{mean:.2f} ({n})"
    return [ours, DASH if absent(reported) else f"{reported:.2f}", DASH if absent(difference) else signed(difference)]


def absent(value: float | None) -> bool:
    return value is None or math.isnan(value)


def wide_table1(config: Config, tidy: pd.DataFrame, paper: Paper) -> WideTable:
    wide = WideTable(
        "Table 1",
        paper.table1.caption,
        stub=["α", "β", "γ"],
        students=student_headers(config, paper),
        last=["chosen by"],
        notes=notes(config, paper),
    )
    for weights in config.tune.grid:
        point = tidy[tidy["weights"] == format_weights(weights)].set_index("student")
        criteria = point["chosen_by"].iloc[0]
        chosen = "" if pd.isna(criteria) else f"best for the {criteria.replace('+', ' and the ')} student"
        row = [f"{weight:g}" for weight in weights]
        for student in config.students:
            row += cells(dict(point.loc[student.name]))
        wide.rows.append([*row, chosen])
    return wide


def wide_table2(config: Config, tidy: pd.DataFrame, paper: Paper, teacher: str) -> WideTable:
    wide = WideTable(
        "Table 2",
        paper.table2.caption,
        stub=["Experiment"],
        students=student_headers(config, paper),
        notes=[teacher, *notes(config, paper)],
    )
    for (experiment, _), group in tidy.groupby(["experiment", "method"], sort=False):
        by_student = group.set_index("student")
        row = [str(experiment)]
        for student in config.students:
            row += cells(dict(by_student.loc[student.name])) if student.name in by_student.index else [DASH] * 3
        wide.rows.append(row)
    return wide


def student_headers(config: Config, paper: Paper) -> list[str]:
    return [f"{name} ({role})" if role else name for name, role in paper.roles(config.students).items()]


def notes(config: Config, paper: Paper) -> list[str]:
    return [HOW_TO_READ, study_line(config), *filter(None, [students_line(config, paper)])]


def write_tables(config: Config, results: Path) -> None:
    """Write tables/table1 and tables/table2 as .csv, .md and .tex from results.csv."""
    paper, frame = read_paper(), read_results(results)
    tidy1, tidy2 = table1(config, frame, paper), table2(config, frame, paper)
    teacher = teacher_line(config, frame, paper)
    for name, tidy, wide in [
        ("table1", tidy1, wide_table1(config, tidy1, paper)),
        ("table2", tidy2, wide_table2(config, tidy2, paper, teacher)),
    ]:
        write_text(results / "tables" / f"{name}.csv", tidy.to_csv(index=False, lineterminator="\n"))
        write_text(results / "tables" / f"{name}.md", wide.markdown())
        write_text(results / "tables" / f"{name}.tex", wide.latex())
