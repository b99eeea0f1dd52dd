"""Images in folders named after their class: ``{train,test}/<class>/*``, in a folder or a tar archive."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kdbench.data.archives import one_line
from kdbench.data.pixels import read_image, redrawn
from kdbench.data.places import named_path
from kdbench.data.raw import DataSettings, RawImages
from kdbench.data.tree import Parts, file_contents, file_names
from kdbench.errors import KdbenchError

MOST_NAMED = 10  # unreadable files
LAYOUT = "{train,test}/<class>/*"


class Place(NamedTuple):
    """Where an image stands: the folder above its split (or ""), the split and the class."""

    top: str
    split: str
    label: str


def load(settings: DataSettings) -> RawImages:
    """Read the images below ``settings.path``, sorted by class and file name.

    Images are resized and made grey while they are read, where the settings say so; else they must agree in size,
    and one colour image makes all colour. Raises KdbenchError where the path is missing, the layout is another or
    images cannot be read (all of them are named).
    """
    if settings.path is None:
        raise KdbenchError(f"data.path: source image-folder needs it: name a folder or archive of {LAYOUT}")
    path = named_path(settings.path)
    places = image_places(path)
    classes = class_names(path, places)
    arrays = read_arrays(path, places, settings.image_size, settings.channels)
    train_images, train_labels = stacked("train", places, classes, arrays)
    test_images, test_labels = stacked("test", places, classes, arrays)
    origin = f"image folder {path.absolute().name}"
    return RawImages(train_images, train_labels, test_images, test_labels, classes, origin)


def image_places(path: Path) -> dict[Parts, Place]:
    """Every file of ``{train,test}/<class>/*``, possibly below one more folder; sorted, other files left out."""
    names = file_names(path)
    if not names:
        raise KdbenchError(f"{path}: empty: put images there as {LAYOUT}")
    places = {parts: place for parts in names if (place := place_of(parts))}
    tops = sorted({place.top or "." for place in places.values()})
    if len(tops) > 1:
        raise KdbenchError(f"{path}: several data sets, in {', '.join(tops)}: keep one, or name it by data.path")
    for split in ("train", "test"):
        if not any(place.split == split for place in places.values()):
            raise KdbenchError(f"{path}: no images in {split}/<class>/: put them there as {LAYOUT}")
    return places


def place_of(parts: Parts) -> Place | None:
    for depth in (0, 1):
        if len(parts) >= depth + 3 and parts[depth] in ("train", "test"):
            return Place("/".join(parts[:depth]), parts[depth], parts[depth + 1])
    return None


def class_names(path: Path, places: dict[Parts, Place]) -> tuple[str, ...]:
    """The classes, sorted; raises KdbenchError where train and test hold different ones, or there is one only."""
    train, test = ({place.label for place in places.values() if place.split == split} for split in ("train", "test"))
    if train != test:
        lacks = [
            f"{split}/ lacks {', '.join(sorted(missing))}"
            for split, missing in (("train", test - train), ("test", train - test))
            if missing
        ]
        raise KdbenchError(f"{path}: {' and '.join(lacks)}: give both the same class folders, none of them empty")
    if len(train) == 1:
        raise KdbenchError(f"{path}: only one class, {min(train)}: put each class in a folder of its own, as {LAYOUT}")
    return tuple(sorted(train))


def read_arrays(
    path: Path, places: dict[Parts, Place], size: int | None, channels: int | None
) -> dict[Parts, np.ndarray]:
    """Each image as uint8 [H, W] or [H, W, 3], all of the same height and width."""
    arrays: dict[Parts, np.ndarray] = {}
    sizes: Counter[str] = Counter()
    unreadable: dict[Parts, str] = {}
    for parts, data in file_contents(path, places):
        try:
            if isinstance(data, OSError):
                raise data
            array = redrawn(read_image(data), size, channels)
        except Exception as error:  # decoders raise whatever the bytes lead them to
            unreadable[parts] = one_line(error)
            continue
        sizes[f"{array.shape[1]}x{array.shape[0]}"] += 1
        if len(sizes) == 1:
            arrays[parts] = array
    if unreadable:
        named = [f"{'/'.join(parts)} ({reason})" for parts, reason in sorted(unreadable.items())]
        more = f", and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else ""
        listed = ", ".join(named[:MOST_NAMED]) + more
        raise KdbenchError(f"{path}: {len(unreadable)} unreadable image(s): {listed}: replace or remove them")
    if len(sizes) > 1:
        most = ", ".join(f"{count} of {name}" for name, count in sizes.most_common(5))
        raise KdbenchError(f"{path}: images differ in size ({most}): set data.image_size to resize them")
    return arrays


def stacked(
    split: str, places: dict[Parts, Place], classes: tuple[str, ...], arrays: dict[Parts, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """One split as images [N, H, W(, 3)] and labels [N]."""
    labels = {name: label for label, name in enumerate(classes)}
    chosen = [(parts, labels[place.label]) for parts, place in places.items() if place.split == split]
    colour = any(array.ndim == 3 for array in arrays.values())
    images = np.stack([as_colour(arrays[parts]) if colour else arrays[parts] for parts, _ in chosen])
    return images, np.array([label for _, label in chosen], dtype=np.int64)


def as_colour(image: np.ndarray) -> np.ndarray:
    return image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
