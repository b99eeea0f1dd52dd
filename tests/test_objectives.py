"""Each objective against an independent formula in float64."""

import math

import numpy as np
import pytest
import torch

from kdbench.objectives import cross_entropy, soft_labels
from kdbench.objectives.prediction import AveragePrediction, Prediction


@pytest.fixture
def batch():
    rng = np.random.default_rng(7)
    return rng.normal(0, 3, (16, 5)), rng.normal(0, 3, (16, 5)), rng.integers(0, 5, 16)


def softmax64(logits, temperature=1.0):
    exponentials = np.exp(logits / temperature)
    return exponentials / exponentials.sum(1, keepdims=True)


def as_prediction(logits):
    return Prediction(torch.tensor(logits, dtype=torch.float32, requires_grad=True))


def test_cross_entropy_is_the_mean_negative_log_probability_of_the_label(batch):
    logits, _, labels = batch
    expected = -np.mean([math.log(row[label]) for row, label in zip(softmax64(logits), labels, strict=True)])
    assert cross_entropy.loss(as_prediction(logits), torch.tensor(labels)).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("temperature", [1.0, 4.0, 10.0])
@pytest.mark.parametrize("squared", [True, False])
def test_soft_labels_is_the_divergence_of_the_student_from_the_teacher(batch, temperature, squared):
    student, teacher, labels = batch
    p, q = softmax64(teacher, temperature), softmax64(student, temperature)
    expected = np.mean(np.sum(p * (np.log(p) - np.log(q)), axis=1)) * (temperature**2 if squared else 1)
    found = soft_labels.loss(
        as_prediction(student),
        torch.tensor(labels),
        as_prediction(teacher),
        temperature=temperature,
        scale_by_temperature_squared=squared,
    )
    assert found.item() == pytest.approx(expected, rel=1e-5)


def test_the_gradient_of_soft_labels_is_the_difference_of_softened_probabilities(batch):
    student, teacher, labels = batch
    prediction = as_prediction(student)
    soft_labels.loss(
        prediction,
        torch.tensor(labels),
        as_prediction(teacher).detached(),
        temperature=10.0,
        scale_by_temperature_squared=True,
    ).backward()
    expected = 10.0 * (softmax64(student, 10) - softmax64(teacher, 10)) / len(labels)
    assert prediction.logits.grad.numpy() == pytest.approx(expected, abs=1e-6)


def test_a_student_that_agrees_with_its_teacher_has_no_soft_label_loss(batch):
    student, _, labels = batch
    found = soft_labels.loss(
        as_prediction(student),
        torch.tensor(labels),
        as_prediction(student),
        temperature=10.0,
        scale_by_temperature_squared=True,
    )
    assert found.item() == pytest.approx(0, abs=1e-5)


def test_no_gradient_reaches_a_detached_prediction(batch):
    student, teacher, labels = batch
    source = as_prediction(teacher)
    loss = soft_labels.loss(
        as_prediction(student),
        torch.tensor(labels),
        source.detached(),
        temperature=2.0,
        scale_by_temperature_squared=False,
    )
    loss.backward()
    assert source.logits.grad is None


def test_softened_probabilities_are_computed_once_and_shared(batch):
    prediction = as_prediction(batch[0])
    assert prediction.log_probabilities(10.0) is prediction.log_probabilities(10.0)
    assert prediction.probabilities(10.0) is prediction.probabilities(10.0)


@pytest.mark.parametrize("temperature", [1.0, 10.0])
def test_several_together_say_the_mean_of_their_softened_probabilities(batch, temperature):
    first, second, _ = batch
    together = AveragePrediction([as_prediction(first), as_prediction(second)])
    expected = (softmax64(first, temperature) + softmax64(second, temperature)) / 2
    assert together.probabilities(temperature).detach().numpy() == pytest.approx(expected, rel=1e-5)
    assert together.log_probabilities(temperature).detach().numpy() == pytest.approx(np.log(expected), abs=1e-5)


def test_extreme_logits_give_a_finite_loss():
    prediction = as_prediction(np.array([[1000.0, -1000.0]]))
    source = as_prediction(np.array([[-1000.0, 1000.0]]))
    for temperature in (1.0, 10.0):
        loss = soft_labels.loss(
            prediction, torch.tensor([0]), source, temperature=temperature, scale_by_temperature_squared=True
        )
        assert torch.isfinite(loss)
