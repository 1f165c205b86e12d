"""Pictures that their tokens tell apart and their vectors don't: where what they show is."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.builders import write_files
from tests.mosaics import write_mosaics

ROWS, COLUMNS = ("above", "amid", "low"), ("last", "mid")
"""Words that the fake encoder puts on five axes of their own."""


def write_spots(folder: Path, count: int = 60, *, shuffled: bool = False) -> Path:
    """Pictures of nine cells of which one is red, and the others are green, blue or black.

    The caption says in which of six places the red one is; no two are the same text, though of the
    same words. Shuffled, each picture has the caption of another.
    """
    random = np.random.default_rng(0)
    places = [number % 6 for number in range(count)]
    pictures = {}
    for number, place in enumerate(places):
        row, column = divmod(place, 2)
        cells = random.choice(list("gbk"), 8).tolist()
        cells.insert(3 * row + 2 * column, "r")
        pictures[f"{number:03}.png"] = "".join(cells)
    write_mosaics(folder, pictures)
    told = random.permutation(places).tolist() if shuffled else places
    texts = [f"red {ROWS[one // 2]} {COLUMNS[one % 2]}" for one in told]
    write_files(
        folder, {f"{number:03}.txt": f"{text}{'!' * number}" for number, text in enumerate(texts)}
    )
    return folder
