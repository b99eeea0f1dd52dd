"""Small data sets in the formats that kdbench reads, made on the spot."""

import hashlib
import os
import pickle
import tarfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import scipy.io
from PIL import Image

# Read once: tests unset the variable and leave the folder it may be relative to.
SHELF = Path(os.environ["KDBENCH_DATA"]).expanduser().absolute() if os.environ.get("KDBENCH_DATA") else None
MODES = {"grey": (24, 24), "colour": (24, 24, 3)}


def settings(source: str, **changes: Any) -> SimpleNamespace:
    """The configuration's data section with its defaults."""
    defaults = {
        "path": None,
        "variant": "balanced",
        "image_size": None,
        "channels": None,
        "train_limit": None,
        "test_limit": None,
    }
    return SimpleNamespace(source=source, **{**defaults, **changes})


def real_data(name: str) -> str | None:
    """The path of a file in $KDBENCH_DATA, wherever a test goes; None where the variable or the file is missing."""
    return str(SHELF / name) if SHELF and (SHELF / name).exists() else None


def random_images(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.RandomState(seed).randint(0, 256, shape).astype(np.uint8)


def write_image_folder(
    folder: Path, classes: tuple[str, ...] = ("cat", "dog"), train: int = 3, test: int = 2, kind: str = "colour"
) -> Path:
    """``train`` and ``test`` random PNG images a class, 24x24."""
    for split, count in (("train", train), ("test", test)):
        for label, name in enumerate(classes):
            (folder / split / name).mkdir(parents=True, exist_ok=True)
            for number in range(count):
                seed = 1000 * label + 10 * number + (split == "test")
                image = Image.fromarray(random_images(*MODES[kind], seed=seed))
                image.save(folder / split / name / f"{number}.png")
    return folder


def pack(folder: Path, archive: Path, top: str = "") -> Path:
    """A folder's content as a tar archive, compressed as its name says, in reverse order; below ``top`` if given."""
    compression = {".tar": "", ".xz": "xz", ".gz": "gz", ".tgz": "gz"}[archive.suffix]
    with tarfile.open(archive, f"w:{compression}") as tar:  # type: ignore[call-overload]
        for path in sorted(folder.rglob("*"), reverse=True):
            tar.add(path, arcname=str(Path(top) / path.relative_to(folder)), recursive=False)
    return archive


def write_idx(path: Path, values: np.ndarray) -> None:
    """An array of uint8 in the format of MNIST's files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sizes = b"".join(size.to_bytes(4, "big") for size in values.shape)
    path.write_bytes(bytes([0, 0, 8, values.ndim]) + sizes + values.astype(np.uint8).tobytes())


def write_mnist(folder: Path, name: str, train: int = 20, test: int = 10) -> dict[str, np.ndarray]:
    """Files as torchvision's MNIST, FashionMNIST and KMNIST read them; gives the images of both splits."""
    images = {"train": random_images(train, 28, 28), "t10k": random_images(test, 28, 28, seed=1)}
    for split, values in images.items():
        write_idx(folder / name / "raw" / f"{split}-images-idx3-ubyte", values)
        write_idx(folder / name / "raw" / f"{split}-labels-idx1-ubyte", np.arange(len(values)) % 10)
    return images


def write_emnist(folder: Path, variant: str, labels: np.ndarray) -> np.ndarray:
    """Files as torchvision's EMNIST reads them; gives the training images as the files hold them."""
    images = random_images(len(labels), 28, 28)
    for split in ("train", "test"):
        write_idx(folder / "EMNIST" / "raw" / f"emnist-{variant}-{split}-images-idx3-ubyte", images)
        write_idx(folder / "EMNIST" / "raw" / f"emnist-{variant}-{split}-labels-idx1-ubyte", labels)
    return images


def write_cifar(folder: Path, dataset: Any, monkeypatch: Any, images_a_file: int = 10) -> np.ndarray:
    """Files as torchvision's ``dataset`` reads them, whose checksums become the expected ones.

    Gives the training images [N, 32, 32, 3].
    """
    base = folder / dataset.base_folder
    base.mkdir(parents=True)
    hundred = dataset.__name__ == "CIFAR100"
    classes = [f"class{number}" for number in range(100 if hundred else 10)]

    def write(name: str, content: dict[str, Any]) -> str:
        (base / name).write_bytes(pickle.dumps(content))
        return hashlib.md5((base / name).read_bytes()).hexdigest()

    def batches(names: list[str], first_seed: int) -> tuple[list[list[str]], list[np.ndarray]]:
        checked, images = [], []
        for seed, name in enumerate(names, start=first_seed):
            data = random_images(images_a_file, 3072, seed=seed)
            labels = [(number * 7) % len(classes) for number in range(images_a_file)]
            checked.append([name, write(name, {"data": data, "fine_labels" if hundred else "labels": labels})])
            images.append(data)
        return checked, images

    train_list, train = batches([name for name, _ in dataset.train_list], 0)
    test_list, _ = batches([name for name, _ in dataset.test_list], 100)
    meta = {**dataset.meta, "md5": write(dataset.meta["filename"], {dataset.meta["key"]: classes})}
    monkeypatch.setattr(dataset, "train_list", train_list)
    monkeypatch.setattr(dataset, "test_list", test_list)
    monkeypatch.setattr(dataset, "meta", meta)
    return np.concatenate(train).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)


def write_svhn(folder: Path, dataset: Any, monkeypatch: Any) -> np.ndarray:
    """Files as torchvision's SVHN reads them, whose checksums become the expected ones; gives X [32, 32, 3, N]."""
    images = random_images(32, 32, 3, 20)
    labels = (np.arange(20) % 10 + 1).astype(np.uint8)[:, None]
    folder.mkdir(parents=True, exist_ok=True)
    checked = {}
    for split in ("train", "test"):
        path = folder / f"{split}_32x32.mat"
        scipy.io.savemat(path, {"X": images, "y": labels})
        checked[split] = ["", path.name, hashlib.md5(path.read_bytes()).hexdigest()]
    monkeypatch.setattr(dataset, "split_list", checked)
    return images
