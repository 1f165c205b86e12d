"""Stores of as many photographs as are wanted, with the vectors of `worlds` and made-up files."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

from cmsearch.media import phash
from cmsearch.store.catalog import schema, sqlite_words
from cmsearch.store.catalog.rows import NewItem, asset_row
from cmsearch.store.store import DIRECTORY, Store
from cmsearch.types import Asset, Capture, Encoding, FloatArray, Modality, Part, Space
from scripts.bench.worlds import World

_FIRST_DAY = datetime(2020, 1, 1, 12)
_CAMERAS = ("Canon EOS R5", "NIKON Z 6", "iPhone 15", "Pixel 8")


WORLDS = Space("bench", "worlds", "0", "made up", 512)


def fill(folder: Path, count: int, space: Space = WORLDS) -> None:
    """A store of a folder, that isn't published yet."""
    folder.mkdir(parents=True, exist_ok=True)
    world = World(space.dim)
    with Store(folder / DIRECTORY, folder) as store:
        with store.catalog.writing() as writer:
            own = writer.put_space(space, "numpy")
            writer.put_bank(own, world.texts(300, 3))
        (made,) = store.catalog.generations()
        with store.catalog.writing() as writer:
            writer.serve(made.id)
        with store.catalog.connected() as connection:
            done = 0
            for page in world.photos(count):
                _add(connection, own, done, page)
                connection.commit()
                done += len(page)
            sqlite_words.make(connection)
            connection.commit()


def path_of(number: int, prefix: str = "") -> str:
    """A hundred photographs are of one folder, as of one trip."""
    return f"{2020 + number // 100 % 5}/trip {number // 100}/{prefix}IMG_{number:07}.jpg"


def asset_of(number: int, prefix: str = "") -> Asset:
    taken = _FIRST_DAY + timedelta(minutes=3 * (number % 10**6))
    trip = number // 100
    place = (35 + trip * 7 % 250 / 10, trip * 13 % 400 / 10) if trip % 2 else (None, None)
    capture = Capture(taken, _CAMERAS[trip % 4], *place)
    return Asset(path_of(number, prefix), "image", 1_000, 2, f"{number:064x}", capture=capture)


def photo_of(vector: FloatArray, number: int) -> NewItem:
    """What the writer is given of one more photograph."""
    return NewItem(Part(Modality.IMAGE, "photo", None), None, f"{number}", Encoding(vector[None]))


def _add(connection: sa.Connection, space: int, start: int, vectors: FloatArray) -> None:
    for name, rows in _tables(space, start, vectors):
        connection.execute(sa.insert(schema.meta.tables[name]), rows)


def _tables(
    space: int, start: int, vectors: FloatArray
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    numbers = range(start, start + len(vectors))
    random = np.random.default_rng(start)
    hashes = random.integers(-100, 100, (len(vectors), phash.BYTES)).astype(np.int8)
    yield "assets", [{"id": one + 1, **asset_row(asset_of(one))} for one in numbers]
    yield (
        "items",
        [
            {
                "id": one + 1, "asset": one + 1, "modality": "image", "kind": "photo",
                "text": None, "about": None, "locator": "", "digest": f"{one:064x}",
                "phash": hashes[one - start].tobytes(),
            }
            for one in numbers
        ],
    )  # fmt: skip
    halves = vectors.astype("<f2")
    yield (
        "embeddings",
        [
            {
                "item": one + 1, "space": space, "modality": "image", "part": 0,
                "vector": halves[one - start].tobytes(), "features": None, "tokens": None,
            }
            for one in numbers
        ],
    )  # fmt: skip
