"""From the bytes of an image file to an array, and from one size and number of channels to another.

Pillow computes in whole numbers, so that every machine gives the same pixels.
"""

import io
import warnings

import numpy as np
from PIL import Image, UnidentifiedImageError

from kdbench.data.tree import LARGEST_FILE

# Not all that Pillow reads: it hands PostScript, for one, to another program.
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "PPM", "TIFF", "JPEG2000", "WEBP")


def read_image(data: bytes) -> Image.Image:
    """Decode an image file as mode L where it is grey, else RGB.

    Transparent parts become white, palettes are resolved, 16-bit grey is scaled to 8 bits; of several frames the
    first is taken. Raises ValueError on bytes that are no image of these FORMATS, on more than LARGEST_FILE bytes
    and where values have no fixed range; what Pillow raises on a damaged image or one beyond its limit of pixels.
    """
    if len(data) > LARGEST_FILE:
        raise ValueError(f"larger than {LARGEST_FILE >> 20} MiB")
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            image = Image.open(io.BytesIO(data), formats=FORMATS)
        except UnidentifiedImageError:  # its message is an address in memory
            raise ValueError("no image, or cut off" if data else "empty file") from None
        image.load()
    if image.mode in ("L", "RGB") and not image.has_transparency_data:
        return image
    if image.mode.startswith("I"):
        return eight_bits(image)
    if image.mode == "F":
        raise ValueError("floating-point values have no fixed range")
    if image.has_transparency_data:
        return opaque(image)
    if image.mode == "P":
        return grey_if_colourless(image.convert("RGB"))
    return image.convert("L" if image.mode == "1" else "RGB")


def eight_bits(image: Image.Image) -> Image.Image:
    """Scale 16-bit grey to 8 bits; ValueError where values lie outside 0..65535."""
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 65535:
        raise ValueError("values outside 0..65535 have no fixed range")
    return Image.fromarray(((values + 128) // 257).astype(np.uint8))


def opaque(image: Image.Image) -> Image.Image:
    """Lay an image with transparency on white, as a page shows it."""
    layer = image.convert("RGBA")
    page = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return page.convert("L") if image.mode in ("L", "LA", "La", "1") else grey_if_colourless(page)


def grey_if_colourless(image: Image.Image) -> Image.Image:
    """Mode L for an RGB image whose three channels are the same: palettes do not say that they are grey."""
    values = np.asarray(image)
    grey = (values[..., 0] == values[..., 1]).all() and (values[..., 0] == values[..., 2]).all()
    return image.getchannel(0) if grey else image


def redrawn(image: Image.Image, size: int | None, channels: int | None) -> np.ndarray:
    """An image of mode L or RGB as uint8 [H, W] or [H, W, 3].

    Made grey (ITU-R 601-2 luma) where ``channels`` is 1 and resized to a ``size`` square by bilinear interpolation
    with antialiasing. A grey image stays [H, W] where ``channels`` is 3: repeating it waits until all are there.
    """
    if channels == 1:
        image = image.convert("L")
    if size is not None and image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(image)


def all_redrawn(images: np.ndarray, size: int | None, channels: int | None) -> np.ndarray:
    """``redrawn`` for uint8 images [N, H, W] or [N, H, W, 3] of one size; the same array where nothing changes."""
    colour = images.ndim == 4
    if (size is None or images.shape[1:3] == (size, size)) and not (colour and channels == 1):
        return images
    return np.stack([redrawn(Image.fromarray(image), size, channels) for image in images])
