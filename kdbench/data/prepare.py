"""From a source of images to packed tensors: one size, one number of channels, one file a split."""

import json
import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from kdbench.data.load import load_raw
from kdbench.data.pixels import all_redrawn
from kdbench.data.raw import DataSettings
from kdbench.data.store import write_tensors
from kdbench.data.subset import stratified_subset
from kdbench.errors import KdbenchError
from kdbench.files import write_json


def prepare(settings: DataSettings, folder: str | Path) -> None:
    """Load the data set that ``settings`` describe and pack it into ``folder``.

    Writes ``train.safetensors`` and ``test.safetensors`` (images uint8 [N, C, H, W], labels int64 [N], read by
    ``store.load_packed``) and ``dataset.json``, which describes them. The same images and settings give the same
    bytes. Raises KdbenchError where the data cannot be had or the settings do not fit them.
    """
    folder = Path(folder)
    raw = load_raw(settings)
    height, width = raw.train_images.shape[1:3]
    if settings.image_size is None and height != width:
        raise KdbenchError(f"{raw.origin}: images are {width}x{height}, not square: set data.image_size to resize them")
    splits = {
        "train": packed(raw.train_images, raw.train_labels, settings, settings.train_limit, "data.train_limit"),
        "test": packed(raw.test_images, raw.test_labels, settings, settings.test_limit, "data.test_limit"),
    }
    classes, origin = list(raw.classes), raw.origin
    del raw
    mean, std = mean_and_std(splits["train"]["images"])
    metadata = {"classes": json.dumps(classes), "mean": json.dumps(mean), "std": json.dumps(std)}
    digests = {
        split: write_tensors(folder / f"{split}.safetensors", tensors, metadata) for split, tensors in splits.items()
    }
    _, channels, size, _ = splits["train"]["images"].shape
    description = {
        "source": settings.source,
        "origin": origin,
        "classes": classes,
        "counts": {split: class_counts(tensors["labels"], classes) for split, tensors in splits.items()},
        "image_size": size,
        "channels": channels,
        "mean": mean,
        "std": std,
        "sha256": digests,
    }
    write_json(folder / "dataset.json", description)


def packed(
    images: np.ndarray, labels: np.ndarray, settings: DataSettings, limit: int | None, key: str
) -> dict[str, Tensor]:
    """One split, cut to ``limit``, as tensors: images uint8 [N, C, H, W] and labels int64 [N], both contiguous."""
    if limit is not None and limit < len(labels):
        chosen = stratified_subset(labels, limit, key)
        images, labels = images[chosen], labels[chosen]
    images = all_redrawn(images, settings.image_size, settings.channels)
    images = images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)
    if settings.channels == 3 and images.shape[1] == 1:
        images = np.repeat(images, 3, axis=1)
    arrays = {"images": images, "labels": labels}
    return {name: torch.from_numpy(np.require(array, requirements=["C", "W"])) for name, array in arrays.items()}


def mean_and_std(images: Tensor) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel of uint8 images [N, C, H, W], in 0..1 units.

    Computed from whole numbers, so that every machine gives the same digits. A constant channel has the standard
    deviation 1, so that standardising by it gives zeros.
    """
    means, deviations = [], []
    for channel in range(images.shape[1]):
        counts = np.zeros(256, dtype=np.int64)
        for part in images[:, channel].split(1024):  # counting widens each value to 8 bytes
            counts += np.bincount(part.reshape(-1).numpy(), minlength=256)
        total = int(counts.sum())
        first = sum(value * int(count) for value, count in enumerate(counts))
        second = sum(value * value * int(count) for value, count in enumerate(counts))
        means.append(first / (255 * total))
        deviations.append(math.sqrt(total * second - first * first) / (255 * total) or 1.0)
    return means, deviations


def class_counts(labels: Tensor, classes: list[str]) -> dict[str, int]:
    counts = torch.bincount(labels, minlength=len(classes)).tolist()
    return dict(zip(classes, counts, strict=True))
