"""What a network may see of a stored image; named in catalogue.py. The survey's data modification (figure 3)."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

COARSE = 5  # pixels: side of the square that is averaged


def resolution(side: int) -> Callable[[Tensor], Tensor]:
    """Scaled down to ``side`` pixels and back up, bilinearly; smaller images stay as they are."""

    def lower(images: Tensor) -> Tensor:
        if images.shape[-1] <= side:
            return images
        small = F.interpolate(images.float(), size=(side, side), mode="bilinear", antialias=True)
        return as_bytes(F.interpolate(small, size=images.shape[-2:], mode="bilinear"))

    return lower


def grey(images: Tensor) -> Tensor:
    """The mean of the channels, in each of them."""
    return as_bytes(images.float().mean(1, keepdim=True)).expand_as(images)


def coarse(images: Tensor) -> Tensor:
    """Each pixel the mean of the square around it, at the edges of what lies inside."""
    margin = COARSE // 2
    return as_bytes(F.avg_pool2d(images.float(), COARSE, stride=1, padding=margin, count_include_pad=False))


def fine(images: Tensor) -> Tensor:
    """What ``coarse`` takes away, around mid-grey."""
    return as_bytes(images.float() - coarse(images).float() + 128)


def edges(dimension: int) -> Callable[[Tensor], Tensor]:
    """The difference of the neighbours on both sides along ``dimension``, around mid-grey; none at the edge."""

    def gradient(images: Tensor) -> Tensor:
        size = images.shape[dimension]
        values = images.float()
        inner = values.narrow(dimension, 2, size - 2) - values.narrow(dimension, 0, size - 2)
        margins = [0, 0, 1, 1] if dimension == 2 else [1, 1, 0, 0]
        return as_bytes(F.pad(inner, margins) + 128)

    return gradient


def as_bytes(values: Tensor) -> Tensor:
    return values.round().clamp(0, 255).to(torch.uint8)


VIEWS: dict[str, Callable[[Tensor], Tensor]] = {
    "image": lambda images: images,
    "resolution-8": resolution(8),
    "resolution-16": resolution(16),
    "grey": grey,
    "coarse": coarse,
    "fine": fine,
    "horizontal-edges": edges(2),
    "vertical-edges": edges(3),
}


def view_images(images: Tensor, view: str) -> Tensor:
    """Images uint8 [B, C, H, W] as a network with this ``view`` sees them, uint8 of the same shape."""
    return VIEWS[view](images)
