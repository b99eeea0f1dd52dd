"""The optical digits that scikit-learn carries: 1,797 grey scans, 8x8, without any download."""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from kdbench.data.raw import DataSettings, RawImages
from kdbench.errors import KdbenchError


def load(settings: DataSettings) -> RawImages:
    """Read the digits, their 17 grey values spread over 0..255, in a fixed stratified split of 1,437 and 360."""
    if settings.path is not None:
        raise KdbenchError(
            "data.path: source digits is embedded in scikit-learn and reads no file: set data.path to null"
        )
    digits = load_digits()
    images = np.round(digits.images * (255 / 16)).astype(np.uint8)
    labels = digits.target.astype(np.int64)
    train, test = train_test_split(np.arange(len(labels)), test_size=0.2, random_state=0, stratify=labels)
    train.sort()
    test.sort()
    classes = tuple(str(name) for name in digits.target_names)
    origin = "scikit-learn's load_digits, stratified 80/20 split"
    return RawImages(images[train], labels[train], images[test], labels[test], classes, origin)
