"""Whether two pictures show the same, seen closely: letters, digits and stars, not only shapes.

Two copies differ by what encoding and scaling leaves, which is little beside what stands there; two
pages that differ in one word differ there by as much as stands there. So both are brought to one
size and brightness, and their difference is compared with what is in them, in every small window.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from cmsearch.types import FloatArray

SIDE = 1024
"""Pixels of the longer side at most: a page's letters are about 10 high."""
DIFFERENT = 0.4
"""Where so much of a window's variance is difference, another thing stands there. What encoding,
scaling and brightening left was at most 0.32, and one other digit of letters 9 pixels high gave
0.42 and more; scripts/bench/duplicates.py draws what that was measured on."""
_WINDOW = 5
_FLOOR = 64.0  # of variance, in grey levels squared: what coarse encoding does to an empty window
_ASPECT = 0.02  # by as much frames of one picture may differ in shape, besides rounding
_BLUR = 0.8


def grey(image: Image.Image) -> Image.Image:
    """A picture as `same` takes it: grey, and no larger than it needs."""
    result = image.convert("L")
    result.thumbnail((SIDE, SIDE), Image.Resampling.BICUBIC, reducing_gap=2)
    return result


def same(one: Image.Image, other: Image.Image, orientation: int = 0) -> bool:
    """Whether two pictures that `grey` gave show the same in every place.

    The first is turned as `phash.turned` does before. About 0.1 s.
    """
    one = _turned(one, orientation)
    size = min(one.width, other.width), min(one.height, other.height)
    if not all(_is_like(image.size, size) for image in (one, other)):
        return False
    first, second = _alike_bright(_soft(one, size), _soft(other, size))
    difference = _variance(first - second)
    difference /= _variance(first) + _variance(second) + _FLOOR
    return bool(difference.max(initial=0) < DIFFERENT)


def _turned(image: Image.Image, orientation: int) -> Image.Image:
    turns = Image.Transpose
    if orientation >= 4:
        image = image.transpose(turns.TRANSPOSE)
    if orientation % 4 in (1, 3):
        image = image.transpose(turns.FLIP_LEFT_RIGHT)
    if orientation % 4 in (2, 3):
        image = image.transpose(turns.FLIP_TOP_BOTTOM)
    return image


def _is_like(size: tuple[int, int], wanted: tuple[int, int]) -> bool:
    """Whether a size becomes the wanted one without being stretched."""
    width, height = wanted
    scale = (size[0] / width + size[1] / height) / 2
    slack = _ASPECT / 2
    return all(
        abs(whole / scale - part) <= slack * part + 1
        for whole, part in zip(size, (width, height), strict=True)
    )


def _soft(image: Image.Image, size: tuple[int, int]) -> FloatArray:
    if image.size != size:
        image = image.resize(size, Image.Resampling.BICUBIC)
    return np.asarray(image.filter(ImageFilter.GaussianBlur(_BLUR)), np.float32)


def _alike_bright(one: FloatArray, other: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Both without their means, and at the mean of their contrasts."""
    one, other = one - one.mean(), other - other.mean()
    contrasts = max(float(one.std()), 1e-3), max(float(other.std()), 1e-3)
    middle = np.sqrt(contrasts[0] * contrasts[1])
    return one * (middle / contrasts[0]), other * (middle / contrasts[1])


def _variance(values: FloatArray) -> FloatArray:
    """The variance in the window around each pixel."""
    mean = _mean(values)
    found: FloatArray = np.maximum(_mean(np.square(values)) - np.square(mean), 0)
    return found


def _mean(values: FloatArray) -> FloatArray:
    for axis in (0, 1):
        values = _mean_along(values, axis)
    return values


def _mean_along(values: FloatArray, axis: int) -> FloatArray:
    wide = [(0, 0), (0, 0)]
    wide[axis] = (_WINDOW // 2 + 1, _WINDOW // 2)
    sums: NDArray[np.float64] = np.cumsum(np.pad(values, wide, "edge"), axis, dtype=np.float64)
    count = sums.shape[axis]
    later = np.take(sums, np.arange(_WINDOW, count), axis)
    earlier = np.take(sums, np.arange(count - _WINDOW), axis)
    result: FloatArray = ((later - earlier) / _WINDOW).astype(np.float32)
    return result
