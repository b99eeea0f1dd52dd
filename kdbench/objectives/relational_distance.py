"""Relational distillation, distance-wise: how far a batch's images are apart. Park et al. 2019, section 3.2.1."""

import torch
from torch import Tensor
from torch.nn import functional as F

from kdbench.objectives.prediction import Prediction


def loss(prediction: Prediction, labels: Tensor, knowledge: Prediction) -> Tensor:
    """Sum over the pairs of layers of the mean over pairs of images of Huber(d, d'); scalar, without unit.

    d is the Euclidean distance of two images' features [B, ...] in the student, divided by the mean of all of the
    batch's, d' the same in the teacher; Huber(x, y) is (x - y)^2 / 2 up to a difference of 1, then |x - y| - 1/2.
    """
    pairs = zip(prediction.features, knowledge.features, strict=True)
    return torch.stack([F.smooth_l1_loss(distances(own), distances(theirs)) for own, theirs in pairs]).sum()


def distances(features: Tensor) -> Tensor:
    """Of each two of a batch [B, ...], divided by their mean: [B (B - 1) / 2]; zeros where all are in one place."""
    found = F.pdist(features.flatten(1))
    return found / found.mean().clamp_min(1e-12)
