"""The mean of the members' probabilities: Hinton, Vinyals and Dean 2015; Furlanello et al. 2018."""

from collections.abc import Sequence

import torch
from torch import Tensor

from kdbench.classroom.evaluate import predict_logits
from kdbench.classroom.learners import Pupil
from kdbench.data.store import PackedImages


def fuse(members: Sequence[Pupil], training: PackedImages, images: Tensor, device: torch.device) -> Tensor:
    """Log of the members' mean probability, float64 [N, classes]."""
    said = [torch.softmax(predict_logits(member, images, device).double(), 1) for member in members]
    return torch.stack(said).mean(0).log()
