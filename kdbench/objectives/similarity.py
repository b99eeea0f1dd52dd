"""Similarity-preserving distillation: which images of a batch activate a layer alike. Tung and Mori 2019, section 3."""

import torch
from torch import Tensor

from kdbench.objectives.comparable import unit
from kdbench.objectives.prediction import Prediction


def loss(prediction: Prediction, labels: Tensor, knowledge: Prediction) -> Tensor:
    """Sum over the pairs of layers of the mean squared difference of similarities [B, B]; scalar.

    Similarities are the products of the images' features [B, ...], each row of length 1.
    """
    pairs = zip(prediction.features, knowledge.features, strict=True)
    return torch.stack([(similarities(own) - similarities(theirs)).square().mean() for own, theirs in pairs]).sum()


def similarities(features: Tensor) -> Tensor:
    rows = features.flatten(1)
    return unit(rows @ rows.T)
