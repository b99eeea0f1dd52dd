"""Hints: the student's features, through a trained regressor, against the teacher's. Romero et al. 2015, equation 3."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from kdbench.objectives.comparable import same_size
from kdbench.objectives.prediction import Prediction


class Adapter(nn.Module):
    """For each pair of layers a 1x1 convolution from the student's channels to the teacher's."""

    def __init__(
        self, *, student: Sequence[tuple[int, ...]], knowledge: Sequence[tuple[int, ...]], images: int, classes: int
    ) -> None:
        super().__init__()
        pairs = zip(student, knowledge, strict=True)
        self.regressors = nn.ModuleList(nn.Conv2d(own[0], theirs[0], 1) for own, theirs in pairs)


def loss(prediction: Prediction, labels: Tensor, knowledge: Prediction, *, adapter: Adapter) -> Tensor:
    """Half the mean squared difference of the features [B, channels, side, side], averaged over the pairs; scalar.

    Where the two maps differ in size, the larger is averaged down to the smaller.
    """
    pairs = zip(prediction.features, knowledge.features, adapter.regressors, strict=True)
    return torch.stack([distance(own, theirs, regressor) for own, theirs, regressor in pairs]).mean()


def distance(own: Tensor, theirs: Tensor, regressor: nn.Module) -> Tensor:
    own, theirs = same_size(own, theirs)
    return (regressor(own) - theirs).square().mean() / 2
