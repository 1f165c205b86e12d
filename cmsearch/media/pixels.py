"""Bringing decoded pictures into one form: 8-bit sRGB, upright, on white, no larger than needed."""

# Tested by tests/unit/cmsearch/media/test_images.py

from __future__ import annotations

from functools import lru_cache
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms

from cmsearch.types import FloatArray

MAX_RATIO = 50
"""Of what is longer than this many times its width, only the middle can be seen as a picture."""
_MAX_PROFILE = 4 * 2**20  # bytes
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def normalised(image: Image.Image, size: int | None) -> Image.Image:
    """The loaded picture upright and in sRGB, transparent parts on white.

    With `size`, in pixels, it is shrunk by a whole number where its short side stays at least
    twice that.
    """
    turn, profile = _orientation(image), image.info.get("icc_profile")
    image = _eight_bits(image)
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    image = _shrunk(_middle(image), size)
    return turned(_on_white(image, profile), turn)


def turned(image: Image.Image, orientation: int) -> Image.Image:
    """A picture that was stored with an EXIF orientation, upright."""
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # damaged EXIF says nothing about the pixels
        return 1


def _eight_bits(image: Image.Image) -> Image.Image:
    """Greys of 16 bits, of 32 bits that hold 16, and of floating point, as 8 bits."""
    if image.mode == "F":
        return Image.fromarray(_scaled(np.array(image)))
    if image.mode == "I" or image.mode.startswith("I;16"):
        values = np.array(image)
        np.clip(values, 0, 65535, out=values)
        values //= 257
        return Image.fromarray(values.astype(np.uint8))
    return image


def _scaled(values: FloatArray) -> NDArray[np.uint8]:
    """Floats as bytes: of 0 to 1, to 255 or to 65535 as they are meant, others by their range.

    Changes them in place: there may be as many as memory holds.
    """
    np.nan_to_num(values, copy=False, nan=0, posinf=0, neginf=0)
    low, high = float(values.min()), float(values.max())
    if low >= 0 and high <= 65535:
        low, high = 0, next(bound for bound in (1, 255, 65535) if high <= bound)
    values -= low
    values *= 255 / (high - low)
    values += 0.5
    return values.astype(np.uint8)


def _middle(image: Image.Image) -> Image.Image:
    """The picture, without the ends of a strip: some models take its height to their own."""
    width, height = image.size
    most = MAX_RATIO * min(width, height)
    if max(width, height) <= most:
        return image
    left, top = max(0, (width - most) // 2), max(0, (height - most) // 2)
    return image.crop((left, top, min(width, left + most), min(height, top + most)))


def _shrunk(image: Image.Image, size: int | None) -> Image.Image:
    factor = 1 if size is None or image.mode == "1" else min(image.size) // (2 * size)
    if factor < 2:
        return image
    info = image.info
    image = image.reduce(factor)
    image.info = info
    return image


def _on_white(image: Image.Image, profile: bytes | None) -> Image.Image:
    if image.mode == "CMYK":
        transform = _to_srgb(profile, "CMYK") if profile else None
        return _applied(transform, image) if transform else image.convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        white.alpha_composite(image)
        image = white
    if image.mode != "RGB":
        image = image.convert("RGB")
    transform = _to_srgb(profile, "RGB") if profile else None
    return _applied(transform, image) if transform else image


def _applied(transform: ImageCms.ImageCmsTransform, image: Image.Image) -> Image.Image:
    changed = ImageCms.applyTransform(image, transform)
    assert changed is not None, "only a change in place gives nothing"
    return changed


@lru_cache(maxsize=8)
def _to_srgb(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """How colours of an ICC profile become sRGB.

    None for one that is sRGB already, is damaged, or is of another kind of colours.
    """
    if len(profile) > _MAX_PROFILE:
        return None
    try:
        source = ImageCms.getOpenProfile(BytesIO(profile))
        target = ImageCms.createProfile("sRGB")
        transform = ImageCms.buildTransform(source, target, mode, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None
    return transform if mode != "RGB" or _changes(transform) else None


def _changes(transform: ImageCms.ImageCmsTransform) -> bool:
    """Whether any colour becomes another one, by more than rounding."""
    grid = np.stack(np.meshgrid(*[np.arange(0, 256, 51)] * 3), -1).reshape(1, -1, 3)
    before = grid.astype(np.uint8)
    after = np.asarray(_applied(transform, Image.fromarray(before)))
    return bool(np.abs(after.astype(int) - before).max() > 3)
