"""Several pictures as one, each under its number, for who can be shown only a few."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from math import ceil, sqrt

from PIL import Image, ImageDraw, ImageFont, ImageOps

SIDE = 1536
"""Pixels of the longer side, at most."""
_CELL = 320  # pixels of a picture's longer side, at most
_HEAD, _GAP = 26, 6
_PAPER, _INK, _EMPTY = "#e8eaed", "#1f2328", "#8c959f"
MOST_BYTES = 700_000
"""Bytes of a JPEG picture: clients limit an answer to about a million characters."""
_QUALITIES = (85, 70, 50, 30, 10)


def numbered_sheet(pictures: Sequence[tuple[int, Image.Image | None]]) -> Image.Image:
    """The pictures in rows, each under its number; an empty frame stands for a missing one."""
    columns = ceil(sqrt(len(pictures))) or 1
    rows = ceil(len(pictures) / columns) or 1
    room = SIDE - _GAP
    cell = min(_CELL, room // columns - _GAP, room // rows - _GAP - _HEAD)
    wide, high = cell + _GAP, cell + _HEAD + _GAP
    sheet = Image.new("RGB", (columns * wide + _GAP, rows * high + _GAP), _PAPER)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(20)
    for place, (number, picture) in enumerate(pictures):
        left, top = _GAP + place % columns * wide, _GAP + place // columns * high
        pen.text((left + 2, top), str(number), _INK, font)
        corner = (left, top + _HEAD)
        if picture is None:
            pen.rectangle((*corner, left + cell - 1, top + _HEAD + cell - 1), outline=_EMPTY)
        else:
            sheet.paste(ImageOps.contain(picture.convert("RGB"), (cell, cell)), corner)
    return sheet


def jpeg(picture: Image.Image, most: int = MOST_BYTES) -> bytes:
    """A picture as the bytes of a JPEG file, which every client shows: of the best quality that
    fits into `most` bytes, or the least.
    """
    data = b""
    for quality in _QUALITIES:
        file = BytesIO()
        picture.convert("RGB").save(file, "JPEG", quality=quality, optimize=True)
        data = file.getvalue()
        if len(data) <= most:
            break
    return data
