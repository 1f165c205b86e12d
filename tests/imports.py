"""Vectors as other programs write them, of small pictures that the fake model encodes."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from cmsearch.types import FloatArray, Modality, Role
from tests.builders import write_files, write_picture
from tests.fakes import FakeEncoder

COLOURS = ("red", "green", "blue", "yellow", "purple", "orange", "cyan", "white")


def write_pictures(folder: Path, count: int) -> list[str]:
    """Small pictures, each with a caption beside it; returns their paths from the folder."""
    found = []
    for number in range(count):
        name = f"{number % 3}/picture {number}.png"
        write_picture(folder / name, COLOURS[number % 8], (8 + number, 9))
        write_files(folder, {f"{name[:-4]}.txt": f"{caption(number)}\n"})
        found.append(name)
    return found


def caption(number: int) -> str:
    return f"a {COLOURS[number % 8]} thing of number {number}"


def pictures(folder: Path, names: Sequence[str]) -> FloatArray:
    """What the fake model makes of pictures `(n, 8)`."""
    from PIL import Image

    encoder, found = FakeEncoder(), []
    for name in names:
        with Image.open(folder / name) as image:
            prepared = encoder.prepare(image.convert("RGB"), Modality.IMAGE)
        found.append(encoder.encode([prepared], Modality.IMAGE, Role.DOCUMENT).vectors[0])
    return np.stack(found)


def texts(written: Sequence[str]) -> FloatArray:
    """What it makes of texts."""
    encoder = FakeEncoder()
    prepared = [encoder.prepare(text, Modality.TEXT) for text in written]
    return encoder.encode(prepared, Modality.TEXT, Role.DOCUMENT).vectors


def write_clip_retrieval(place: Path, folder: Path, names: Sequence[str], parts: int = 2) -> Path:
    """What clip-retrieval writes of a folder that it was given as `pics`: float16, some partitions
    whose numbers have leading zeros, and a column that nobody asked for.
    """
    import pyarrow as pa
    from pyarrow import parquet

    for name in ("img_emb", "text_emb", "metadata"):
        (place / name).mkdir(parents=True)
    for part in range(parts):
        own = [(number, name) for number, name in enumerate(names) if number % parts == part]
        said = [caption(number) for number, _ in own]
        vectors = pictures(folder, [name for _, name in own])
        np.save(place / "img_emb" / f"img_emb_{part:02}.npy", vectors.astype(np.float16))
        np.save(place / "text_emb" / f"text_emb_{part:02}.npy", texts(said).astype(np.float16))
        columns = {
            "image_path": [f"pics/{name}" for _, name in own],
            "caption": said,
            "width": [8] * len(own),
        }
        parquet.write_table(pa.table(columns), place / "metadata" / f"metadata_{part:02}.parquet")
    return place


def write_rclip(path: Path, folder: Path, names: Sequence[str], version: int = 2) -> Path:
    """A database as rclip's `db.py` makes it, with one picture that it found deleted."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as made:
        made.executescript(
            """
            CREATE TABLE images (id INTEGER PRIMARY KEY, deleted BOOLEAN, filepath TEXT NOT NULL
                UNIQUE, modified_at DATETIME NOT NULL, size INTEGER NOT NULL, vector BLOB NOT NULL);
            CREATE UNIQUE INDEX existing_images ON images(filepath) WHERE deleted IS NULL;
            CREATE TABLE db_version (version INTEGER);
            ALTER TABLE images ADD COLUMN indexing BOOLEAN;
            """
        )
        made.execute("INSERT INTO db_version VALUES (?)", (version,))
        for name, vector in zip(names, pictures(folder, names), strict=True):
            place, status = (folder / name).absolute(), (folder / name).stat()
            row: list[Any] = [None, str(place), status.st_mtime, status.st_size]
            made.execute(_INSERT, [*row, vector.astype("<f4").tobytes()])
        made.execute(_INSERT, [1, str(folder / "deleted.png"), 0.5, 1, b"\0" * 32])
        made.commit()
    return path


_INSERT = "INSERT INTO images (deleted, filepath, modified_at, size, vector) VALUES (?, ?, ?, ?, ?)"


def write_arrays(place: Path, vectors: FloatArray, names: Sequence[str], suffix: str) -> Path:
    """An array with its paths beside it, as text, JSON lines or Parquet; returns the array."""
    place.mkdir(parents=True, exist_ok=True)
    np.save(place / "vectors.npy", vectors)
    table = place / f"paths{suffix}"
    if suffix == ".txt":
        table.write_bytes(b"".join(name.encode() + b"\n" for name in names))
    elif suffix == ".jsonl":
        table.write_text("".join(json.dumps({"path": name}) + "\n" for name in names))
    else:
        import pyarrow as pa
        from pyarrow import parquet

        parquet.write_table(pa.table({"path": list(names)}), table)
    return place / "vectors.npy"


def write_parquet(path: Path, vectors: FloatArray, names: Sequence[str]) -> Path:
    """One table with paths and vectors."""
    import pyarrow as pa
    from pyarrow import parquet

    rows = pa.array(list(vectors), pa.list_(pa.from_numpy_dtype(vectors.dtype)))
    parquet.write_table(pa.table({"filepath": list(names), "embedding": rows}), path)
    return path
