"""The page on speed says what was measured."""

import pandas as pd
import pytest

from benchmarks.report import PAGE, PUBLISHED, filled
from benchmarks.tables import (
    NOT_MEASURED,
    against_live_teachers,
    against_the_floor,
    markdown,
    spread,
    tables,
    throughput,
)


def test_the_tables_of_the_page_are_those_of_the_published_measurements():
    found = tables(PUBLISHED)
    page = PAGE.read_text()
    assert filled(page, found) == page
    assert all(table in page for table in found.values())


def test_a_page_keeps_its_words_and_takes_new_tables():
    page = "before\n<!-- table one -->\nold\nlines\n<!-- end -->\nbetween\n<!-- table two -->\n<!-- end -->\nafter\n"
    expected = "before\n<!-- table one -->\nA\n<!-- end -->\nbetween\n<!-- table two -->\nB\n<!-- end -->\nafter\n"
    assert filled(page, {"one": "A", "two": "B"}) == expected


def test_a_spread_is_the_median_and_its_range():
    assert spread(pd.Series([3.0, 1.0, 2.0])) == "2.00 (1.00-3.00)"
    assert spread(pd.Series([12345.6])) == "12,346"


def test_ratios_are_taken_turn_by_turn():
    seconds = {"torchdistill": [10, 40], "plain loop, live teacher": [8, 24], "kdbench": [1, 2], "teacher pass": [7, 8]}
    frame = pd.DataFrame(
        {"student": "lenet", "teacher": "resnet18", "contender": name, "part": part, "seconds": float(second)}
        for name, both in seconds.items()
        for part, second in enumerate(both, start=1)
    )
    row = against_live_teachers(frame).splitlines()[-1]
    assert row == "| resnet18 | lenet | 50.0 | 32.0 | 3.0 | 15.0 (10.0-20.0) | 10.0 (8.0-12.0) | 15.0 | 0.52 |"


def test_a_joint_epoch_stands_beside_the_sum_of_its_students_floors():
    contenders = {"floor": 1.0, "kdbench": 1.1, "plain loop, stored logits": 2.0}
    students = ("lenet", "alexnet")
    alone = pd.DataFrame(
        {"student": student, "contender": name, "repeat": 1, "seconds": seconds}
        for student in students
        for name, seconds in contenders.items()
    )
    floors = [{"student": student, "contender": "floor", "repeat": 1, "seconds": 1.0} for student in students]
    joint = {"student": "lenet+alexnet", "contender": "kdbench, joint", "repeat": 1, "seconds": 3.0}
    rows = against_the_floor(alone, pd.DataFrame([*floors, joint])).splitlines()
    assert rows[2] == "| alexnet | 1.00 | 1.10 | 1.10 | 2.00 | 2.00 |"
    assert rows[-1] == "| all jointly (TSP) | 2.00 | 3.00 | 1.50 |  |  |"


def test_storing_that_saves_nothing_never_pays():
    seconds = {"torchdistill": 1.0, "plain loop, live teacher": 1.0, "kdbench": 2.0, "teacher pass": 1.0}
    frame = pd.DataFrame(
        {"student": "lenet", "teacher": "resnet18", "contender": name, "part": 1, "seconds": second}
        for name, second in seconds.items()
    )
    assert against_live_teachers(frame).endswith("| never |")


@pytest.mark.parametrize(("device", "said"), [("cpu", True), ("NVIDIA A100", False)])
def test_what_no_gpu_was_at_hand_for_is_said_not_to_be_measured(device, said):
    row = {"device": device, "network": "lenet", "side": 32, "what": "train", "mode": "eager", "precision": "fp32"}
    frame = pd.DataFrame([{**row, "threads": 1, "images_per_second": 5000.0, "note": None}])
    assert (NOT_MEASURED in throughput(frame)) is said


def test_numbers_stand_to_the_right():
    assert markdown(["a", "b"], [["x", "1"]]) == "| a | b |\n|---|---:|\n| x | 1 |"
