"""Tables 1 and 2 beside the paper's, and Table 3."""

import csv
import json
import math
import statistics

import numpy as np
import pytest
from scipy import stats

from kdbench.paper.reported import read_paper
from kdbench.report.collect import read_results, write_results
from kdbench.report.selection import select
from kdbench.report.study_notes import ranges
from kdbench.report.tables import write_tables
from kdbench.report.text_table import latex_text
from tests.synthetic_study import students, study_config, write_study

NINE_ROWS = [
    "Scratch",
    "Vanilla Teacher-Student approach",
    "Teacher-Student-Peer approach",
    "Teacher-Student-Peer Alternate Learning: Teacher to S1, S2",
    "Teacher-Student-Peer Alternate Learning: Teacher, S1, S2 to S3",
    "Teacher-Student-Peer Alternate Learning: Teacher to S1, S3",
    "Teacher-Student-Peer Alternate Learning: Teacher, S1, S3 to S2",
    "Teacher-Student-Peer Alternate Learning: Teacher to S2, S3",
    "Teacher-Student-Peer Alternate Learning: Teacher, S2, S3 to S1",
]


def make_tables(config, figures_of=None):
    write_study(config, figures_of)
    write_results(config, config.results)
    write_tables(config, config.results)
    return config.results / "tables"


def read_csv(path):
    with path.open() as stream:
        return list(csv.DictReader(stream))


def markdown_rows(path):
    lines = [line for line in path.read_text().splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return cells[0], cells[2:]


@pytest.fixture
def tables(tmp_path):
    return make_tables(study_config(tmp_path / "study", seeds=[1, 2, 3], tune={"seeds": [1, 2]}))


@pytest.mark.parametrize(
    ("seeds", "written"),
    [([1], "1"), ([1, 2], "1, 2"), ([1, 2, 3], "1-3"), ([3, 1, 2], "3, 1, 2"), ([*range(1, 21), 25], "1-20, 25")],
)
def test_three_seeds_in_a_row_are_written_as_a_range(seeds, written):
    assert ranges(seeds) == written


def test_table_2_has_the_papers_nine_rows_in_its_order_and_words(tables):
    _, rows = markdown_rows(tables / "table2.md")
    assert [row[0] for row in rows] == NINE_ROWS


def test_table_2_has_the_papers_order_whatever_the_students_order(tmp_path):
    tables = make_tables(study_config(tmp_path / "study", students=students("mobilenet", "alexnet", "lenet")))
    headers, rows = markdown_rows(tables / "table2.md")
    assert [row[0] for row in rows] == NINE_ROWS
    assert headers[1::3] == ["mobilenet (S3): ours", "alexnet (S1): ours", "lenet (S2): ours"]


def test_a_cell_of_table_2_is_mean_and_sd_over_seeds_beside_the_papers_number(tables):
    accuracies = []
    for seed in (1, 2, 3):
        metrics = json.loads((tables.parent / f"runs/vanilla-lenet/seed{seed}/metrics.json").read_text())
        accuracies.append(metrics["learners"]["lenet"]["test_accuracy"])
    mean, sd = statistics.fmean(accuracies), statistics.stdev(accuracies)
    [row] = [row for row in read_csv(tables / "table2.csv") if row["run"] == "vanilla-lenet"]
    assert (row["method"], row["student"], row["n"], row["paper"]) == ("vanilla", "lenet", "3", "58.02")
    assert float(row["mean"]) == pytest.approx(mean, abs=1e-6)
    assert float(row["sd"]) == pytest.approx(sd, abs=1e-6)
    interval = stats.t.interval(0.95, 2, mean, stats.sem(accuracies))
    assert [float(row["low"]), float(row["high"])] == pytest.approx(interval, abs=1e-6)
    assert float(row["difference"]) == pytest.approx(mean - 58.02, abs=1e-6)
    _, rows = markdown_rows(tables / "table2.md")
    difference = f"{mean - 58.02:+.2f}".replace("-", "−")
    assert rows[1][4:7] == [f"{mean:.2f} ± {sd:.2f} (3)", "58.02", difference]


def test_differences_stand_where_the_images_are_the_papers_by_source_or_by_classes(tmp_path):
    config = study_config(tmp_path / "study", data={"source": "image-folder", "path": "somewhere"})
    tables = make_tables(config)
    headers, rows = markdown_rows(tables / "table2.md")
    assert headers[1:4] == ["alexnet (S1): ours", "paper", "lenet (S2): ours"] and rows[0][2] == "60.54"
    text = (tables / "table2.md").read_text()
    assert "difference" not in text and "paper: its one run, on CIFAR-10, not these images." in text
    assert "the paper's ResNet-50: 94.75, on CIFAR-10." in text
    assert markdown_rows(tables / "table1.md")[0][3:6] == ["alexnet (S1): ours", "paper", "lenet (S2): ours"]
    packed = config.results / "data" / "dataset.json"
    packed.parent.mkdir()
    packed.write_text(json.dumps({"source": "image-folder", "classes": read_paper().protocol.class_names}))
    write_tables(config, config.results)
    assert markdown_rows(tables / "table2.md")[0][1:4] == ["alexnet (S1): ours", "paper", "diff."]


def test_every_number_of_the_papers_table_2_is_in_ours(tables):
    numbers = [float(row["paper"]) for row in read_csv(tables / "table2.csv")]
    assert len(numbers) == 18
    assert sorted(numbers)[:3] == [54.9, 55.0, 55.14]


def test_table_1_has_a_row_per_grid_point_and_student_with_the_papers_numbers(tables):
    rows = read_csv(tables / "table1.csv")
    assert len(rows) == 12
    assert {row["n"] for row in rows} == {"2"}
    papers = {(row["weights"], row["student"]): float(row["paper"]) for row in rows}
    assert papers["0.1-0.85-0.05", "lenet"] == 51.2
    headers, wide = markdown_rows(tables / "table1.md")
    assert headers[:3] == ["α", "β", "γ"]
    assert [row[:3] for row in wide][-1] == ["0.1", "0.85", "0.05"]


def test_table_1_marks_the_points_that_selection_chooses(tmp_path):
    config = study_config(tmp_path / "study", seeds=[2, 1], tune={"seeds": [1, 2]})
    tables = make_tables(config)
    names = [student.name for student in config.students]
    chosen = select(config.results, config.tune.grid, config.tune_seeds, names)["chosen"]
    for criterion, weights in chosen.items():
        marked = {row["weights"] for row in read_csv(tables / "table1.csv") if criterion in row["chosen_by"]}
        assert marked == {"-".join(f"{weight:g}" for weight in weights)}


def test_the_weights_of_each_method_stand_under_table_2(tmp_path):
    def best(run, learner):
        return {"validation_accuracy": 60.0 if run.name == "tune-0.1-0.7-0.2" else 50.0}

    table = (make_tables(study_config(tmp_path / "a"), best) / "table2.md").read_text()
    assert "Weights α, β, γ: Teacher-Student-Peer 0.1, 0.7, 0.2 (best for the weakest student); alternate" in table
    assert "alternate phase 1 0.1, 0.8, 0.1; phase 2 0.1, 0.6, 0.3." in table
    given = study_config(tmp_path / "b", peer={"weights": [0.1, 0.8, 0.1]})
    assert "Teacher-Student-Peer 0.1, 0.8, 0.1; alternate" in (make_tables(given) / "table2.md").read_text()
    without = study_config(tmp_path / "c", methods=["scratch", "vanilla"])
    assert "Weights" not in (make_tables(without) / "table2.md").read_text()


def test_one_seed_has_no_spread(tmp_path):
    tables = make_tables(study_config(tmp_path / "study", seeds=[1]))
    assert {row["sd"] for row in read_csv(tables / "table2.csv")} == {""}
    assert {row["gap_sd"] for row in read_csv(tables / "table3.csv")} == {""}
    for path in (tables / "table2.md", tables / "table3.md"):
        assert "nan" not in path.read_text()
        assert not any(" ± " in cell for row in markdown_rows(path)[1] for cell in row)


def test_four_students_make_four_groups_of_columns_and_dashes_where_the_paper_has_nothing(tmp_path):
    tables = make_tables(
        study_config(tmp_path / "study", students=students("alexnet", "lenet", "mobilenet", "resnet8"))
    )
    headers, rows = markdown_rows(tables / "table2.md")
    assert headers[1::3] == [f"{name}: ours" for name in ("alexnet (S1)", "lenet (S2)", "mobilenet (S3)", "resnet8")]
    assert [row[0] for row in rows[:4]] == [*NINE_ROWS[:3], "Alternate: teacher to alexnet, lenet, mobilenet"]
    assert rows[4][0] == "Alternate: teacher, alexnet, lenet, mobilenet to resnet8"
    assert len(rows) == 3 + 2 * 4
    assert rows[0][11:] == ["–", "–"]
    assert all(row[2::3] == ["–"] * 4 for row in rows[3:])
    assert "this study has 4" in (tables / "table2.md").read_text()
    assert "rrrrrrrrrrrr" in (tables / "table2.tex").read_text()


def test_two_students_make_two_groups_of_columns(tmp_path):
    tables = make_tables(study_config(tmp_path / "study", students=students("lenet", "mobilenet")))
    headers, rows = markdown_rows(tables / "table2.md")
    assert headers[1::3] == ["lenet (S2): ours", "mobilenet (S3): ours"]
    assert rows[2][2::3] == ["55.00", "82.88"]
    assert len(rows) == 3 + 2 * 2


def test_a_study_without_peers_still_has_its_tables(tmp_path):
    tables = make_tables(study_config(tmp_path / "study", methods=["scratch", "vanilla"]))
    assert [row[0] for row in markdown_rows(tables / "table2.md")[1]] == NINE_ROWS[:2]
    assert {row["n"] for row in read_csv(tables / "table1.csv")} == {"0"}
    assert markdown_rows(tables / "table1.md")[1][0][3:6] == ["–", "55.59", "–"]


def test_the_teachers_accuracy_stands_under_table_2_beside_the_papers(tmp_path):
    def right(run, learner):
        return {"test_accuracy": 95.5} if learner == "teacher" else {}

    tables = make_tables(study_config(tmp_path / "study"), right)
    line = "Teacher: resnet50, test accuracy 95.50 (1); the paper's ResNet-50: 94.75; difference +0.75."
    assert line in (tables / "table2.md").read_text()
    assert line in (tables / "table2.tex").read_text()


def test_every_table_states_the_study_its_seeds_and_its_deviations(tmp_path):
    config = study_config(
        tmp_path / "study",
        seeds=[4, 7],
        study={"title": "Half & half", "deviations": {"data": "50 %", "b_c": "d"}},
    )
    tables = make_tables(config)
    plain = "Half & half. Seeds: 4, 7 (of the runs that tune weights: 4). Differs from the paper: data: 50 %; b_c: d."
    for name in ("table1", "table2", "table3"):
        assert plain in (tables / f"{name}.md").read_text().splitlines()
        assert latex_text(plain) in (tables / f"{name}.tex").read_text()


def test_table_3_has_the_rows_of_table_2_and_two_columns_a_student(tables):
    headers, rows = markdown_rows(tables / "table3.md")
    assert headers == [
        "Experiment",
        *("alexnet (S1): gap", "ECE"),
        *("lenet (S2): gap", "ECE"),
        *("mobilenet (S3): gap", "ECE"),
    ]
    assert [row[0] for row in rows] == NINE_ROWS
    assert rows[3][5:] == ["–", "–"]
    keys = ["experiment", "method", "run", "student", "n"]
    of_table2, of_table3 = ([[row[key] for key in keys] for row in read_csv(tables / f"table{n}.csv")] for n in (2, 3))
    assert of_table3 == of_table2


def test_a_cell_of_table_3_is_mean_and_sd_over_seeds(tmp_path):
    config = study_config(tmp_path / "study", seeds=[1, 2, 3])
    fitted, test = {1: 80.0, 2: 82.0, 3: 87.0}, {1: 70.0, 2: 75.0, 3: 71.0}
    write_study(config, lambda run, _: {"fitted_accuracy": fitted[run.seed], "test_accuracy": test[run.seed]})
    for path in config.results.glob("runs/*/seed*/predictions-*.npz"):
        stored = dict(np.load(path))
        np.savez(path, **stored | {"confidence": np.ones_like(stored["confidence"])})
    write_results(config, config.results)
    write_tables(config, config.results)
    [row] = [row for row in read_csv(config.results / "tables/table3.csv") if row["run"] == "vanilla-lenet"]
    assert (row["method"], row["student"], row["n"]) == ("vanilla", "lenet", "3")
    # Gaps 10, 7 and 16; always certain, the networks are overconfident by 30, 25 and 29.
    assert float(row["gap"]) == pytest.approx(11)
    assert float(row["gap_sd"]) == pytest.approx(math.sqrt(21), abs=1e-6)
    low, high = stats.t.interval(0.95, 2, 11, stats.sem([10, 7, 16]))
    assert [float(row[name]) for name in ("gap_low", "gap_high")] == pytest.approx([low, high], abs=1e-6)
    assert float(row["calibration_error"]) == pytest.approx(28)
    assert float(row["calibration_error_sd"]) == pytest.approx(math.sqrt(7), abs=1e-6)
    _, rows = markdown_rows(config.results / "tables/table3.md")
    assert rows[1][3:5] == ["+11.00 ± 4.58 (3)", "28.00 ± 2.65"]


def test_in_table_3_test_above_training_is_negative_and_a_missing_figure_a_dash(tmp_path):
    config = study_config(tmp_path / "study", seeds=[1])
    write_study(config, lambda run, _: {"fitted_accuracy": 60.0, "test_accuracy": 75.5})
    write_results(config, config.results)
    frame = read_results(config.results)
    frame.loc[frame["run"] == "vanilla-lenet", ["train_test_gap", "calibration_error"]] = None
    frame.to_csv(config.results / "results.csv", index=False)
    write_tables(config, config.results)
    _, rows = markdown_rows(config.results / "tables/table3.md")
    assert rows[0][3] == "−15.50 (1)"
    assert rows[1][3:5] == ["–", "–"]


def test_latex_text_has_no_bare_special_character():
    assert latex_text("a_b & 5% #1 {x} ~ ^ \\ 1 ± 2 −3 –") == (
        r"a\_b \& 5\% \#1 \{x\} \textasciitilde{} \textasciicircum{} \textbackslash{} 1 $\pm$ 2 $-$3 --"
    )


def test_the_latex_table_is_booktabs_with_as_many_cells_in_each_row(tables):
    lines = (tables / "table2.tex").read_text().splitlines()
    body = lines[lines.index("\\midrule") + 1 : lines.index("\\bottomrule")]
    assert len(body) == 9
    assert {line.count(" & ") for line in body} == {9}
    assert "\\begin{tabular}{lrrrrrrrrr}" in lines


def test_table_3_in_latex_has_two_columns_under_each_student(tables):
    lines = (tables / "table3.tex").read_text().splitlines()
    assert "\\begin{tabular}{lrrrrrr}" in lines
    assert (
        r" & \multicolumn{2}{c}{alexnet (S1)} & \multicolumn{2}{c}{lenet (S2)} & \multicolumn{2}{c}{mobilenet (S3)} \\"
        in lines
    )
    assert r"\cmidrule(lr){2-3} \cmidrule(lr){4-5} \cmidrule(lr){6-7}" in lines
    assert r"Experiment & gap & ECE & gap & ECE & gap & ECE \\" in lines
    body = lines[lines.index("\\midrule") + 1 : lines.index("\\bottomrule")]
    assert len(body) == 9 and {line.count(" & ") for line in body} == {6}


def test_tables_written_twice_are_the_same_files(tmp_path):
    config = study_config(tmp_path / "study")
    before = {path.name: path.read_bytes() for path in make_tables(config).iterdir()}
    write_tables(config, config.results)
    assert {path.name: path.read_bytes() for path in (config.results / "tables").iterdir()} == before
    assert sorted(before) == [f"table{n}.{kind}" for n in (1, 2, 3) for kind in ("csv", "md", "tex")]
    assert all(math.isfinite(float(row["mean"])) for row in read_csv(config.results / "tables" / "table2.csv"))
