"""In what a study differs from the paper is said whether or not its author says it."""

from kdbench.config import check_config
from kdbench.overlay import load_config, merge
from kdbench.paper.deviations import deviations
from tests.conftest import ROOT


def test_the_paper_itself_deviates_in_nothing():
    assert deviations(load_config([ROOT / "config.yaml"])) == []


def test_fewer_images_and_other_epochs_are_told_beside_what_a_preset_states(values):
    changed = merge(values, {"data": {"train_limit": 2000}, "training": {"epochs": 20}})
    told = deviations(check_config(changed))
    assert told[:-2] == values["study"]["deviations"]
    assert told[-2:] == ["data: at most 2,000 training images", "students: trained for 20 epochs, in place of 5"]


def test_another_data_set_and_teacher_are_told_where_nothing_is_stated(values):
    told = deviations(check_config(merge(values, {"study": {"deviations": []}})))
    assert told == [
        "data: digits, in place of CIFAR-10",
        "teacher: resnet8 without pre-trained weights, in place of ResNet-50 with ImageNet weights",
    ]
