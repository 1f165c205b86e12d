"""Small real encoders that need no weights: words are hashed, pictures are their colours.

The words red, green and blue lie where those colours lie, so that words find pictures. The model
`colours` has 8 dimensions; `shades` has one more, which is empty. Of `tones`, which is for sound
and has 8 too, low, high and noise are the words that lie where such sounds do.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from cmsearch.common.text import pieces
from cmsearch.errors import StoreMismatchError
from cmsearch.types import Capabilities, Encoding, FloatArray, Modality, Role, Space

DIM = 8
MAX_WORDS = 12
CELLS = 3
COLOURS = {"red": 0, "green": 1, "blue": 2}
SPACE = Space("fake", "colours", "0", "hashed words, mean colours of 3x3 cells", DIM)
SOUNDS = {"low": 0, "high": 1, "noise": 2}
SOUND_SPACE = Space("fake", "tones", "0", "hashed words, shares of the spectrum", DIM)


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


class FakeSoundEncoder:
    """Text and sound in 8 dimensions, of sounds of at most two seconds."""

    space = SOUND_SPACE
    capabilities = Capabilities(
        frozenset({Modality.TEXT, Modality.SOUND}),
        image_size=0,
        rate=8_000,
        seconds=2.0,
        batch_size=3,
        runtime="numpy",
    )

    def split(self, text: str) -> list[str]:
        return pieces(text, lambda piece: len(piece.split()) <= MAX_WORDS)

    def prepare(self, content: Any, modality: Modality) -> FloatArray:
        if modality is Modality.TEXT:
            return _unit(_words(content, SOUNDS).sum(0, keepdims=True))[0]
        assert modality is Modality.SOUND and 0 < len(content) <= 16_000
        return _spectrum(content)

    def encode(self, batch: Sequence[FloatArray], modality: Modality, role: Role) -> Encoding:
        return Encoding(np.stack(batch))


def load(
    model: str, *, device: str | None = None, space: Space | None = None, download: bool = False
) -> FakeEncoder | FakeSoundEncoder:
    """What a row `fake` of the registry names; its models are `colours`, `shades` and `tones`."""
    if model == "tones":
        if space not in (None, SOUND_SPACE):
            raise StoreMismatchError(f"The sounds are in {space}, not in {SOUND_SPACE}.")
        return FakeSoundEncoder()
    own = SPACE if model == "colours" else replace(SPACE, model="shades", dim=DIM + 1)
    if space not in (None, own):
        raise StoreMismatchError(f"The store was made with {space}, not with {own}.")
    return FakeEncoder(own)


def _words(text: str, known: Mapping[str, int] = COLOURS) -> FloatArray:
    """One axis for each word `(t, 8)`: its own if it is known, or one of the other five by hash."""
    words = re.findall(r"\w+", text.lower()) or [""]
    hashes = [zlib.crc32(word.encode("utf-8", "surrogatepass")) for word in words]
    axes = [
        known.get(word, len(known) + value % (DIM - len(known)))
        for word, value in zip(words, hashes, strict=True)
    ]
    return np.eye(DIM, dtype=np.float32)[axes]


def _spectrum(samples: FloatArray) -> FloatArray:
    """How much of a sound is a tone below 1,000 Hz, one above, and no tone at all `(8,)`."""
    power = np.abs(np.fft.rfft(samples)) ** 2 + 1e-12
    low = power[np.fft.rfftfreq(len(samples), 1 / 8_000) < 1_000].sum() / power.sum()
    flatness = float(np.exp(np.log(power).mean()) / power.mean())
    tone = max(0.0, 1 - 4 * flatness)
    found = np.zeros(DIM, np.float32)
    found[:3] = low * tone, (1 - low) * tone, 1 - tone
    return _unit(found[None])[0]


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
