"""The distance of features against a formula of its own in float64."""

import numpy as np
import pytest
import torch

from kdbench.objectives.feature_distance import loss
from kdbench.objectives.prediction import Prediction


def prediction(features):
    layers = {str(number): torch.tensor(values, requires_grad=True) for number, values in enumerate(features)}
    return Prediction(torch.zeros(len(features[0]), 3), layers).with_features(list(layers))


def test_feature_distance_is_the_mean_squared_difference_whatever_the_layers_sizes():
    rng = np.random.default_rng(0)
    shapes = [(4, 6), (4, 2, 3, 3)]
    own, theirs = ([rng.normal(size=shape).astype(np.float32) for shape in shapes] for _ in range(2))
    each = [np.mean((a.astype(np.float64) - b) ** 2) for a, b in zip(own, theirs, strict=True)]
    found = loss(prediction(own), torch.zeros(4, dtype=torch.int64), prediction(theirs))
    assert found.item() == pytest.approx(sum(each) / 2, rel=1e-6)


def test_feature_distance_draws_features_straight_towards_the_teachers():
    student, teacher = prediction([np.array([[1.0, 5.0]])]), prediction([np.array([[3.0, 5.0]])])
    loss(student, torch.tensor([0]), teacher).backward()
    assert student.features[0].grad.tolist() == [[-2.0, 0.0]]
