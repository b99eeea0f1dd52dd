"""The data sets that torchvision reads: found on disk as they are or as an archive, else downloaded."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from torchvision import datasets

from kdbench.data.archives import one_line, unpacked
from kdbench.data.catalogue import SOURCES
from kdbench.data.places import DOWNLOADS, data_folders, found_in, named_path
from kdbench.data.raw import DataSettings, RawImages
from kdbench.errors import KdbenchError, unknown

READERS: dict[str, Any] = {
    "cifar10": datasets.CIFAR10,
    "cifar100": datasets.CIFAR100,
    "mnist": datasets.MNIST,
    "fashion-mnist": datasets.FashionMNIST,
    "kmnist": datasets.KMNIST,
    "emnist": datasets.EMNIST,
    "svhn": datasets.SVHN,
}


def load(settings: DataSettings) -> RawImages:
    """Read ``settings.source`` from ``settings.path``, $KDBENCH_DATA or ./data, or download it.

    Raises KdbenchError where it is nowhere and cannot be downloaded, or torchvision refuses the files: those of
    CIFAR and SVHN are read only where their MD5 is the published one.
    """
    name = settings.source
    if name == "emnist" and settings.variant not in datasets.EMNIST.splits:
        raise KdbenchError(f"data.variant: {unknown('EMNIST split', settings.variant, datasets.EMNIST.splits)}")
    place = on_disk(name, settings.path) or downloaded(name, settings)
    with opened(place, name) as folder:
        try:
            return read(name, folder, settings.variant, archive=place.name if place.is_file() else None)
        except Exception as error:  # its parsers raise whatever the bytes lead them to
            raise KdbenchError(
                f"{place}: {parts_of(name)} refused ({one_line(error)}): some of it is missing or not as published; "
                "replace it by the original, or remove it to have it downloaded"
            ) from error


def read(name: str, folder: Path, variant: str, archive: str | None) -> RawImages:
    """Both splits, as torchvision reads them below ``folder``; raises whatever it raises on missing or bad files."""
    train, test = (read_split(name, folder, split, variant) for split in ("train", "test"))
    (train_images, train_labels), (test_images, test_labels) = arrays(train), arrays(test)
    classes = tuple(getattr(train, "classes", None) or map(str, range(10)))
    if classes[0] == "N/A":  # EMNIST's letters count from 1
        classes, train_labels, test_labels = classes[1:], train_labels - 1, test_labels - 1
    title = f"{type(train).__name__} {variant}" if name == "emnist" else type(train).__name__
    origin = f"torchvision's {title}, from {archive or parts_of(name)}"
    return RawImages(train_images, train_labels, test_images, test_labels, classes, origin)


def parts_of(name: str) -> str:
    return " and ".join(SOURCES[name].parts)


def read_split(name: str, folder: Path, split: str, variant: str, download: bool = False) -> Any:
    """The torchvision data set of one split below ``folder``."""
    if name == "svhn":
        return READERS[name](folder, split=split, download=download)
    choice = {"split": variant} if name == "emnist" else {}
    return READERS[name](folder, train=split == "train", download=download, **choice)


def arrays(dataset: Any) -> tuple[np.ndarray, np.ndarray]:
    """A torchvision data set's images, [N, H, W] or [N, H, W, 3], and labels, int64 [N]."""
    images = np.asarray(dataset.data)
    labels = np.asarray(dataset.labels if isinstance(dataset, datasets.SVHN) else dataset.targets, dtype=np.int64)
    if isinstance(dataset, datasets.SVHN):
        images = images.transpose(0, 2, 3, 1)
    if isinstance(dataset, datasets.EMNIST):
        images = images.transpose(0, 2, 1)  # its files hold every picture with rows and columns exchanged
    return images, labels


def on_disk(name: str, path: str | None) -> Path | None:
    """The folder or archive that holds the data set, or None; where a path is given, only there."""
    if path is None:
        return next((place for folder in data_folders() if (place := found_in(folder, name))), None)
    place = named_path(path)
    return place if place.is_file() else found_in(place, name)


@contextlib.contextmanager
def opened(place: Path, name: str) -> Iterator[Path]:
    """The folder below which torchvision finds the data set; of an archive, a temporary copy."""
    if place.is_dir():
        yield place
        return
    with unpacked(place) as folder:
        folders = [folder, *sorted(below for below in folder.iterdir() if below.is_dir())]
        inside = next((below for below in folders if found_in(below, name) == below), None)
        if inside is None:
            raise KdbenchError(f"{place}: holds no {parts_of(name)}: pack them into it as they are")
        yield inside


def downloaded(name: str, settings: DataSettings) -> Path:
    """Download a data set into ``settings.path``, else ./data, whole or not at all; gives that folder."""
    target = DOWNLOADS if settings.path is None else named_path(settings.path)
    try:
        target.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".download-", dir=target) as folder:
            for split in ("train", "test"):
                read_split(name, Path(folder), split, settings.variant, download=True)
            for part in SOURCES[name].parts:
                (target / part).parent.mkdir(parents=True, exist_ok=True)
                os.replace(Path(folder) / part, target / part)
    except Exception as error:  # a network fails in many ways
        looked = ", ".join(str(folder) for folder in (data_folders() if settings.path is None else [target]))
        raise KdbenchError(
            f"data.source {name}: no {parts_of(name)} and no {name}.tar.xz (.tar.gz, .tgz, .tar) in {looked}, and the "
            f"download into {target} failed ({one_line(error)}): connect to a network, put the files in one of these "
            "folders, or name their folder or archive by data.path or the environment variable KDBENCH_DATA"
        ) from error
    return target
