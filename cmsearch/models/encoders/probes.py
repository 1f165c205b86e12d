"""Made pictures and texts: to calibrate, compare and time exported models without any files."""

# Tested by tests/unit/cmsearch/models/encoders/test_quantised.py

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

Batch = tuple[NDArray[Any], ...]
"""The inputs of a graph, in order, with the axis of the batch."""
Batches = Mapping[str, Sequence[Batch]]
"""By the name of a graph what it is tried with."""
PICTURES = 48
SIZE = 4
"""Contents of a batch."""
_SIDE, _DISCS = 320, 25
TEXTS = (
    "a dog", "two children playing on a swing in a garden", "an old steam train in the snow",
    "red car", "a bowl of soup beside a slice of bread on a wooden table", "sunset over the sea",
    "a woman in a yellow coat waits for the bus", "skyscrapers at night, seen from above",
    "cats", "a man repairs the chain of his bicycle in front of a blue door", "mountain lake",
    "handwritten letter", "three horses behind a fence in the fog", "birthday cake with candles",
    "the harbour of a small town with fishing boats", "black and white portrait of a violinist",
)  # fmt: skip


def pictures(count: int) -> Iterator[Image]:
    """Pictures with the statistics of photographs, always the same.

    Their spectrum falls as one over the frequency, as that of natural scenes does (Field 1987), and
    discs of all sizes cover each other in front of it (dead leaves: Lee et al. 2001).
    """
    from PIL import Image as Pillow
    from PIL import ImageDraw

    random = np.random.default_rng(0)
    for _ in range(count):
        noise = np.stack([_pink(random) for _ in range(3)], -1)
        noise = noise @ (np.eye(3) + random.normal(0, 0.4, (3, 3)))
        pixels = 128 + 60 * noise / noise.std() + 30 * random.normal()
        picture = Pillow.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
        draw = ImageDraw.Draw(picture)
        for _ in range(_DISCS):
            x, y = (int(one) for one in random.integers(0, _SIDE, 2))
            radius = min(int(random.pareto(1.5) * 10) + 5, _SIDE)
            red, green, blue = (int(one) for one in random.integers(0, 256, 3))
            box = (x - radius, y - radius, x + radius, y + radius)
            draw.ellipse(box, fill=(red, green, blue))
        yield picture


def _pink(random: np.random.Generator) -> NDArray[np.float64]:
    """A square of noise whose spectrum falls as one over the frequency; mean 0, deviation 1."""
    squares = np.fft.fftfreq(_SIDE)[:, None] ** 2 + np.fft.fftfreq(_SIDE)[None] ** 2
    squares[0, 0] = 1
    white = np.fft.fft2(random.normal(size=(_SIDE, _SIDE)))
    pink = np.real(np.fft.ifft2(white / np.sqrt(squares)))
    return np.asarray((pink - pink.mean()) / pink.std())


def stacked(prepared: Sequence[Batch]) -> list[Batch]:
    """Prepared contents as batches of `SIZE`."""
    pages = [prepared[at : at + SIZE] for at in range(0, len(prepared), SIZE)]
    return [tuple(np.stack(column) for column in zip(*page, strict=True)) for page in pages]
