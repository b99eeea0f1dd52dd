"""The plain distance of features, for networks alike. Zhu, Han, Zhang and Wang 2019."""

import torch
from torch import Tensor

from kdbench.objectives.prediction import Prediction


def loss(prediction: Prediction, labels: Tensor, knowledge: Prediction) -> Tensor:
    """Mean squared difference of the features [B, ...], averaged over the pairs of layers; scalar."""
    pairs = zip(prediction.features, knowledge.features, strict=True)
    return torch.stack([(own - theirs).square().mean() for own, theirs in pairs]).mean()
