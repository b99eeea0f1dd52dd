"""Random streams derived from a run's seed, one a purpose.

Each stream depends on the seed and its purpose alone: a student starts from the same weights and sees the same
batches under every method, which makes comparisons on one seed paired; and an epoch can be resumed without
having stored a random state.
"""

import hashlib

import torch


def stream_seed(seed: int, *purpose: object) -> int:
    text = "/".join(str(part) for part in (seed, *purpose))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *purpose: object) -> torch.Generator:
    return torch.Generator().manual_seed(stream_seed(seed, *purpose))
