"""Copies of the learners that their peers hear: stale ones, and averages over the steps."""

import pytest
import torch
from torch import nn

from kdbench.classroom.peer_copies import PeerCopies
from kdbench.recipes.lesson import AveragedPeers, StalePeers


def learners():
    """Two learners that say their one weight of every image."""
    return {name: nn.Linear(1, 1, bias=False) for name in ("a", "b")}


def teach(pupils, weight):
    """What a step would do: ``weight`` of the first learner, twice as much of the second."""
    for factor, pupil in enumerate(pupils.values(), start=1):
        pupil.load_state_dict({"weight": torch.full((1, 1), factor * weight)})


def heard(copies):
    predictions = copies.predictions(torch.ones(1, 1), torch.tensor([0]))
    return [prediction.logits.item() for prediction in predictions.values()]


def test_stale_copies_change_every_so_many_steps_only():
    pupils = learners()
    teach(pupils, 10.0)
    copies = PeerCopies(StalePeers(stale=3), pupils)
    found = []
    for step in range(1, 8):
        teach(pupils, float(step))
        copies.follow(pupils)
        found.append(heard(copies))
    assert found == [[10, 20]] * 2 + [[3, 6]] * 3 + [[6, 12]] * 2


def test_averaged_copies_count_all_steps_alike_at_first_and_then_forget():
    pupils = learners()
    teach(pupils, 10.0)  # the first weights, which are no step's
    copies = PeerCopies(AveragedPeers(averaged=0.75), pupils)
    found = []
    for weight in (4.0, 8.0, 0.0, 8.0, 16.0):
        teach(pupils, weight)
        copies.follow(pupils)
        found.append(heard(copies)[0])
    # Means of all steps as long as these are four, then a quarter of the new and three of the old.
    assert found == pytest.approx([4, 6, 4, 5, 0.75 * 5 + 0.25 * 16])
    assert heard(copies)[1] == pytest.approx(2 * found[-1])


def test_averages_hold_what_batch_normalisation_knows_and_count_its_batches():
    pupils = {"a": nn.BatchNorm1d(2)}
    copies = PeerCopies(AveragedPeers(averaged=0.5), pupils)
    means = []
    for step in range(3):
        pupils["a"].train()(torch.tensor([[0.0, step], [2.0, 3.0 * step]]))
        means.append(pupils["a"].running_mean.clone())
        copies.follow(pupils)
    expected = 0.5 * (0.5 * means[0] + 0.5 * means[1]) + 0.5 * means[2]
    assert copies.copies["a"].running_mean.tolist() == pytest.approx(expected.tolist())
    assert copies.copies["a"].num_batches_tracked.item() == 3


@pytest.mark.parametrize("rule", [StalePeers(stale=2), AveragedPeers(averaged=0.9)])
def test_copies_are_heard_in_evaluation_mode_without_gradient_and_learn_nothing(rule):
    pupils = {"a": nn.Sequential(nn.BatchNorm1d(1), nn.Dropout(0.5), nn.Linear(1, 1))}
    copies = PeerCopies(rule, pupils)
    copies.train()
    images, index = torch.tensor([[1.0], [5.0]]), torch.tensor([3, 7])
    before = {name: value.clone() for name, value in pupils["a"].state_dict().items()}
    prediction = copies.predictions(images, index)["a"]
    assert torch.equal(prediction.logits, pupils["a"].eval()(images))
    assert not prediction.logits.requires_grad
    assert torch.equal(prediction.index, index)
    assert not any(parameter.requires_grad for parameter in copies.parameters())
    assert all(torch.equal(value, before[name]) for name, value in copies.copies["a"].state_dict().items())


@pytest.mark.parametrize("rule", [StalePeers(stale=3), AveragedPeers(averaged=0.9)])
def test_copies_restored_in_between_go_on_as_if_uninterrupted(rule):
    pupils = learners()
    teach(pupils, 1.0)
    undisturbed, stopped = PeerCopies(rule, pupils), PeerCopies(rule, pupils)
    for step in range(6):
        if step == 4:
            state, stopped = stopped.state_dict(), PeerCopies(rule, learners())
            stopped.load_state_dict(state)
        teach(pupils, 2.0**step)
        undisturbed.follow(pupils)
        stopped.follow(pupils)
    assert heard(stopped) == heard(undisturbed)
