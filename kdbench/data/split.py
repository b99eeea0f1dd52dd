"""Validation images: a stratified part of the training images, held out where loss weights are tuned."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from sklearn.model_selection import StratifiedShuffleSplit
from torch import Tensor

from kdbench.data.store import load_packed, write_tensors
from kdbench.errors import KdbenchError


def validation_indices(labels: Tensor, fraction: float, seed: int, classes: Sequence[str] | None = None) -> Tensor:
    """Indices, int64 and ascending, of a random ``fraction`` of the images in which each class has its share.

    ``labels`` are int64 [N]; ``classes`` are their names, for messages. Raises KdbenchError where the fraction is
    not between 0 and 1 or leaves a class without images on either side.
    """
    if not 0 < fraction < 1:
        raise KdbenchError(f"data.validation_fraction: {fraction} is not between 0 and 1: set it to, say, 0.2")
    values = labels.numpy()
    present, counts = np.unique(values, return_counts=True)
    rarest = present[counts.argmin()]
    name = classes[rarest] if classes else rarest
    too_few = KdbenchError(
        f"data.validation_fraction: class {name} has {counts.min()} training image(s), too few to hold out "
        f"{fraction:g} of them: give it more images, or change the fraction"
    )
    # A count, as scikit-learn rounds a fraction of N upwards from its floating-point error.
    held_out = round(fraction * len(values))
    if counts.min() < 2 or min(held_out, len(values) - held_out) < len(present):
        raise too_few
    shuffle = StratifiedShuffleSplit(n_splits=1, test_size=held_out, random_state=seed)
    kept, validation = next(shuffle.split(np.zeros(len(values)), values))
    if any(len(np.unique(values[part])) < len(present) for part in (kept, validation)):
        raise too_few
    return torch.from_numpy(np.sort(validation)).long()


def write_split(train_path: str | Path, fraction: float, seed: int, output_path: str | Path) -> None:
    """Write the tensors ``validation`` and ``training``: ascending int64 indices into the packed training images."""
    train = load_packed(train_path)
    validation = validation_indices(train.labels, fraction, seed, train.classes)
    training = torch.ones(len(train.labels), dtype=torch.bool)
    training[validation] = False
    tensors = {"validation": validation, "training": training.nonzero().squeeze(1)}
    write_tensors(output_path, tensors, {"train": train.digest, "fraction": repr(fraction), "seed": str(seed)})
