"""The sources of images by name, with what a reader should know about each; imports nothing heavy.

Adding a source: one entry here, one file with ``load(settings) -> RawImages``, one line in ``load.py``.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """Facts about one source of images.

    ``images`` says how many, how large and of what; ``classes`` is their number (None where the data decide);
    ``parts`` are the files or folders that torchvision reads, relative to the data folder, and ``archives`` the
    names under which an archive of them is recognised there.
    """

    title: str
    images: str
    classes: int | None
    parts: tuple[str, ...] = ()
    archives: tuple[str, ...] = ()


def named_archives(name: str, *others: str) -> tuple[str, ...]:
    return (*(f"{name}{suffix}" for suffix in (".tar.xz", ".tar.gz", ".tgz", ".tar")), *others)


SOURCES = {
    "cifar10": Source(
        "CIFAR-10",
        "50,000 + 10,000 colour photographs of animals and vehicles, 32x32",
        10,
        ("cifar-10-batches-py",),
        named_archives("cifar10", "cifar-10-python.tar.gz"),
    ),
    "cifar100": Source(
        "CIFAR-100",
        "50,000 + 10,000 colour photographs, 32x32, by their fine label",
        100,
        ("cifar-100-python",),
        named_archives("cifar100", "cifar-100-python.tar.gz"),
    ),
    "mnist": Source(
        "MNIST", "60,000 + 10,000 grey handwritten digits, 28x28", 10, ("MNIST/raw",), named_archives("mnist")
    ),
    "fashion-mnist": Source(
        "FashionMNIST",
        "60,000 + 10,000 grey pictures of clothes, 28x28",
        10,
        ("FashionMNIST/raw",),
        named_archives("fashion-mnist"),
    ),
    "kmnist": Source(
        "Kuzushiji-MNIST",
        "60,000 + 10,000 grey handwritten hiragana, 28x28",
        10,
        ("KMNIST/raw",),
        named_archives("kmnist"),
    ),
    "emnist": Source(
        "EMNIST",
        "grey handwritten letters and digits, 28x28, turned upright; how many depends on data.variant",
        None,
        ("EMNIST/raw",),
        named_archives("emnist"),
    ),
    "svhn": Source(
        "SVHN",
        "73,257 + 26,032 colour photographs of house numbers, 32x32, cropped",
        10,
        ("train_32x32.mat", "test_32x32.mat"),
        named_archives("svhn"),
    ),
    "digits": Source(
        "Optical digits", "1,437 + 360 grey handwritten digits, 8x8, embedded in scikit-learn: no download", 10
    ),
    "image-folder": Source(
        "Image folder", "any images as {train,test}/<class>/*, in the folder or archive that data.path names", None
    ),
}

# What a network may see of a stored image: kdbench/data/views.py makes them.
VIEWS = {
    "image": "the image itself",
    "resolution-8": "scaled down to 8x8 and back up",
    "resolution-16": "scaled down to 16x16 and back up",
    "grey": "the mean of its channels",
    "coarse": "blurred: its low frequencies",
    "fine": "what blurring takes away: its high frequencies",
    "horizontal-edges": "its gradient from top to bottom",
    "vertical-edges": "its gradient from left to right",
}
