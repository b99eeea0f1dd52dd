"""What a source of images is asked, and what it gives."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np


class DataSettings(Protocol):
    """The part of the configuration's ``data`` section that decides which images are used, and how large."""

    @property
    def source(self) -> str:
        """A name from ``catalogue.SOURCES``."""

    @property
    def path(self) -> str | None:
        """A folder or archive; None: looked for in $KDBENCH_DATA, then in ./data."""

    @property
    def variant(self) -> str:
        """Which of EMNIST's splits."""

    @property
    def image_size(self) -> int | None:
        """Pixels; images are resized to this square. None: as stored."""

    @property
    def channels(self) -> int | None:
        """1 (grey) or 3 (colour); None: as stored."""

    @property
    def train_limit(self) -> int | None:
        """Use only this many training images."""

    @property
    def test_limit(self) -> int | None:
        """Use only this many test images."""


@dataclass(frozen=True)
class RawImages:
    """A whole data set as its source gives it.

    Images are uint8 [N, H, W] (grey) or [N, H, W, 3] (colour); labels are int64 [N] and index ``classes``.
    ``origin`` says where they come from in words that are the same on every machine.
    Raises ValueError where these do not fit each other, as in a damaged file.
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    classes: tuple[str, ...]
    origin: str

    def __post_init__(self) -> None:
        for split, images, labels in (
            ("training", self.train_images, self.train_labels),
            ("test", self.test_images, self.test_labels),
        ):
            complaint = misfit(images, labels, len(self.classes))
            if complaint:
                raise ValueError(f"{split} {complaint}")
        if self.train_images.shape[1:] != self.test_images.shape[1:]:
            raise ValueError(f"training images are {self.train_images.shape[1:]}, test {self.test_images.shape[1:]}")


def misfit(images: np.ndarray, labels: np.ndarray, classes: int) -> str | None:
    """Say what is wrong with uint8 images [N, H, W(, 3)] and integer labels [N] in 0..classes-1, or None."""
    if images.dtype != np.uint8 or not (images.ndim == 3 or (images.ndim == 4 and images.shape[3] == 3)):
        return f"images are {images.dtype} {list(images.shape)}, not uint8 [N, H, W] or [N, H, W, 3]"
    if len(images) == 0:
        return "set holds no image"
    if labels.shape != (len(images),):
        return f"set holds {len(images)} images, but labels {list(labels.shape)}"
    if labels.min() < 0 or labels.max() >= classes:
        return f"labels reach from {labels.min()} to {labels.max()}, not within 0 to {classes - 1}"
    return None
