"""One entry to all sources: their images as they are, before the common preparation."""

from collections.abc import Callable

from kdbench.data import digits, image_folder, torchvision_source
from kdbench.data.catalogue import SOURCES
from kdbench.data.raw import DataSettings, RawImages
from kdbench.errors import KdbenchError, unknown

LOADERS: dict[str, Callable[[DataSettings], RawImages]] = {
    **dict.fromkeys(torchvision_source.READERS, torchvision_source.load),
    "digits": digits.load,
    "image-folder": image_folder.load,
}


def load_raw(settings: DataSettings) -> RawImages:
    """Read the whole data set that ``settings.source`` names; raises KdbenchError where it cannot be had."""
    if settings.source not in LOADERS:
        raise KdbenchError(f"data.source: {unknown('data source', settings.source, SOURCES)}")
    return LOADERS[settings.source](settings)
