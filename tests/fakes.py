"""A small real encoder that needs no weights: words are hashed, pictures are their colours.

The words red, green and blue lie where those colours lie, so that words find pictures. Its model
`colours` has 8 dimensions; `shades` has one more, which is empty.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from cmsearch.errors import StoreMismatchError
from cmsearch.text import pieces
from cmsearch.types import Capabilities, Encoding, FloatArray, Modality, Role, Space

DIM = 8
MAX_WORDS = 12
CELLS = 3
COLOURS = {"red": 0, "green": 1, "blue": 2}
SPACE = Space("fake", "colours", "0", "hashed words, mean colours of 3x3 cells", DIM)


class FakeEncoder:
    """Text and images in 8 dimensions, with a token for each word, or for each of 9 cells."""

    def __init__(self, space: Space = SPACE) -> None:
        self.space = space

    capabilities = Capabilities(
        frozenset({Modality.TEXT, Modality.IMAGE}), image_size=16, batch_size=4, runtime="numpy"
    )

    def split(self, text: str) -> list[str]:
        return pieces(text, lambda piece: len(piece.split()) <= MAX_WORDS)

    def prepare(self, content: Any, modality: Modality) -> FloatArray:
        return _words(content) if modality is Modality.TEXT else _cells(content)

    def encode(self, batch: Sequence[FloatArray], modality: Modality, role: Role) -> Encoding:
        longest = max(len(tokens) for tokens in batch)
        padded = np.zeros((len(batch), longest, DIM), np.float32)
        weights = np.zeros((len(batch), longest), np.float32)
        for row, tokens in enumerate(batch):
            padded[row, : len(tokens)] = tokens
            weights[row, : len(tokens)] = 1
        features = padded.reshape(len(batch), -1) if modality is Modality.IMAGE else None
        vectors = np.pad(_unit(padded.sum(1)), ((0, 0), (0, self.space.dim - DIM)))
        tokens = np.pad(padded, ((0, 0), (0, 0), (0, self.space.dim - DIM)))
        return Encoding(vectors, tokens, weights, features)

    def words(self, batch: Sequence[FloatArray], role: Role) -> list[list[str]]:
        """The colour of each word, or its axis."""
        names = {axis: colour for colour, axis in COLOURS.items()}
        axes = [tokens.argmax(1).tolist() for tokens in batch]
        return [[names.get(axis, f"axis {axis}") for axis in row] for row in axes]

    def crop(self) -> None:
        """The cells cover the whole picture."""


def load(
    model: str, *, device: str | None = None, space: Space | None = None, download: bool = False
) -> FakeEncoder:
    """What a row `fake` of the registry names; its models are `colours` and `shades`."""
    own = SPACE if model == "colours" else replace(SPACE, model="shades", dim=DIM + 1)
    if space not in (None, own):
        raise StoreMismatchError(f"The store was made with {space}, not with {own}.")
    return FakeEncoder(own)


def _words(text: str) -> FloatArray:
    """One axis for each word `(t, 8)`: its colour's, or one of the other five by its hash."""
    words = re.findall(r"\w+", text.lower()) or [""]
    hashes = [zlib.crc32(word.encode("utf-8", "surrogatepass")) for word in words]
    axes = [
        COLOURS.get(word, len(COLOURS) + value % (DIM - len(COLOURS)))
        for word, value in zip(words, hashes, strict=True)
    ]
    return np.eye(DIM, dtype=np.float32)[axes]


def _cells(image: Any) -> FloatArray:
    """The direction of the mean colour of each cell `(9, 8)`."""
    from PIL.Image import Resampling

    means = np.asarray(image.resize((CELLS, CELLS), Resampling.BOX), np.float32).reshape(-1, 3)
    return _unit(np.pad(means, ((0, 0), (0, DIM - 3))))


def _unit(rows: FloatArray) -> FloatArray:
    """Rows of length 1; black, which has no direction, is the last axis."""
    norms = np.linalg.norm(rows, axis=-1, keepdims=True)
    black = np.eye(DIM, dtype=np.float32)[-1]
    unit: FloatArray = np.where(norms > 0, rows / np.maximum(norms, 1e-12), black)
    return unit
