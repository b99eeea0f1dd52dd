"""results.csv: every finished run, tidily."""

import csv
import json

import numpy as np
import pandas as pd
import pytest

from kdbench.errors import KdbenchError
from kdbench.plan import Plan
from kdbench.report.collect import by_seed, collect, read_results, write_results
from kdbench.report.statistics import calibration_error
from tests.synthetic_study import students, study_config, write_study

PROMISED = ["study", "run", "method", "learner", "seed", "epochs", "train_loss", "train_accuracy"]
PROMISED += ["validation_accuracy", "test_accuracy", "test_loss", "parameters", "seconds", "device"]


@pytest.fixture
def config(tmp_path):
    config = study_config(tmp_path / "demo", seeds=[1, 2])
    write_study(config)
    return config


def test_there_is_a_row_per_run_seed_and_learner_in_the_plans_order(config):
    write_results(config, config.results)
    frame = read_results(config.results)
    expected = [(run.name, run.seed, learner.name) for run in Plan(config).all_runs() for learner in run.learners]
    assert list(frame[["run", "seed", "learner"]].itertuples(index=False, name=None)) == expected
    assert set(frame["study"]) == {"demo"}


def test_the_promised_columns_are_there_and_come_first_to_last_as_numbers(config):
    write_results(config, config.results)
    with (config.results / "results.csv").open() as stream:
        first = next(csv.DictReader(stream))
    assert set(PROMISED) <= set(first)
    metrics = json.loads((config.results / "runs/teacher/seed1/metrics.json").read_text())
    assert float(first["test_accuracy"]) == pytest.approx(metrics["learners"]["teacher"]["test_accuracy"], abs=1e-6)
    assert int(first["parameters"]) == 1000


def test_gap_confidence_and_calibration_error_are_of_the_run_they_stand_beside(config):
    frame = collect(Plan(config), config.results).set_index(["run", "seed", "learner"])
    with np.load(config.results / "runs/vanilla-lenet/seed2/predictions-lenet.npz") as stored:
        confidence, correct = stored["confidence"].astype(float), stored["correct"]
    row = frame.loc[("vanilla-lenet", 2, "lenet")]
    assert row["confidence"] == pytest.approx(100 * confidence.mean(), abs=1e-6)
    assert row["calibration_error"] == pytest.approx(calibration_error(confidence, correct), abs=1e-6)
    assert row["train_test_gap"] == pytest.approx(row["fitted_accuracy"] - row["test_accuracy"], abs=1e-5)


def test_reading_gives_back_what_was_collected(config):
    write_results(config, config.results)
    pd.testing.assert_frame_equal(
        read_results(config.results), collect(Plan(config), config.results), check_dtype=False
    )


def test_numbers_have_at_most_six_decimals(config):
    write_results(config, config.results)
    with (config.results / "results.csv").open() as stream:
        losses = [row["train_loss"] for row in csv.DictReader(stream)]
    assert max(len(loss.split(".")[1]) for loss in losses) == 6


def test_a_run_without_validation_images_has_no_validation_accuracy(config):
    frame = collect(Plan(config), config.results)
    assert frame.loc[frame["method"] == "scratch", "validation_accuracy"].isna().all()
    assert frame.loc[frame["method"] == "tune", "validation_accuracy"].notna().all()


def test_an_unfinished_run_is_named_with_the_way_out(config):
    (config.results / "runs" / "peer" / "seed2" / "metrics.json").unlink()
    with pytest.raises(KdbenchError, match="peer/seed2/metrics.json: no such file.*run snakemake"):
        write_results(config, config.results)
    assert not (config.results / "results.csv").exists()


def test_metrics_that_lack_a_learner_are_named(config):
    path = config.results / "runs" / "peer" / "seed1" / "metrics.json"
    metrics = json.loads(path.read_text())
    del metrics["learners"]["lenet"]
    path.write_text(json.dumps(metrics))
    with pytest.raises(KdbenchError, match="peer/seed1/metrics.json: holds no .*test_accuracy.* of lenet"):
        collect(Plan(config), config.results)


def test_metrics_that_are_no_json_are_named(config):
    path = config.results / "runs" / "peer" / "seed1" / "metrics.json"
    path.write_text("{")
    with pytest.raises(KdbenchError, match="peer/seed1/metrics.json: not valid JSON"):
        collect(Plan(config), config.results)


def test_a_missing_results_csv_is_named(tmp_path):
    with pytest.raises(KdbenchError, match=r"results.csv: no such file"):
        read_results(tmp_path)


def test_a_student_called_NA_is_a_student(tmp_path):
    named = [{"name": "NA", "network": {"name": "lenet"}}, *students("alexnet")]
    config = study_config(tmp_path / "study", seeds=[1], students=named)
    write_study(config)
    write_results(config, config.results)
    assert list(by_seed(read_results(config.results), "scratch-NA", "NA", "test_accuracy")) == [1]
