"""Contrastive representation distillation: which two embeddings are of the same image. Tian et al. 2020, section 3."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kdbench.objectives.comparable import unit
from kdbench.objectives.prediction import Prediction


class Adapter(nn.Module):
    """A linear head for the student's embedding and one for the teacher's, and what both last said of every image."""

    memory: Tensor
    labels: Tensor
    scales: Tensor

    def __init__(
        self,
        *,
        student: Sequence[tuple[int, ...]],
        knowledge: Sequence[tuple[int, ...]],
        images: int,
        classes: int,
        width: float = 128,
    ) -> None:
        super().__init__()
        self.heads = nn.ModuleList(nn.Linear(shapes[0][0], int(width)) for shapes in (student, knowledge))
        self.register_buffer("memory", unit(torch.randn(2, images, int(width))))
        self.register_buffer("labels", torch.full((images,), -1))  # -1: not seen yet
        self.register_buffer("scales", torch.full((2,), torch.nan))  # set by the first batch


def loss(
    prediction: Prediction,
    labels: Tensor,
    knowledge: Prediction,
    *,
    adapter: Adapter,
    tau: float = 0.07,
    negatives: float = 16384,
    momentum: float = 0.5,
) -> Tensor:
    """Mean over the batch of -log h(s, t) - sum_n log(1 - h(s, t_n)), and the same with s and t changed over, in nats.

    s is the student's embedding [B, width] of an image by its head, of length 1; t what the teacher's head last said of
    the image, and t_n of up to ``negatives`` images of other classes, drawn anew for each batch. h(s, t) = e / (e +
    number of t_n), where e is exp(s t / tau) divided by the mean of exp(s t_n / tau) in the first batch. What is
    remembered of an image, at first at random, keeps ``momentum`` of itself each time.
    """
    index, sources = prediction.index, zip(adapter.heads, (prediction, knowledge), strict=True)
    embedded = torch.stack([unit(head(source.features[0])) for head, source in sources])  # [2, B, width]
    drawn = torch.randperm(len(adapter.labels), device=labels.device)[: int(negatives)]
    adapter.labels[index] = labels
    other = adapter.labels[drawn] != labels[:, None]
    same, others = (adapter.memory[:, images].flip(0) for images in (index, drawn))  # each network's are the other's
    same_image = (embedded * same).sum(2) / tau  # [2, B]
    other_image = embedded @ others.transpose(1, 2) / tau  # [2, B, drawn]
    with torch.no_grad():
        mean = other_image.logsumexp((1, 2)) - math.log(other.numel())
        adapter.scales.copy_(adapter.scales.where(adapter.scales.isfinite(), mean))
        kept = momentum * adapter.memory[:, index] + (1 - momentum) * embedded
        adapter.memory[:, index] = unit(kept)
    even = adapter.scales[:, None] + other.sum(1).clamp_min(1).log()  # [2, B], the similarity at which h is 1/2
    told = F.logsigmoid(same_image - even) + (F.logsigmoid(even[..., None] - other_image) * other).sum(2)
    return -told.sum(0).mean()
