"""One entry to all sources: their images as they are, before the common preparation."""

from kdbench.data.catalogue import SOURCES
from kdbench.data.raw import DataSettings, RawImages
from kdbench.errors import KdbenchError, unknown


def load_raw(settings: DataSettings) -> RawImages:
    """Read the whole data set that ``settings.source`` names; raises KdbenchError where it cannot be had."""
    # Each source imports a library that takes seconds; only the one asked for is imported.
    match settings.source:
        case "digits":
            from kdbench.data.digits import load
        case "image-folder":
            from kdbench.data.image_folder import load
        case source if source in SOURCES:
            from kdbench.data.torchvision_source import load
        case source:
            raise KdbenchError(f"data.source: {unknown('data source', source, SOURCES)}")
    return load(settings)
