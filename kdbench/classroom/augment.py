"""Random flips and shifts of the training images, on the device."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from kdbench.config import Augmentation


@dataclass(frozen=True)
class Changes:
    """What happens to the images of one batch: bool [B], whether mirrored; int64 [2, B], pixels down and right."""

    flipped: Tensor | None
    shifts: Tensor | None
    largest_shift: int


def draw_changes(
    augmentation: Augmentation, sizes: Sequence[int], draws: torch.Generator, device: torch.device
) -> Iterator[Changes]:
    """The changes of an epoch's batches of ``sizes`` images, all drawn at once: no step waits for a draw."""
    count, shift = sum(sizes), augmentation.shift
    flipped = torch.rand(count, generator=draws) < 0.5 if augmentation.flip else None
    shifts = torch.randint(-shift, shift + 1, (2, count), generator=draws) if shift else None
    flips = [None] * len(sizes) if flipped is None else flipped.to(device).split(sizes)
    moves = [None] * len(sizes) if shifts is None else shifts.to(device).split(sizes, dim=1)
    return (Changes(flip, move, shift) for flip, move in zip(flips, moves, strict=True))


def augment(images: Tensor, changes: Changes) -> Tensor:
    """Flip and shift uint8 images [B, C, H, W], each as ``changes`` say; what shifts in is black."""
    if changes.flipped is not None:
        images = torch.where(changes.flipped.view(-1, 1, 1, 1), images.flip(3), images)
    if changes.shifts is not None:
        margin, (batch, _, height, width) = changes.largest_shift, images.shape
        padded = F.pad(images, (margin,) * 4)
        down, right = margin - changes.shifts
        rows = (down[:, None] + torch.arange(height, device=images.device))[:, :, None]
        columns = (right[:, None] + torch.arange(width, device=images.device))[:, None, :]
        image = torch.arange(batch, device=images.device)[:, None, None]
        images = padded[image, :, rows, columns].permute(0, 3, 1, 2)
    return images
