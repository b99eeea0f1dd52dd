"""The picture of the workflow on the page."""

import re
from itertools import combinations

import pytest

from kdbench.report.page.dag import direct_needs, steps
from kdbench.report.page.dag_picture import BOX, TALL, picture
from tests.conftest import DIGITS
from tests.synthetic_study import students, study_config

MANY = {"students": students("alexnet", "lenet", "mobilenet", "resnet20", "resnet18"), "peer": {"weights": "strongest"}}
STUDIES = [{}, MANY, {"methods": ["scratch"]}, {"reported_epoch": "best-validation"}]


def everything_before(needs):
    """What each rule waits for, however indirectly; ``needs`` name each rule after those it needs."""
    before = {}
    for rule, direct in needs.items():
        before[rule] = set(direct).union(*(before[need] for need in direct))
    return before


def test_the_drawn_rules_and_what_each_waits_for_are_the_workflows(clone, snakemake, config):
    dot = snakemake(clone("dag"), "--rulegraph", *DIGITS).stdout
    names = {number: name for number, name in re.findall(r'(\d+)\[label = "([^"\\]+)', dot)}
    needs = {name: [] for name in names.values()}
    for first, second in re.findall(r"(\d+) -> (\d+)", dot):
        needs[names[second]].append(names[first])
    ordered = {}
    while len(ordered) < len(needs):
        ordered |= {rule: found for rule, found in needs.items() if set(found) <= set(ordered)}
    del ordered["all"]
    assert everything_before(ordered) == everything_before({step.rule: step.needs for step in steps(config)})


@pytest.mark.parametrize("changes", STUDIES)
def test_leaving_out_what_other_needs_imply_changes_nothing_anyone_waits_for(tmp_path, changes):
    found = steps(study_config(tmp_path, **changes))
    assert everything_before(direct_needs(found)) == everything_before({step.rule: step.needs for step in found})


@pytest.mark.parametrize("changes", STUDIES)
def test_boxes_lie_inside_the_picture_and_beside_each_other(tmp_path, changes):
    found = steps(study_config(tmp_path, **changes))
    drawn = picture(found)
    width, height = map(float, re.search(r'viewBox="0 0 (\d+) (\d+)"', drawn).groups())
    boxes = [tuple(map(float, place)) for place in re.findall(r'<rect x="([\d.]+)" y="([\d.]+)"', drawn)]
    assert len(boxes) == len(found)
    assert all(x >= 0 and x + BOX <= width and y >= 0 and y + TALL <= height for x, y in boxes)
    assert all(
        abs(x - other_x) >= BOX or abs(y - other_y) >= TALL for (x, y), (other_x, other_y) in combinations(boxes, 2)
    )


def test_a_training_rule_says_how_many_runs_and_seeds_it_has(tmp_path):
    found = {step.rule: step.about for step in steps(study_config(tmp_path, seeds=[1, 2]))}
    assert (found["teacher"], found["scratch"], found["peer"]) == (
        "1 run × 1 seed",
        "3 runs × 2 seeds",
        "1 run × 2 seeds",
    )
