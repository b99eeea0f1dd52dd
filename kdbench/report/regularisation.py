"""Table 3, this study's own: how far each student's training accuracy exceeds its test accuracy, and its calibration.

The paper explains its gains as regularisation; these figures show it beside the accuracies of Table 2.
"""

from typing import Any

import pandas as pd

from kdbench.config import Config
from kdbench.finished import DECIMALS
from kdbench.paper.reported import Paper
from kdbench.report.collect import by_seed
from kdbench.report.experiments import experiment_rows, experiments
from kdbench.report.statistics import sample
from kdbench.report.study_notes import notes, student_headers
from kdbench.report.text_table import DASH, WideTable, absent, signed, with_sd

FIGURES = {"gap": "train_test_gap", "calibration_error": "calibration_error"}  # as in results.csv
COLUMNS = ["experiment", "method", "run", "student", "n"]
COLUMNS += [name + suffix for name in FIGURES for suffix in ("", "_sd", "_low", "_high")]
CAPTION = "Regularisation: how far training accuracy exceeds test accuracy, and calibration."
HOW_TO_READ = (
    "Gap: the finished network's accuracy on training images minus that on test images, in percentage points; ECE: "
    "expected calibration error on test images, in percent, over 15 bins of confidence (Guo et al. 2017). "
    "Each: mean ± standard deviation over seeds (their number after the gap). Not in the paper, which explains its "
    "gains as regularisation: a smaller gap is less overfitting, a smaller ECE confidence closer to accuracy."
)


def table3(config: Config, frame: pd.DataFrame, paper: Paper) -> pd.DataFrame:
    """Train-test gap and calibration error of each student in each experiment, with COLUMNS; rows as in Table 2."""
    rows = []
    for experiment in experiments(config, paper):
        for student in paper.roles(config.students):
            if student not in experiment.runs:
                continue
            run = experiment.runs[student]
            found = {name: sample(list(by_seed(frame, run, student, of).values())) for name, of in FIGURES.items()}
            figures = {
                name + suffix: round(value, DECIMALS)
                for name, ours in found.items()
                for suffix, value in (("", ours.mean), ("_sd", ours.sd), ("_low", ours.low), ("_high", ours.high))
            }
            rows.append(
                {
                    "experiment": experiment.label,
                    "method": experiment.method,
                    "run": run,
                    "student": student,
                    "n": found["gap"].n,
                    **figures,
                }
            )
    return pd.DataFrame(rows, columns=COLUMNS)


def gap_and_error(figures: dict[str, Any]) -> list[str]:
    """The gap, with the number of seeds, and the calibration error as text; an en dash for what there is not."""
    gap, error = figures["gap"], figures["calibration_error"]
    return [
        DASH if absent(gap) else f"{with_sd(signed(gap), figures['gap_sd'])} ({figures['n']})",
        DASH if absent(error) else with_sd(f"{error:.2f}", figures["calibration_error_sd"]),
    ]


def wide_table3(config: Config, tidy: pd.DataFrame, paper: Paper) -> WideTable:
    columns = ["gap", "ECE"]
    return WideTable(
        "Table 3",
        CAPTION,
        stub=["Experiment"],
        students=student_headers(config, paper),
        columns=columns,
        rows=experiment_rows(config, tidy, gap_and_error, len(columns)),
        notes=notes(config, paper, HOW_TO_READ),
    )
