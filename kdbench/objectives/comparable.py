"""Features of two networks made comparable: maps of the same size, vectors of length one."""

import torch
from torch import Tensor
from torch.nn import functional as F


def same_size(own: Tensor, theirs: Tensor) -> tuple[Tensor, Tensor]:
    """Maps [B, channels, side, side] of two networks, the larger averaged down to the side of the smaller."""
    side = min(own.shape[2], theirs.shape[2])
    return averaged(own, side), averaged(theirs, side)


def averaged(maps: Tensor, side: int) -> Tensor:
    if maps.shape[2] == side:
        return maps
    # Adaptive average pooling as matrix products, since on a GPU its own gradient does not repeat itself bit by bit.
    shares = F.adaptive_avg_pool1d(torch.eye(maps.shape[2], device=maps.device, dtype=maps.dtype), side)
    return shares.T @ maps @ shares


def unit(vectors: Tensor) -> Tensor:
    """Vectors along the last dimension divided by their lengths; one of length zero stays, its gradient finite."""
    lengths = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    return vectors / lengths.masked_fill(lengths == 0, 1)
