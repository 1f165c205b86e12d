"""A perceptual hash: what a picture looks like from afar, whatever its size, format and turning.

It is the low-frequency part of a discrete cosine transform, as in pHash (Zauner, "Implementation
and Benchmarking of Perceptual Image Hash Functions", 2010) and PDQ (Facebook, 2019), but with one
byte for each coefficient in place of one bit: two hashes are compared by their correlation. Bits
lose what tells a picture that was cropped by 5 % from another picture; docs/duplicates.md has the
figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cmsearch.types import FloatArray

if TYPE_CHECKING:
    from PIL import Image

SIZE = 16
"""Frequencies in each direction."""
BYTES = SIZE * SIZE
COARSE = 8
"""Of those, the frequencies that change little under a small crop or turn."""
ORIENTATIONS = 8
_SIDE = 64
_SHOWN = 32  # pixels of a side that the tones of a hash are counted in
_TONES = 40
_FEW = 54
_FEWEST = 14
_GROUND = 0.23
_SIDES = 0.33
_SIDES_AND_GROUND = 0.68
_CONTRAST = 2.0  # grey levels, root mean square: of less, hardly anything but noise is left


def cosines(side: int, count: int) -> FloatArray:
    """The first `count` rows `(count, side)` of the orthonormal DCT-II of `side` samples."""
    frequency, place = np.arange(count)[:, None], np.arange(side)[None]
    rows = np.cos(np.pi * frequency * (2 * place + 1) / (2 * side)) * np.sqrt(2 / side)
    rows[0] /= np.sqrt(2)
    result: FloatArray = rows.astype(np.float32)
    return result


_COSINES = cosines(_SIDE, SIZE)
_FREQUENCY = np.hypot(*np.indices((SIZE, SIZE))).astype(np.float32)
_ODD = (-1.0) ** np.arange(SIZE, dtype=np.float32)
_FLIPS = np.stack(
    [np.ones((SIZE, SIZE)), np.tile(_ODD, (SIZE, 1)), np.tile(_ODD, (SIZE, 1)).T,
     np.outer(_ODD, _ODD)]
).astype(np.float32)  # fmt: skip


def phash(image: Image.Image) -> bytes:
    """The hash of a picture, `BYTES` long; empty for one in which there is nothing to be seen.

    The picture's luminance, brought to 64 × 64 pixels, becomes 16 × 16 coefficients. Each is
    multiplied by its frequency, since in photographs a coefficient is about as large as its
    frequency is low, and all by what makes the largest one 127; the mean is left out. They are
    int8, the rows from the lowest vertical frequency.
    """
    pixels = image.convert("L").resize((_SIDE, _SIDE), _box())
    values = _COSINES @ np.asarray(pixels, np.float32) @ _COSINES.T
    values[0, 0] = 0
    if np.sqrt(np.square(values).sum()) / _SIDE < _CONTRAST:
        return b""
    values *= _FREQUENCY
    return bytes(np.round(values * (127 / np.abs(values).max())).astype(np.int8))


def pack(hashes: Sequence[bytes | None]) -> NDArray[np.int8]:
    """Hashes as one array `(n, BYTES)`; 0 for what is no hash, and for an empty one."""
    rows = np.zeros((len(hashes), BYTES), np.int8)
    for row, found in zip(rows, hashes, strict=True):
        if found is not None and len(found) == BYTES:
            row[:] = np.frombuffer(found, np.int8)
    rows[:, 0] = 0  # of a hash that `phash` made it is
    return rows


def unit(packed: NDArray[np.int8]) -> FloatArray:
    """Coefficients `(n, 16, 16)` of unit length of what `pack` gives; 0 for what is no hash."""
    rows: FloatArray = packed.astype(np.float32)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return rows.reshape(-1, SIZE, SIZE)


def unpack(hashes: Sequence[bytes | None]) -> FloatArray:
    """Coefficients `(n, 16, 16)` of unit length; 0 for what is no hash, and for an empty one."""
    return unit(pack(hashes))


def turned(rows: FloatArray, orientation: NDArray[np.int64] | int) -> FloatArray:
    """Coefficients `(n, 16, 16)`, or fewer, of the same pictures turned: `orientation` is from 0
    to 7.

    To mirror a picture changes the signs of its odd frequencies, to transpose it transposes them;
    with both every turn by 90 degrees is made, mirrored or not.
    """
    which = np.broadcast_to(orientation, len(rows))
    swapped = np.where((which >= 4)[:, None, None], rows.transpose(0, 2, 1), rows)
    side = rows.shape[-1]
    result: FloatArray = swapped * _FLIPS[which % 4, :side, :side]
    return result


def coarse(rows: FloatArray) -> FloatArray:
    """The lowest frequencies `(n, 64)` of coefficients `(n, 16, 16)`, of unit length, or 0."""
    low = rows[:, :COARSE, :COARSE].reshape(len(rows), COARSE * COARSE)
    result: FloatArray = low / np.maximum(np.linalg.norm(low, axis=1, keepdims=True), 1e-9)
    return result


def detail(rows: FloatArray) -> FloatArray:
    """Coefficients `(n, 16, 16)` without those of bars and horizons, of unit length, or 0.

    Frequencies of one direction alone are what the screens of a program, the pages of a form and
    pictures with one horizon have in common; the others say what stands in them.
    """
    rest = rows.copy()
    rest[:, 0] = rest[:, :, 0] = 0
    size = np.linalg.norm(rest.reshape(len(rest), BYTES), axis=1)[:, None, None]
    result: FloatArray = rest / np.maximum(size, 1e-9)
    return result


def spread(rows: FloatArray) -> FloatArray:
    """By how many frequencies each of `(n, 16, 16)` is told `(n,)`, from 1 to 256.

    The participation ratio: photographs have about 70, and what is mostly of one tone, such as
    pages, screens and night skies, 8 to 50. 0 for what has no hash.
    """
    powers = np.square(np.square(rows.reshape(len(rows), BYTES))).sum(1)
    known = powers > 0
    result: FloatArray = np.where(known, 1 / np.where(known, powers, 1), 0).astype(np.float32)
    return result


def drawn(rows: FloatArray) -> NDArray[np.bool_]:
    """Which of `(n, 16, 16)` look like pages, screens and charts: letters and lines on one ground.

    Those are told by few frequencies, much of what is in them is in rows and columns, and many of
    their pixels are of one tone. One in forty photographs looks so, with a horizon under a sky.
    """
    sides = np.square(rows[:, 0]).sum(1) + np.square(rows[:, :, 0]).sum(1)
    told = spread(rows)
    found: NDArray[np.bool_] = (sides >= _SIDES) & (told < _FEW)
    if found.any():
        ground = _ground(rows[found])
        is_one = (ground >= _GROUND) & (sides[found] + ground >= _SIDES_AND_GROUND)
        found[found] = is_one | (told[found] < _FEWEST)
    return found


def _ground(rows: FloatArray) -> FloatArray:
    """The share of pixels `(n,)` that have the commonest tone, or nearly that."""
    waves = cosines(_SHOWN, SIZE)
    pictures = (waves.T @ (rows / np.maximum(_FREQUENCY, 1)) @ waves).reshape(len(rows), -1)
    least, most = np.quantile(pictures, (0.01, 0.99), axis=1)[..., None]
    tones = ((pictures - least) / np.maximum(most - least, 1e-9) * _TONES).astype(np.int64)
    counts = np.stack([(tones.clip(0, _TONES - 1) == tone).sum(1) for tone in range(_TONES)], 1)
    near = sum(counts[:, shift : shift + _TONES - 4] for shift in range(5))
    result: FloatArray = (np.max(near, axis=1) / pictures.shape[1]).astype(np.float32)
    return result


def correlations(one: FloatArray, other: FloatArray) -> FloatArray:
    """The correlation `(n,)` of each pair of rows of two `(n, 16, 16)`, from -1 to 1."""
    result: FloatArray = np.einsum("nij,nij->n", one, other)
    return result


def _box() -> Image.Resampling:
    from PIL.Image import Resampling  # Pillow is loaded by whoever has a picture

    return Resampling.BOX
