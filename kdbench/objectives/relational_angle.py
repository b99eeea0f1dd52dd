"""Relational distillation, angle-wise: at which angle one image sees two others. Park et al. 2019, section 3.2.2."""

import torch
from torch import Tensor
from torch.nn import functional as F

from kdbench.objectives.comparable import unit
from kdbench.objectives.prediction import Prediction


def loss(prediction: Prediction, labels: Tensor, knowledge: Prediction) -> Tensor:
    """Sum over the pairs of layers of the mean over triples of images of Huber(c, c'); scalar, without unit.

    c is the cosine of the angle at the features [B, ...] of one image between those of two others in the student, c'
    the same in the teacher; Huber(x, y) is (x - y)^2 / 2 up to a difference of 1, then |x - y| - 1/2.
    """
    pairs = zip(prediction.features, knowledge.features, strict=True)
    return torch.stack([F.smooth_l1_loss(cosines(own), cosines(theirs)) for own, theirs in pairs]).sum()


def cosines(features: Tensor) -> Tensor:
    """[B, B, B]: at the first image of three, between the directions to the others; 0 where there is none."""
    places = features.flatten(1)
    directions = unit(places[None] - places[:, None])
    return directions @ directions.transpose(1, 2)
