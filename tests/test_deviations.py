"""In what a study differs from the paper is said whether or not its author says it."""

from kdbench.config import check_config
from kdbench.overlay import load_config, merge
from kdbench.paper.deviations import deviations
from tests.conftest import ROOT


def test_the_paper_itself_deviates_in_nothing():
    assert deviations(load_config([ROOT / "config.yaml"])) == []


WIDTHS = "students: alexnet at 0.25, lenet at 0.5, mobilenet at 0.25 of their width"


def stated(values):
    return [f"{subject}: {text}" for subject, text in values["study"]["deviations"].items()]


def test_fewer_images_and_other_epochs_are_told_beside_what_a_preset_states(values):
    changed = merge(values, {"data": {"train_limit": 2000}, "training": {"epochs": 20}})
    told = deviations(check_config(changed))
    assert told[:-2] == [*stated(values), WIDTHS]
    assert told[-2:] == ["data: at most 2,000 training images", "students: epochs 20, in place of 5"]


def test_another_data_set_and_teacher_are_told_where_nothing_is_stated(values):
    told = deviations(check_config(merge(values, {"study": {"deviations": {"data": None, "teacher": None}}})))
    assert told == [
        "data: digits, in place of CIFAR-10",
        "teacher: resnet8 without pre-trained weights, in place of ResNet-50 with ImageNet weights",
        WIDTHS,
    ]


def test_a_later_preset_restates_one_subject_and_leaves_the_others(values):
    changed = merge(values, {"study": {"deviations": {"teacher": "none", "order": "shuffled once"}}})
    told = deviations(check_config(changed))
    assert told == [stated(values)[0], "teacher: none", WIDTHS, "order: shuffled once"]


def test_networks_that_the_paper_has_not_are_told(values):
    others = [{"name": name, "network": {"name": network}} for name, network in (("a", "alexnet"), ("r", "resnet8"))]
    told = deviations(check_config(merge(values, {"students": others})))
    assert told[-1] == "students: r not among the paper's"


def test_every_setting_that_the_paper_states_and_a_study_changes_is_told(values):
    changed = {
        "training": {"epochs": 1, "optimizer": "sgd"},
        "distillation": {"temperature": 4.0},
        "vanilla": {"alpha": 0.5},
        "data": {"validation_fraction": 0.5},
        "alternate": {"phase1": "weakest", "phase2": [0.1, 0.8, 0.1]},
    }
    told = deviations(check_config(merge(values, changed)))
    assert told[len(stated(values)) + 1 :] == [
        "students: epochs 1, in place of 5",
        "students: optimiser sgd, in place of adam",
        "vanilla distillation: temperature 4, in place of 10",
        "vanilla distillation: alpha 0.5, in place of 0.1",
        "validation images: share 0.5, in place of 0.2",
        "alternate phase 1: weights weakest, in place of 0.1-0.8-0.1",
        "alternate phase 2: weights 0.1-0.8-0.1, in place of 0.1-0.6-0.3",
    ]


def test_the_papers_own_teacher_trained_otherwise_is_told():
    values = load_config([ROOT / "config.yaml"]).model_dump(mode="json")
    told = deviations(check_config(merge(values, {"teacher": {"training": {"epochs": 1}, "upscale": 4}})))
    assert told == ["teacher: epochs 1, in place of 3", "teacher: images enlarged 4, in place of 7"]
