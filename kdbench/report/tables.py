"""Tables 1 and 2 of the paper, reproduced: ours (mean ± sd over seeds), the paper's number, and the difference.

Each, and the study's own Table 3, is written three times: as tidy CSV, and as wide Markdown and LaTeX (booktabs) with
a group of columns a student. Accuracies are percentages, differences percentage points, ours minus the paper's;
``low`` and ``high`` are the 95 % interval of the mean over seeds.
"""

from pathlib import Path

import pandas as pd

from kdbench.config import Config, format_weights
from kdbench.files import write_text
from kdbench.finished import DECIMALS
from kdbench.paper.reported import Paper, read_paper
from kdbench.report.beside_paper import BesidePaper, beside_paper
from kdbench.report.collect import by_seed, read_results
from kdbench.report.experiments import experiment_rows, experiments
from kdbench.report.regularisation import table3, wide_table3
from kdbench.report.selected import selected_weights, weights_line
from kdbench.report.selection import tune_run
from kdbench.report.statistics import Sample, sample
from kdbench.report.study_notes import notes, student_headers
from kdbench.report.text_table import WideTable

TABLE1_COLUMNS = ["weights", "student", "mean", "sd", "low", "high", "n", "paper", "difference", "chosen_by"]

TABLE2_COLUMNS = ["experiment", "method", "run", "student", "mean", "sd", "low", "high", "n", "paper", "difference"]


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
            figures = figures_beside(ours, paper.table1.value(weights, role))
            rows.append(
                {"weights": format_weights(weights), "student": student, **figures, "chosen_by": chosen_by or None}
            )
    return pd.DataFrame(rows, columns=TABLE1_COLUMNS)


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
                    **figures_beside(ours, reported),
                }
            )
    return pd.DataFrame(rows, columns=TABLE2_COLUMNS)


def figures_beside(ours: Sample, reported: float | None) -> dict[str, float | int | None]:
    difference = None if reported is None else round(ours.mean - reported, DECIMALS)
    return {
        "mean": round(ours.mean, DECIMALS),
        "sd": round(ours.sd, DECIMALS),
        "low": round(ours.low, DECIMALS),
        "high": round(ours.high, DECIMALS),
        "n": ours.n,
        "paper": reported,
        "difference": difference,
    }


def teacher_line(config: Config, frame: pd.DataFrame, paper: Paper, beside: BesidePaper) -> str:
    ours = sample(list(by_seed(frame, "teacher", "teacher", "test_accuracy").values()))
    theirs = paper.protocol.teacher
    accuracy, reported, *difference = beside.texts(figures_beside(ours, theirs.test_accuracy))
    line = f"Teacher: {config.teacher.network.name}, test accuracy {accuracy}; the paper's {theirs.label}: {reported}"
    return f"{line}; difference {difference[0]}." if difference else f"{line}, on CIFAR-10."


def wide_table1(config: Config, tidy: pd.DataFrame, paper: Paper, beside: BesidePaper) -> WideTable:
    untuned = [] if tidy["n"].any() else ["This study tunes no weights: the paper's numbers stand alone."]
    wide = WideTable(
        "Table 1",
        paper.table1.caption,
        stub=["α", "β", "γ"],
        students=student_headers(config, paper),
        columns=beside.columns,
        last=["chosen by"],
        notes=[*untuned, *notes(config, paper, beside.how_to_read)],
    )
    for weights in config.tune.grid:
        point = tidy[tidy["weights"] == format_weights(weights)].set_index("student")
        criteria = point["chosen_by"].iloc[0]
        chosen = "" if pd.isna(criteria) else f"best for the {criteria.replace('+', ' and the ')} student"
        row = [f"{weight:g}" for weight in weights]
        for student in config.students:
            row += beside.texts(dict(point.loc[student.name]))
        wide.rows.append([*row, chosen])
    return wide


def wide_table2(
    config: Config, tidy: pd.DataFrame, paper: Paper, beside: BesidePaper, conditions: list[str]
) -> WideTable:
    wide = WideTable(
        "Table 2",
        paper.table2.caption,
        stub=["Experiment"],
        students=student_headers(config, paper),
        columns=beside.columns,
        notes=[*conditions, *notes(config, paper, beside.how_to_read)],
    )
    wide.rows = experiment_rows(config, tidy, beside.texts, len(wide.columns))
    return wide


def write_tables(config: Config, results: Path) -> None:
    """Write tables/table1, table2 and table3 as .csv, .md and .tex from results.csv."""
    paper, frame = read_paper(), read_results(results)
    beside = beside_paper(config, results, paper)
    tidy1, tidy2, tidy3 = (table(config, frame, paper) for table in (table1, table2, table3))
    conditions = [line for line in (teacher_line(config, frame, paper, beside), weights_line(config, frame)) if line]
    for name, tidy, wide in [
        ("table1", tidy1, wide_table1(config, tidy1, paper, beside)),
        ("table2", tidy2, wide_table2(config, tidy2, paper, beside, conditions)),
        ("table3", tidy3, wide_table3(config, tidy3, paper)),
    ]:
        write_text(results / "tables" / f"{name}.csv", tidy.to_csv(index=False, lineterminator="\n"))
        write_text(results / "tables" / f"{name}.md", wide.markdown())
        write_text(results / "tables" / f"{name}.tex", wide.latex())
