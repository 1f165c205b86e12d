"""Which lines that were read are words, and which of them belong together."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cmsearch.types import FloatArray, TextLine

LEAST = {2: 0.95, 3: 0.85}
"""By how few letters and digits a line has the score that it needs: what isn't text is read as one
or two of them, rarely with a high score. One alone is no word.
"""
LEAST_SURE = 0.7
"""The score that longer lines need."""
WRITTEN = 0.6
"""The share of letters and digits among a line's characters, at least."""
NEAR = 1.0
"""In heights of a line, how far the next one of its block is below it."""
BESIDE = 1.5
"""The same to its side."""
ALIKE = 2.0
"""How many times as high as another a line of its block is at most."""


def plain(text: str) -> str:
    """A text in one form of Unicode, without control characters and with single blanks."""
    text = unicodedata.normalize("NFKC", text)
    text = "".join(" " if char.isspace() else char for char in text)
    kept = (char for char in text if not unicodedata.category(char).startswith("C"))
    return " ".join("".join(kept).split())


def is_words(text: str, score: float) -> bool:
    """Whether a `plain` text that was read with this score can be words."""
    solid = text.replace(" ", "")
    letters = sum(map(str.isalnum, solid))
    if letters < min(LEAST) or letters < WRITTEN * len(solid) or len(set(solid)) == 1:
        return False
    return score >= LEAST.get(letters, LEAST_SURE)


def blocks(lines: Sequence[TextLine], shape: tuple[int, int]) -> list[list[TextLine]]:
    """The lines of a picture of this width and height in blocks, such as the lines of one sign,
    each in the order in which it is read.
    """
    if not lines:
        return []
    corners = np.array([line.box for line in lines], np.float64).reshape(-1, 4, 2) * shape
    groups = _joined(_neighbours(corners))
    found = [_in_order(np.flatnonzero(groups == one), corners) for one in np.unique(groups)]
    found.sort(key=lambda rows: (corners[rows[0], 0, 1], corners[rows[0], 0, 0]))
    return [[lines[row] for row in rows] for rows in found]


def _neighbours(corners: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of n lines `(n, n)` stand next to each other, of about the same height."""
    heights = _heights(corners)
    low, high = corners.min(1), corners.max(1)
    gaps = np.maximum(low[:, None], low) - np.minimum(high[:, None], high)
    least = np.minimum(heights[:, None], heights)
    alike = np.maximum(heights[:, None], heights) <= ALIKE * least
    below = (gaps[..., 0] < 0) & (gaps[..., 1] < NEAR * least)
    beside = (gaps[..., 1] < 0) & (gaps[..., 0] < BESIDE * least)
    near: NDArray[np.bool_] = alike & (below | beside)
    return near


def _heights(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    sides = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2)
    heights: NDArray[np.float64] = np.maximum((sides[:, 0] + sides[:, 2]) / 2, 1e-6)
    return heights


def _joined(near: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The group of each line: those that are near each other, and what is near to these."""
    groups = np.arange(len(near))
    while True:
        least = np.where(near, groups, len(near)).min(1)
        least = np.minimum(least, groups)
        if (least == groups).all():
            return groups
        groups = least


def _in_order(rows: NDArray[np.int64], corners: NDArray[np.float64]) -> list[int]:
    """The lines of a block from its first row to its last, each from its beginning."""
    own = corners[rows]
    along: FloatArray = (own[:, 1] - own[:, 0]).sum(0)
    along = along / max(float(np.linalg.norm(along)), 1e-6)
    middles = own.mean(1)
    across = middles @ np.array([-along[1], along[0]])
    height = float(np.median(_heights(own)))
    order = np.argsort(across, kind="stable")
    steps = np.diff(across[order], prepend=across[order[0]]) > height / 2
    place = np.empty(len(rows), np.int64)
    place[order] = np.cumsum(steps)
    return [int(row) for row in rows[np.lexsort((middles @ along, place))]]
