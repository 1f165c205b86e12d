"""Marking lines of text in pictures."""

from __future__ import annotations

import numpy as np
from PIL import Image

from cmsearch.show.marks import marked
from cmsearch.types import TextLine


def test_an_outline_is_drawn_around_each_line() -> None:
    picture = Image.new("RGB", (200, 100), "grey")
    line = TextLine("words", 1.0, (0.25, 0.2, 0.75, 0.2, 0.75, 0.6, 0.25, 0.6))
    changed = np.asarray(marked(picture, [line])) != np.asarray(picture)
    assert changed[20, 100].any() and changed[60, 100].any() and changed[40, 50].any()
    assert not changed[40, 100].any() and not changed[5, 5].any()


def test_a_picture_without_lines_is_itself() -> None:
    picture = Image.new("L", (4, 4))
    assert marked(picture, []) is picture


def test_boxes_at_the_edges_and_pictures_of_a_pixel_are_drawn() -> None:
    line = TextLine("words", 1.0, (0, 0, 1, 0, 1, 1, 0, 1))
    assert marked(Image.new("L", (1, 1)), [line]).size == (1, 1)
