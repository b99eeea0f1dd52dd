"""Specialists: which classes are grouped, what is learned of them, and how they answer with a generalist."""

import json

import pytest
import torch

from kdbench.classroom.specialist import confused_classes, half_special, relabelled, special_classes
from kdbench.classroom.train import train
from kdbench.config import check_config
from kdbench.data.store import load_packed, write_tensors
from kdbench.errors import KdbenchError
from kdbench.fusions import specialists
from kdbench.fusions.specialists import grouped, nearest
from kdbench.overlay import merge
from kdbench.plan import Plan
from tests.test_fusions import Answers, numbered

SMALL = {
    "teacher": {"network": {"name": "resnet8", "width": 0.25}, "training": {"epochs": 1, "batch_size": 16}},
    "methods": ["scratch", "specialists"],
}


def confusing(pairs, count=400):
    """Logits of a generalist that doubts between the two classes of each pair."""
    draws = torch.Generator().manual_seed(0)
    which = torch.randint(len(pairs), (count,), generator=draws)
    logits = torch.full((count, 2 * len(pairs)), -4.0)
    for place, pair in enumerate(pairs):
        logits[which == place] += torch.randn((which == place).sum(), 1, generator=draws) * 0.1
        logits[which == place, pair[0]] = 2.0
        logits[which == place, pair[1]] = 1.9
    return logits


def test_classes_that_are_predicted_together_are_one_group():
    assert confused_classes(confusing([(0, 3), (1, 4), (2, 5)]), 3) == [[0, 3], [1, 4], [2, 5]]


def test_no_group_is_larger_than_another_by_more_than_one_class():
    # Nine classes are never predicted together with the tenth: k-means alone would leave that one by itself.
    logits = torch.full((1000, 10), -8.0)
    logits[torch.arange(1000), torch.arange(1000) % 10] = 0.0
    logits[:, :9] += torch.randn(1000, 9, generator=torch.Generator().manual_seed(0)) * 0.01
    groups = confused_classes(logits, 3)
    assert sorted(map(len, groups)) == [3, 3, 4]
    assert sorted(sum(groups, [])) == list(range(10))


def test_a_specialist_learns_its_classes_and_as_many_images_of_all_others(small_results):
    data = load_packed(small_results / "data" / "train.safetensors")
    special = relabelled(data, [1, 3])
    assert special.classes == ("b", "d", "others")
    assert torch.equal(special.labels, torch.tensor([2, 0, 2, 1]).repeat(24))
    run = Plan(check_config(merge(study_values(), {"data": {"source": "digits"}}))).run("specialist-1", 1)
    learned = half_special(torch.arange(96), special.labels, run)
    assert torch.bincount(special.labels[learned]).tolist() == [24, 24, 48]
    assert len(learned.unique()) == 96


def study_values():
    from kdbench.overlay import read_yaml
    from tests.conftest import ROOT

    values = merge(read_yaml(ROOT / "config.yaml"), read_yaml(ROOT / "presets" / "digits.yaml"))
    return merge(values, SMALL)


def test_a_specialist_decides_between_its_classes_where_the_generalist_doubts():
    general = torch.log(torch.tensor([[0.45, 0.44, 0.11], [0.1, 0.1, 0.8]], dtype=torch.float64))
    says_second = torch.log(torch.tensor([[0.05, 0.9, 0.05], [0.9, 0.05, 0.05]], dtype=torch.float64))
    asked = torch.tensor([True, False])
    found = nearest(general, [says_second], [torch.tensor([0, 1])], [asked]).exp()
    assert found[0].argmax() == 1
    # Who is not asked changes nothing.
    assert torch.allclose(found[1], general[1].exp(), atol=1e-4)
    assert torch.allclose(found.sum(1), torch.ones(2, dtype=torch.float64))


def test_a_specialist_is_asked_where_the_generalists_first_choice_is_one_of_its_classes():
    general = [[2, 1.9, 0], [0, 0, 3]]
    generalist, specialist = Answers(general), Answers([[0, 5, 0], [5, 0, 0]])
    specialist.classes = [0, 1]
    packed = numbered(2)
    found = specialists.fuse([generalist, specialist], packed, packed.images, torch.device("cpu"))
    assert found[0].argmax() == 1
    assert torch.allclose(found[1], torch.log_softmax(torch.tensor(general[1]).double(), 0), atol=1e-6)


def test_the_nearest_distribution_is_the_mean_where_all_speak_of_all_classes():
    first, second = (torch.tensor(p, dtype=torch.float64) for p in ([[0.7, 0.2, 0.1]], [[0.1, 0.2, 0.7]]))
    found = nearest(first.log(), [second.log()], [torch.tensor([0, 1])], [torch.tensor([True])]).exp()
    # With one class left, "all others" is that class: KL(p1||q) + KL(p2||q) is least at their mean.
    assert torch.allclose(found, (first + second) / 2, atol=1e-3)


def test_classes_of_no_specialist_are_summed():
    log_q = torch.log(torch.tensor([[0.1, 0.2, 0.3, 0.4]]))
    assert torch.allclose(grouped(log_q, torch.tensor([1])).exp(), torch.tensor([[0.2, 0.8]]))


def test_specialists_are_trained_from_the_generalist_and_answer_with_it(small_results):
    from kdbench.classroom.fuse import fuse
    from kdbench.classroom.outputs import write_outputs

    plan = Plan(check_config(study_values()))
    teacher = plan.run("teacher", 1)
    train([teacher], small_results, 1)
    write_outputs(teacher, small_results, 1)
    # Of 4 classes there are 3 groups: one of two classes, the others of a class each.
    for number in (1, 2, 3):
        train([plan.run(f"specialist-{number}", 1)], small_results, 1)
    folders = [plan.run(f"specialist-{number}", 1).folder(small_results) for number in (1, 2, 3)]
    learned = [json.loads((folder / "metrics.json").read_text())["classes"] for folder in folders]
    assert sorted(map(len, learned)) == [1, 1, 2]
    assert sorted(sum(learned, [])) == ["a", "b", "c", "d"]
    together = plan.run("specialists", 1)
    fuse(together, small_results, 1)
    assert (together.folder(small_results) / "predictions-together.npz").exists()
    assert [member.run for member in together.fusion.members] == [
        "teacher",
        "specialist-1",
        "specialist-2",
        "specialist-3",
    ]


@pytest.mark.parametrize("number", [1, 3])
def test_each_specialist_has_a_group_of_its_own(number):
    run = Plan(check_config(study_values())).run(f"specialist-{number}", 1)
    assert (run.images.specialist, run.images.of) == (number, 3)
    assert run.learners[0].starts_from.run == "teacher"


def test_fewer_classes_than_groups_are_refused(small_results):
    run = Plan(check_config(merge(study_values(), {"data": {"source": "digits"}}))).run("specialist-1", 1)
    write_tensors(run.images.confused_by.outputs_path(small_results), {"logits": torch.randn(20, 2)}, {})
    with pytest.raises(KdbenchError, match=r"specialist-1: 2 classes do not fall into 3 groups .* images.of"):
        special_classes(run, small_results)
