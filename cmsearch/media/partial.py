"""Pictures whose files are damaged or cut short, as far as they can be decoded."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

LEAST = 0.25
"""The share of its rows that has to be there: less says little of a picture."""
_COLUMNS = 64
"""So many pixels of a row are looked at."""
_END = b"\xff\xd9"
"""The mark at the end of a JPEG."""
_JPEG = ("JPEG", "MPO")


def loaded(image: Image.Image) -> tuple[Image.Image, str]:
    """An opened picture decoded; where the file is damaged, the rows that could be, and what is
    wrong.

    Raises what Pillow does where less than `LEAST` of it could be.
    """
    ended = _Ended(image.fp) if image.format in _JPEG else None  # type: ignore[attr-defined]
    if ended is not None:
        image.load_read = ended  # type: ignore[attr-defined]
    problem: Exception | None = None
    try:
        image.load()
    except MemoryError:
        raise
    except Exception as error:  # Pillow's plug-ins raise whatever a damaged file leads them to
        if not _has_pixels(image):
            raise
        problem = error
    if problem is None and not (ended and ended.is_reached):
        return image, ""
    rows = _read_rows(image)
    share = float(rows.mean())
    if share < LEAST:
        raise problem or OSError("cut short")
    reason = "cut short" if problem is None else str(problem) or type(problem).__name__
    seen = "nearly all" if share > 0.99 else f"{share:.0%}"
    return _without_gaps(image, rows), f"damaged ({reason}): {seen} of it can be seen"


class _Ended:
    """Reads the file of a JPEG, with the mark of its end where it is cut short, as Pillow does it
    for all threads at once if it is told to.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file  # not the picture, which is to be freed as soon as nobody has it
        self.is_reached = False

    def __call__(self, size: int) -> bytes:
        data = self._file.read(size)
        if data or self.is_reached:
            return data
        self.is_reached = True
        return _END


def _has_pixels(image: Image.Image) -> bool:
    """Whether something was decoded; what is left of the file isn't tried again then."""
    if getattr(image, "_im", None) is None:
        return False
    image.tile = []  # type: ignore[attr-defined]
    return True


def _read_rows(image: Image.Image) -> NDArray[np.bool_]:
    """Which rows were decoded: the others have the one value that decoders begin with."""
    columns = image.resize((_COLUMNS, image.height), Image.Resampling.NEAREST)
    samples = np.asarray(columns).reshape(image.height, _COLUMNS, -1).astype(np.int64)
    if image.mode == "CMYK":
        differs = samples != samples[:, :1]
    else:
        differs = np.abs(samples - (128 if image.format in _JPEG else 0)) > 1
    return np.asarray(differs.any((1, 2)))


def _without_gaps(image: Image.Image, rows: NDArray[np.bool_]) -> Image.Image:
    """The picture from its first row that was decoded to the last, and between them each other one
    as the one above, which is how interlaced pictures come.
    """
    if rows.all():
        return image
    places = np.flatnonzero(rows)
    first, last = int(places[0]), int(places[-1])
    for row in np.flatnonzero(~rows[first:last]) + first:
        above = image.crop((0, int(row) - 1, image.width, int(row)))
        image.paste(above, (0, int(row)))
    return image.crop((0, first, image.width, last + 1))
