"""Which weights the two criteria choose, and from what."""

import json

import pytest

from kdbench.errors import KdbenchError
from kdbench.report.selection import select
from tests.synthetic_study import students, study_config, write_study

VALIDATION = {  # run: accuracy of each student
    "tune-0.1-0.6-0.3": {"alexnet": 59.0, "lenet": 51.0, "mobilenet": 75.0},
    "tune-0.1-0.7-0.2": {"alexnet": 64.0, "lenet": 54.0, "mobilenet": 70.0},
    "tune-0.1-0.8-0.1": {"alexnet": 61.0, "lenet": 52.0, "mobilenet": 79.0},
    "tune-0.1-0.85-0.05": {"alexnet": 60.0, "lenet": 50.0, "mobilenet": 78.0},
}


def chosen_figures(run, learner):
    # In the test set the order of the students is reversed.
    if run.method == "tune":
        value = VALIDATION[run.name][learner]
        return {"validation_accuracy": value + (run.seed - 1) * 0.5, "test_accuracy": 100 - value}
    return {}


def selected(config, seeds=(1, 2)):
    names = [student.name for student in config.students]
    return select(config.results, config.tune.grid, seeds, names)


@pytest.fixture
def config(tmp_path):
    config = study_config(tmp_path / "study", seeds=[1, 2], tune={"seeds": [1, 2]})
    write_study(config, chosen_figures)
    return config


def test_each_criterion_chooses_the_point_best_for_its_student(config):
    found = selected(config)
    assert found["students"] == {"weakest": "lenet", "strongest": "mobilenet"}
    assert found["chosen"] == {"weakest": [0.1, 0.7, 0.2], "strongest": [0.1, 0.8, 0.1]}


def test_the_selection_records_what_it_was_made_from(config):
    found = selected(config)
    assert found["ranking"] == {"alexnet": 61.25, "lenet": 52.0, "mobilenet": 75.75}
    assert found["seeds"] == [1, 2]
    assert [point["weights"] for point in found["grid"]] == config.tune.grid
    assert [point["run"] for point in found["grid"]] == list(VALIDATION)
    assert found["grid"][0]["validation_accuracy"] == {"alexnet": 59.25, "lenet": 51.25, "mobilenet": 75.25}


def test_only_the_tuning_seeds_count(config):
    assert selected(config, seeds=[1])["grid"][0]["validation_accuracy"]["lenet"] == 51.0


def test_test_accuracies_choose_nothing(config):
    before = selected(config)
    for path in config.results.glob("runs/*/seed*/metrics.json"):
        metrics = json.loads(path.read_text())
        for figures in metrics["learners"].values():
            del figures["test_accuracy"], figures["test_loss"]
        path.write_text(json.dumps(metrics))
    assert selected(config) == before


def test_ties_go_to_the_earlier_student_and_the_earlier_grid_point(tmp_path):
    def level(run, learner):
        # The same mean in another order of the seeds, as floats that do not add up alike.
        jitter = 0.1 * (4 - run.seed) if run.name == "tune-0.1-0.6-0.3" else 0.1 * run.seed
        return {"validation_accuracy": 50.0 + jitter if run.validation else None}

    config = study_config(tmp_path / "study", seeds=[1, 2, 3], tune={"seeds": [1, 2, 3]})
    write_study(config, level)
    found = selected(config, seeds=[1, 2, 3])
    assert found["students"] == {"weakest": "alexnet", "strongest": "alexnet"}
    assert found["chosen"] == {"weakest": [0.1, 0.6, 0.3], "strongest": [0.1, 0.6, 0.3]}


def test_any_number_of_students_is_ranked(tmp_path):
    config = study_config(tmp_path / "study", students=students("lenet", "resnet8", "alexnet", "mobilenet"))
    write_study(config)
    found = selected(config, seeds=[1])
    assert list(found["ranking"]) == ["lenet", "resnet8", "alexnet", "mobilenet"]
    assert found["ranking"][found["students"]["weakest"]] == min(found["ranking"].values())


def test_an_unfinished_run_is_named_with_the_way_out(config):
    path = config.results / "runs" / "tune-0.1-0.8-0.1" / "seed2" / "metrics.json"
    path.unlink()
    with pytest.raises(KdbenchError, match="tune-0.1-0.8-0.1/seed2/metrics.json: no such file.*run snakemake"):
        selected(config)


def test_a_run_without_validation_figures_is_named(config):
    path = config.results / "runs" / "tune-0.1-0.6-0.3" / "seed1" / "metrics.json"
    metrics = json.loads(path.read_text())
    metrics["learners"]["lenet"]["validation_accuracy"] = None
    path.write_text(json.dumps(metrics))
    with pytest.raises(KdbenchError, match="holds no validation_accuracy of lenet"):
        selected(config)
