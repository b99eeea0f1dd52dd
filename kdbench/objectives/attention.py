"""Attention transfer: where in the image a layer is active. Zagoruyko and Komodakis 2017, equation 2 with p = 2."""

import torch
from torch import Tensor

from kdbench.objectives.comparable import same_size, unit
from kdbench.objectives.prediction import Prediction


def loss(prediction: Prediction, labels: Tensor, knowledge: Prediction) -> Tensor:
    """Sum over the pairs of layers of the mean squared difference of attention maps, over images and places; scalar.

    A map is the mean over channels of the squared features [B, channels, side, side], as a vector of length 1 an image.
    Where the two differ in size, the larger features are averaged down to the smaller.
    """
    pairs = [same_size(own, theirs) for own, theirs in zip(prediction.features, knowledge.features, strict=True)]
    return torch.stack([(attention(own) - attention(theirs)).square().mean() for own, theirs in pairs]).sum()


def attention(features: Tensor) -> Tensor:
    return unit(features.square().mean(1).flatten(1))
