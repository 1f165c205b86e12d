"""Decoding pictures: upright, RGB, transparent ones on white, bounded, and quickly."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from cmsearch.errors import MediaError
from cmsearch.media.exif import read_shot
from cmsearch.types import Modality, Part, Shot, Skipped

MAX_PIXELS = 178_956_970
"""Pillow's own bound against decompression bombs: twice its `MAX_IMAGE_PIXELS`."""

# Pillow warns from half of that bound on, and of damaged EXIF; both kinds of pictures are wanted.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


class ImageReader:
    """Reads the common picture formats through Pillow and pi-heif, each file as one photo."""

    suffixes = frozenset(
        {
            *(".avif", ".bmp", ".gif", ".heic", ".heif", ".hif", ".jfif"),
            *(".jpe", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"),
        }
    )

    def read(self, path: Path, image_size: int) -> Iterator[Part | Skipped]:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise MediaError(f"can't be read: {error.strerror}") from error
        image, shot = decode_shot(data, image_size)
        yield Part(Modality.IMAGE, "photo", image, shot=shot)


def decode(data: bytes, size: int | None = None) -> Image.Image:
    """The picture in `data`, upright and RGB.

    With `size`, in pixels, a JPEG is decoded no larger than its short side needs to be at least
    twice that, which the format does at a fraction of the cost. Raises `MediaError`.
    """
    return decode_shot(data, size)[0]


def decode_shot(data: bytes, size: int | None = None) -> tuple[Image.Image, Shot]:
    """What `decode` gives, and what the camera noted beside it."""
    if not data:
        raise MediaError("the file is empty")
    _add_heif()
    try:
        with Image.open(BytesIO(data)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise MediaError(f"{image.width} x {image.height} pixels are too many")
            if size is not None:
                image.draft("RGB", (2 * size, 2 * size))
            image.load()
            return _on_white(_upright(image)), read_shot(image)
    except UnidentifiedImageError as error:
        raise MediaError("not a picture in a format that can be read") from error
    except Image.DecompressionBombError as error:
        raise MediaError(f"too many pixels ({error})") from error
    except MemoryError as error:
        raise MediaError("too large for the memory") from error
    except MediaError:
        raise
    except Exception as error:  # Pillow's plug-ins raise whatever a damaged file leads them to
        raise MediaError(f"damaged ({str(error) or type(error).__name__})") from error


def flattened(image: Image.Image) -> Image.Image:
    """An opened picture as `decode` gives it: upright, RGB, on white. Raises `MediaError`."""
    try:
        image.load()
        return _on_white(_upright(image))
    except Exception as error:  # as for files
        raise MediaError(f"damaged ({str(error) or type(error).__name__})") from error


@cache
def _add_heif() -> None:
    """Let Pillow read HEIC and HEIF."""
    from pi_heif import register_heif_opener

    register_heif_opener()


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # damaged EXIF says nothing about the pixels
        return image.copy()


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and not image.has_transparency_data:
        return image
    if image.mode == "I" or image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image) / 257).clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    return image.convert("RGB")
