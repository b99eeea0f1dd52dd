"""Optimiser and learning-rate schedule of a run."""

import torch
from torch import nn

from kdbench.config import Training


def make_optimizer(network: nn.Module, training: Training) -> torch.optim.Optimizer:
    """One optimiser over all learners: Adam and SGD act on each parameter alone, so joint is the same as separate."""
    if training.optimizer == "adam":
        return torch.optim.Adam(
            network.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay, fused=True
        )
    return torch.optim.SGD(
        network.parameters(),
        lr=training.learning_rate,
        momentum=training.momentum,
        weight_decay=training.weight_decay,
        fused=True,
    )


def make_schedule(
    optimizer: torch.optim.Optimizer, training: Training, steps: int
) -> torch.optim.lr_scheduler.LRScheduler:
    """The learning rate over ``steps`` optimiser steps; ``learning_rate`` is its largest value."""
    if training.schedule == "one-cycle":
        return torch.optim.lr_scheduler.OneCycleLR(optimizer, training.learning_rate, total_steps=steps)
    if training.schedule == "cosine":
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    return torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)
