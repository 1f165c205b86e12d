"""The text in one picture: a glance at whether there is any, then reading it."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cmsearch.models.ocr.rapid import HEIGHT, MOST_RATIO, Boxes, TextModel
from cmsearch.models.ocr.words import is_words, plain
from cmsearch.types import TextLine

GLANCE = 352
"""The long side in pixels of the copy that is glanced at: text of 3 % of its height is seen."""
LOOK = 960
"""The long side of the copy in which text is found, unless it is small there."""
LEAST_LOOK = 512
"""To so many pixels a smaller picture is enlarged for that, by half at most."""
CLOSE = 1600
"""The long side where text is small, and the picture has more pixels."""
SMALL = 14.0
"""The height in pixels of small text."""
READ = 2048
"""The long side at most of the picture that the lines are read in."""
MOST_LINES = 300
"""Lines of a picture that are read, the highest first; of a page of small print there are 100."""
MOST_WIDTH = 200_000
"""Pixels at most that these are long together, when each is 48 high: some seconds of work."""
_close = Lock()
"""Close looks go one at a time: each takes a gigabyte."""
Picture = Callable[[int], Image.Image]
"""Gives a picture, upright and RGB, with at least so many pixels along its short side if it has
them.
"""


class PictureText(NamedTuple):
    """The lines of a picture that are words, its width and height, how many lines more there are,
    which weren't read, and how many others that are read badly weren't tried upside down.
    """

    lines: list[TextLine]
    shape: tuple[int, int]
    left_out: int = 0
    untried: int = 0


def read_picture(picture: Picture, model: TextModel, *, every: bool, page: int = 0) -> PictureText:
    """The text in a picture; unless `every` picture is to be read, none where a glance sees none.

    Raises what `picture` raises.
    """
    if not every:
        glance = _within(picture(GLANCE * 3 // 4), GLANCE)
        if not model.may_hold_text(glance):
            return PictureText([], glance.size)
    whole = _within(picture(READ // 2), READ)
    boxes = _found(whole, model)
    chosen = _chosen(boxes)
    lines = []
    texts, untried = model.read(whole, boxes[chosen])
    for box, (text, score) in zip(boxes[chosen], texts, strict=True):
        if is_words(text := plain(text), score):
            shares = (box / whole.size).clip(0, 1).round(4).ravel().tolist()
            lines.append(TextLine(text, round(score, 3), tuple(shares), page))
    return PictureText(lines, whole.size, len(boxes) - len(chosen), untried)


def _found(whole: Image.Image, model: TextModel) -> Boxes:
    """The places of lines in a picture; with a closer look where they are small."""
    long = max(whole.size)
    boxes = _found_at(whole, model, min(LOOK, max(long, min(LEAST_LOOK, long * 3 // 2))))
    heights = _sides(boxes)[1] * min(1.0, LOOK / long)
    if long > LOOK and len(boxes) and np.median(heights) < SMALL:
        with _close:
            return _found_at(whole, model, min(CLOSE, long))
    return boxes


def _found_at(whole: Image.Image, model: TextModel, side: int) -> Boxes:
    scale = side / max(whole.size)
    width, height = (max(1, round(length * scale)) for length in whole.size)
    copy = whole if scale == 1 else whole.resize((width, height), Image.Resampling.BICUBIC)
    boxes = model.find(copy)
    found: Boxes = boxes * np.array([whole.width / width, whole.height / height], np.float32)
    return found


def _chosen(boxes: Boxes) -> NDArray[np.int64]:
    """Which boxes are read, in their order: the highest, as many as are read in some seconds."""
    widths, heights = _sides(boxes)
    long, short = np.maximum(widths, heights), np.minimum(widths, heights)
    order = np.argsort(-short, kind="stable")
    order = order[(short[order] >= 1) & (long[order] <= MOST_RATIO * short[order])]
    lengths = np.cumsum(long[order] / short[order] * HEIGHT)
    return np.sort(order[lengths <= MOST_WIDTH][:MOST_LINES])


def _sides(boxes: Boxes) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The widths and the heights of boxes."""
    return (
        np.linalg.norm(boxes[:, 1] - boxes[:, 0], axis=1),
        np.linalg.norm(boxes[:, 3] - boxes[:, 0], axis=1),
    )


def _within(picture: Image.Image, side: int) -> Image.Image:
    """A picture of at most `side` pixels along its long side."""
    if max(picture.size) <= side:
        return picture
    copy = picture.copy()
    copy.thumbnail((side, side), Image.Resampling.BICUBIC)
    return copy
