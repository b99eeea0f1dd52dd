"""Variational information distillation: how well the student's features tell the teacher's.

Ahn, Hu, Damianou, Lawrence and Dai 2019, section 2: minus a lower bound, up to a constant, of the mutual information of
the two networks' layers, the teacher's features taken to be normally distributed given the student's.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kdbench.objectives.comparable import same_size
from kdbench.objectives.prediction import Prediction

SMALLEST = 1e-5  # of variances


class Adapter(nn.Module):
    """For each pair of layers three 1x1 convolutions for the mean, and a variance a channel of the teacher."""

    def __init__(
        self,
        *,
        student: Sequence[tuple[int, ...]],
        knowledge: Sequence[tuple[int, ...]],
        images: int,
        classes: int,
        first_variance: float = 5.0,
    ) -> None:
        super().__init__()
        widths = [(own[0], theirs[0]) for own, theirs in zip(student, knowledge, strict=True)]
        self.means = nn.ModuleList(mean_network(*pair) for pair in widths)
        before_softplus = math.log(math.expm1(first_variance - SMALLEST))
        self.scales = nn.ParameterList(torch.full((theirs, 1, 1), before_softplus) for _, theirs in widths)


def mean_network(own: int, theirs: int) -> nn.Sequential:
    first, *others = (nn.Conv2d(channels, theirs, 1, bias=False) for channels in (own, theirs, theirs))
    return nn.Sequential(first, *(layer for other in others for layer in (nn.ReLU(), other)))


def loss(prediction: Prediction, labels: Tensor, knowledge: Prediction, *, adapter: Adapter) -> Tensor:
    """Sum over the pairs of layers of the mean of ((t - m(s))^2 / v + log v) / 2, in nats an element; scalar.

    t and s are the features [B, channels, side, side] of teacher and student, the larger map averaged down to the
    smaller; m the adapter's network and v, of each channel, its softplus. Below zero where v is small.
    """
    pairs = zip(prediction.features, knowledge.features, adapter.means, adapter.scales, strict=True)
    return torch.stack([surprise(*pair) for pair in pairs]).sum()


def surprise(own: Tensor, theirs: Tensor, mean: nn.Module, scale: Tensor) -> Tensor:
    own, theirs = same_size(own, theirs)
    variance = F.softplus(scale) + SMALLEST
    return ((theirs - mean(own)).square() / variance + variance.log()).mean() / 2
