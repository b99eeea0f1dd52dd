"""Optimisers and learning rates against their published formulas in float64."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from kdbench.classroom.optimise import make_optimizer, make_schedule
from kdbench.classroom.train import train
from kdbench.config import Training, check_config
from kdbench.overlay import merge
from kdbench.plan import Plan
from tests.test_classroom import before_the_first_epoch


def along_a_cosine(start, end, share):
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def one_cycle(step, steps):
    """Up from a 25th for three tenths of the steps, then down to a 250,000th: torch's defaults."""
    peak = 0.3 * steps - 1
    if step <= peak:
        return along_a_cosine(1 / 25, 1, step / peak)
    return along_a_cosine(1, 1 / 250_000, (step - peak) / (steps - 1 - peak))


# Shares of the largest learning rate.
SCHEDULES = {
    "constant": lambda step, steps: 1.0,
    "cosine": lambda step, steps: along_a_cosine(1, 0, step / steps),
    "one-cycle": one_cycle,
}


def by_sgd(weight, gradients, rates, momentum=0.8, decay=0.1):
    velocity = np.zeros_like(weight)
    for gradient, rate in zip(gradients, rates, strict=True):
        velocity = momentum * velocity + gradient + decay * weight
        weight = weight - rate * velocity
    return weight


def by_adam(weight, gradients, rates, decay=0.1):
    """Kingma and Ba 2015, algorithm 1; decay as a part of the gradient."""
    first = second = np.zeros_like(weight)
    for step, (gradient, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
        gradient = gradient + decay * weight
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
        root = np.sqrt(second / (1 - 0.999**step))
        weight = weight - rate * first / (1 - 0.9**step) / (root + 1e-8)
    return weight


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize(("optimizer", "expected"), [("sgd", by_sgd), ("adam", by_adam)])
def test_weights_follow_the_optimisers_formula_at_the_schedules_rates(optimizer, expected, schedule):
    training = Training(
        epochs=1,
        batch_size=2,
        optimizer=optimizer,
        learning_rate=0.05,
        momentum=0.8,
        weight_decay=0.1,
        schedule=schedule,
    )
    gradients = np.random.default_rng(0).normal(size=(20, 1, 3))
    network = nn.Linear(3, 1, bias=False).double()
    before = network.weight.detach().numpy().copy()
    ours = make_optimizer([network], training)
    rates = make_schedule(ours, training, steps=20)
    for gradient in gradients:
        network.weight.grad = torch.from_numpy(gradient)
        ours.step()
        rates.step()
    by_hand = expected(before, gradients, [0.05 * SCHEDULES[schedule](step, 20) for step in range(20)])
    assert network.weight.detach().numpy() == pytest.approx(by_hand, rel=1e-9)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_schedule_goes_through_all_batches_of_a_run(small_results, values, monkeypatch, schedule):
    rates = []

    def watch(room):
        def keep(_, images):
            if torch.is_grad_enabled():
                rates.append(room.optimizer.param_groups[0]["lr"])

        room.pupils["lenet"].register_forward_pre_hook(keep)

    before_the_first_epoch(monkeypatch, watch)
    training = {"epochs": 3, "batch_size": 20, "learning_rate": 0.01, "schedule": schedule}
    train([Plan(check_config(merge(values, {"training": training}))).run("scratch-lenet", 1)], small_results, 1)
    assert rates == pytest.approx([0.01 * SCHEDULES[schedule](step, 15) for step in range(15)])
