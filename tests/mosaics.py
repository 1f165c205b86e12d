"""Pictures of nine coloured cells, which are the tokens that the fake encoder gives them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

COLOURS = {
    "r": (255, 0, 0), "g": (0, 255, 0), "b": (0, 0, 255), "y": (255, 255, 0), "k": (0, 0, 0),
    "w": (255, 255, 255),
}  # fmt: skip


def mosaic(cells: str) -> Image.Image:
    """Three rows of three cells, each the letter of a colour; 12 x 12 pixels."""
    pixels = np.array([COLOURS[cell] for cell in cells], np.uint8).reshape(3, 3, 3)
    return Image.fromarray(pixels.repeat(4, axis=0).repeat(4, axis=1))


def write_mosaics(folder: Path, pictures: Mapping[str, str]) -> None:
    for name, cells in pictures.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        mosaic(cells).save(path)


def chance(count: int, colours: str = "rgby") -> dict[str, str]:
    """That many mosaics by their paths, the same ones each time."""
    random = np.random.default_rng(5)
    return {
        f"chance/{number:02}.png": "".join(random.choice(list(colours), 9))
        for number in range(count)
    }
