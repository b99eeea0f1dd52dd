"""A generalist and its specialists: Hinton, Vinyals and Dean 2015, section 5.4, equation 5."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from kdbench.classroom.evaluate import predict_logits
from kdbench.classroom.learners import Pupil
from kdbench.data.store import PackedImages

STEPS, RATE = 200, 0.1


def fuse(members: Sequence[Pupil], training: PackedImages, images: Tensor, device: torch.device) -> Tensor:
    """The logarithm of the distribution that is nearest to what the networks say, float64 [N, classes].

    ``members`` are the generalist, then the specialists. An image's specialists are those to whose classes the
    generalist's first choice belongs; where there is none, the generalist alone answers.
    """
    general, *specialists = (torch.log_softmax(predict_logits(it, images, device).double(), 1) for it in members)
    classes = [torch.tensor(member.classes) for member in members[1:]]
    first = general.argmax(1)
    asked = [torch.isin(first, own) for own in classes]
    return nearest(general, specialists, classes, asked)


def nearest(
    general: Tensor, specialists: Sequence[Tensor], classes: Sequence[Tensor], asked: Sequence[Tensor]
) -> Tensor:
    """log q [N, classes] with the least KL(general || q) + sum of KL(specialist || q), by gradient descent.

    Of a specialist (log-probabilities of its ``classes`` and, last, of all others) q is taken over the same classes,
    and it counts for the images where it is ``asked``, bool [N].
    """
    logits = general.clone().requires_grad_()
    optimizer = torch.optim.Adam([logits], lr=RATE)
    for _ in range(STEPS):
        log_q = torch.log_softmax(logits, 1)
        loss = divergence(general, log_q).sum()
        for said, own, here in zip(specialists, classes, asked, strict=True):
            loss = loss + (divergence(said, grouped(log_q, own)) * here).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return torch.log_softmax(logits.detach(), 1)


def divergence(log_p: Tensor, log_q: Tensor) -> Tensor:
    return F.kl_div(log_q, log_p, reduction="none", log_target=True).sum(1)


def grouped(log_q: Tensor, own: Tensor) -> Tensor:
    """log-probabilities [N, K + 1] of the K classes ``own`` and of all others together."""
    others = torch.ones(log_q.shape[1], dtype=torch.bool)
    others[own] = False
    return torch.cat([log_q[:, own], torch.logsumexp(log_q[:, others], 1, keepdim=True)], 1)
