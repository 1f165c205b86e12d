"""Pictures as image towers take them, without torch: resized, cropped, cut into patches."""

# Tested by tests/unit/cmsearch/models/encoders/test_transformers.py

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

_LARGEST_SCALE = 100.0
_SCALE_STEP = 1e-5


def prepare_image(image: Image, spec: dict[str, Any]) -> tuple[NDArray[Any], ...]:
    """What an exported image tower takes of an RGB picture, as `spec` says.

    Bytes `(height, width, 3)`; or, where `spec["resize"]` is `patches`, bytes `(patches, size)`
    with the grid's rows and columns `(2,)`.
    """
    if spec["resize"] == "patches":
        return _patches(image, spec)
    height, width = spec["size"]
    size = (width, height)
    if spec["resize"] == "shortest":
        size = _by_shortest_edge(image.size, int(spec["edge"]))
    image = _resize(image, size, spec)
    left, top = (
        _offset(have, want, spec["crop"]) for have, want in zip(size, (width, height), strict=True)
    )
    return (np.asarray(image.crop((left, top, left + width, top + height))),)


def centre_crop(spec: dict[str, Any]) -> tuple[float, float] | None:
    """Width and height of the part in the middle that `prepare_image` keeps, in short sides of the
    picture; None where it keeps the whole.
    """
    if spec["resize"] != "shortest":
        return None
    height, width = spec["size"]
    return width / spec["edge"], height / spec["edge"]


def _resize(image: Image, size: tuple[int, int], spec: dict[str, Any]) -> Image:
    from PIL.Image import Resampling

    return image.resize(size, Resampling[spec["interpolation"].upper()])


def _by_shortest_edge(size: tuple[int, int], edge: int) -> tuple[int, int]:
    width, height = size
    longest = int(edge * max(size) / min(size))
    return (edge, longest) if width <= height else (longest, edge)


def _offset(have: int, want: int, how: str) -> int:
    """Where the middle begins: torchvision rounds a half to even, transformers down."""
    return round((have - want) / 2) if how == "round" else (have - want) // 2


def _patches(image: Image, spec: dict[str, Any]) -> tuple[NDArray[Any], ...]:
    """The patches of a picture that keeps its shape, row by row, then zeros; and their grid."""
    side, most = int(spec["patch"]), int(spec["patches"])
    rows, columns = patch_grid((image.height, image.width), side, most)
    pixels = np.asarray(_resize(image, (columns * side, rows * side), spec))
    cut = pixels.reshape(rows, side, columns, side, 3).swapaxes(1, 2).reshape(rows * columns, -1)
    padded = np.zeros((most, cut.shape[1]), np.uint8)
    padded[: len(cut)] = cut
    return padded, np.array([rows, columns], np.int64)


def patch_grid(size: tuple[int, int], side: int, most: int) -> tuple[int, int]:
    """Rows and columns of the finest grid of at most `most` patches for a height and a width.

    The scale is found by the bisection of SigLIP 2's NaFlex, whose steps decide near a tie.
    """

    def grid(scale: float) -> tuple[int, int]:
        rows, columns = (max(1, math.ceil(length * scale / side)) for length in size)
        return rows, columns

    low, high = _SCALE_STEP / 10, _LARGEST_SCALE
    while high - low >= _SCALE_STEP:
        middle = (low + high) / 2
        if math.prod(grid(middle)) <= most:
            low = middle
        else:
            high = middle
    return grid(low)
