"""Marking in a picture the lines of text for which it was found."""

from __future__ import annotations

from collections.abc import Iterable

from PIL import Image, ImageDraw

from cmsearch.types import TextLine

_COLOUR = (255, 0, 170)
_UNDER = (255, 255, 255)


def marked(picture: Image.Image, lines: Iterable[TextLine]) -> Image.Image:
    """The picture with an outline around each line; itself where there is none."""
    boxes = [list(zip(line.box[::2], line.box[1::2], strict=True)) for line in lines]
    if not boxes:
        return picture
    copy = picture.convert("RGB").copy()
    width = max(1, round(max(copy.size) / 300))
    pen = ImageDraw.Draw(copy)
    for box in boxes:
        corners = [(x * (copy.width - 1), y * (copy.height - 1)) for x, y in box]
        for colour, wide in ((_UNDER, 3 * width), (_COLOUR, width)):
            pen.line([*corners, corners[0]], fill=colour, width=wide, joint="curve")
    return copy
