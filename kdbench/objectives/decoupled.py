"""Decoupled distillation: how probable the label is, and how others share the rest. Zhao et al. 2022, equation 7."""

import torch
from torch import Tensor
from torch.nn import functional as F

from kdbench.objectives.prediction import Prediction


def loss(
    prediction: Prediction,
    labels: Tensor,
    knowledge: Prediction,
    *,
    temperature: float,
    alpha: float = 1.0,
    beta: float = 8.0,
) -> Tensor:
    """T^2 times the mean over the batch of alpha KL(b' || b) + beta KL(r' || r), all softened by T, in nats; scalar.

    Of the student, b is the probabilities of the label and of all else, r those of the other classes among themselves;
    b' and r' are the teacher's. With beta the teacher's probability of all else this would be the soft labels' loss.
    """
    label = F.one_hot(labels, prediction.logits.shape[1]).bool()
    own = decoupled(prediction.log_probabilities(temperature), label)
    theirs = decoupled(knowledge.log_probabilities(temperature), label)
    target, rest = (divergence(p, q) for p, q in zip(theirs, own, strict=True))
    return temperature**2 * (alpha * target + beta * rest)


def decoupled(log_probabilities: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
    """Logarithms of b [B, 2] and r [B, classes], whose label's entry is 0 and so adds nothing to a divergence."""
    others = log_probabilities.masked_fill(label, -torch.inf).logsumexp(1, keepdim=True)
    target = log_probabilities.masked_fill(~label, 0).sum(1, keepdim=True)
    return torch.cat([target, others], 1), (log_probabilities - others).masked_fill(label, 0)


def divergence(log_p: Tensor, log_q: Tensor) -> Tensor:
    return (log_p.exp() * (log_p - log_q)).sum(1).mean()
