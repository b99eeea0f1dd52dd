"""Hard labels: each member has one vote. Lu et al. 2019 decide by the labels of networks on four kinds of images."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from kdbench.classroom.evaluate import predict_logits
from kdbench.classroom.learners import Pupil
from kdbench.data.store import PackedImages

TIE = 1e-3  # what a member's probability counts beside its vote: it decides between classes with as many votes


def fuse(members: Sequence[Pupil], training: PackedImages, images: Tensor, device: torch.device) -> Tensor:
    """Log of each class's share of the votes, float64 [N, classes]; the surer members decide a tie."""
    votes = torch.zeros(len(images), len(training.classes), dtype=torch.float64)
    for member in members:
        probabilities = torch.softmax(predict_logits(member, images, device).double(), 1)
        votes += F.one_hot(probabilities.argmax(1), votes.shape[1]) + TIE * probabilities
    return (votes / votes.sum(1, keepdim=True)).log()
