"""A smaller data set with the same mix of classes."""

import numpy as np

from kdbench.errors import KdbenchError


def stratified_subset(labels: np.ndarray, limit: int, key: str) -> np.ndarray:
    """Indices [min(limit, N)] of a subset in which each class has its share, ascending.

    Shares are rounded by largest remainder, and no class goes without an image. The images of a class are taken at
    even distances rather than drawn, so that the choice depends on nothing but the labels. Raises KdbenchError,
    naming the configuration's ``key``, where there are more classes than ``limit``.
    """
    if limit >= len(labels):
        return np.arange(len(labels))
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    if limit < len(members):
        raise KdbenchError(
            f"{key}: {limit} images cannot show {len(members)} classes: set it to {len(members)} or more"
        )
    # Whole numbers throughout: exact proportions stay exact.
    shares = [divmod(limit * len(member), len(labels)) for member in members]
    taken = [quotient for quotient, _ in shares]
    by_remainder = sorted(range(len(members)), key=lambda index: -shares[index][1])
    for index in by_remainder[: limit - sum(taken)]:
        taken[index] += 1
    for index, count in enumerate(taken):
        if count == 0:
            taken[index] = 1
            taken[taken.index(max(taken))] -= 1
    chosen = [member[np.arange(count) * len(member) // count] for member, count in zip(members, taken, strict=True)]
    return np.sort(np.concatenate(chosen))


def random_subset(labels: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """Indices, ascending, of a random ``fraction`` of the images in which each class has its share."""
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    limit = round(fraction * len(labels))
    return np.sort(shuffled[stratified_subset(labels[shuffled], limit, "images.fraction")])
