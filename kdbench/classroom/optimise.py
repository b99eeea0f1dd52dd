"""Optimiser and learning-rate schedule of a run."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from kdbench.config import Training


def make_optimizer(networks: Iterable[nn.Module], training: Training) -> torch.optim.Optimizer:
    """One optimiser over all learners: Adam and SGD act on each parameter alone, so joint is the same as separate."""
    options: dict[str, Any] = {"lr": training.learning_rate, "weight_decay": training.weight_decay, "fused": True}
    if training.optimizer == "sgd":
        options["momentum"] = training.momentum
    kind = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[training.optimizer]
    return without_compiler(kind)([weight for network in networks for weight in network.parameters()], **options)


def without_compiler(kind: type[torch.optim.Optimizer]) -> type[torch.optim.Optimizer]:
    """``kind``, kept from importing torch's compiler when it is made and first steps: over a second of every job.

    torch imports it only to mark these methods as not to be compiled, and nothing is compiled here. So the methods are
    marked beforehand, and the step is taken from under its wrapper; in a torch built otherwise ``kind`` stays as it is.
    """
    for method in vars(torch.optim.Optimizer).values():
        if getattr(method, "__code__", None) and method.__code__.co_filename.endswith("_compile.py"):
            method.__wrapped__.__dict__.setdefault("__dynamo_disable", method.__wrapped__)
    step = getattr(kind.step, "__wrapped__", None)
    return type(kind.__name__, (kind,), {"step": torch.no_grad()(step)}) if step else kind


def make_schedule(
    optimizer: torch.optim.Optimizer, training: Training, steps: int
) -> torch.optim.lr_scheduler.LRScheduler:
    """The learning rate over ``steps`` optimiser steps; ``learning_rate`` is its largest value."""
    if training.schedule == "one-cycle":
        return torch.optim.lr_scheduler.OneCycleLR(
            optimizer, training.learning_rate, total_steps=steps, cycle_momentum=False
        )
    if training.schedule == "cosine":
        return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    return torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)
