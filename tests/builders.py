"""Short ways to fill a catalog and a folder."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.catalog.rows import NewItem
from cmsearch.types import Asset, Capture, Encoding, Modality, Part, Space

OPENING: dict[str, Callable[[Path], Catalog]] = {"open": Catalog}
"""What opens the catalog of a test: those of a contract say where it is instead."""


def opened(path: Path) -> Catalog:
    """The catalog at a path, made where there is none."""
    return OPENING["open"](path)


BEFORE_MARKS = (
    "DROP TABLE marks",
    "DROP INDEX notes_by_subject",
    "DROP INDEX notes_by_value",
    "CREATE INDEX notes_by_subject ON notes (about, kind)",
    "CREATE INDEX notes_by_value ON notes (kind, folded, about)",
)
"""What makes a catalog one of before there were marks."""
BEFORE_NOTES = (
    *BEFORE_MARKS,
    "DROP TABLE notes",
    "ALTER TABLE assets DROP COLUMN taken_source",
    "ALTER TABLE assets DROP COLUMN taken_more",
)
"""What makes a catalog one of before there were notes."""
SHOT = Capture(datetime(2020, 2, 2, 20, 20), "Canon EOS R5", 48.5, -2.25)


def space(dim: int) -> Space:
    return Space("fake", "colours", "0", "made for a test", dim)


def asset(path: str, kind: str = "image", **changes: Any) -> Asset:
    return replace(Asset(path, kind, size=1, mtime_ns=2, digest=path, capture=SHOT), **changes)


def photo(vectors: Any, digest: str = "photo") -> NewItem:
    """A photo with one embedding for each row."""
    part = Part(Modality.IMAGE, "photo", None)
    return NewItem(part, None, digest, Encoding(np.atleast_2d(vectors).astype(np.float32)))


def page(vectors: Any, number: int) -> NewItem:
    """A page of a document, as a picture."""
    part = Part(Modality.IMAGE, "page", None, locator=f"p{number}")
    encoding = Encoding(np.atleast_2d(vectors).astype(np.float32))
    return NewItem(part, None, f"page {number}", encoding)


def caption(text: str, vectors: Any, about: str, locator: str = "1") -> NewItem:
    part = Part(Modality.TEXT, "caption", text, about, locator)
    digest = hashlib.sha256(f"{about}\0{text}".encode()).hexdigest()
    return NewItem(part, about, digest, Encoding(np.atleast_2d(vectors).astype(np.float32)))


def serve(catalog: Catalog, dim: int, served: Space | None = None) -> int:
    """Let the catalog serve a space, if none is given one of `dim`; returns the space's number."""
    with catalog.writing() as writer:
        number = writer.put_space(served or space(dim), "numpy")
    (made,) = (one for one in catalog.generations() if one.space_id == number)
    with catalog.writing() as writer:
        writer.serve(made.id)
    return number


def put(catalog: Catalog, number: int, path: str, *items: NewItem, kind: str = "image") -> int:
    """Write a file with its items in one transaction; returns the asset's number."""
    with catalog.writing() as writer:
        asset_number = writer.put_asset(asset(path, kind))
        for item in items:
            writer.add_item(asset_number, number, item)
    return asset_number


def remove(catalog: Catalog, *paths: str, snapshot: int = 0) -> None:
    with catalog.writing() as writer:
        for path in paths:
            writer.remove_asset(path, snapshot)


def write_files(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files by their relative paths, in UTF-8; returns the folder."""
    for path, content in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def write_picture(path: Path, colour: str = "red", size: tuple[int, int] = (8, 8)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    return path


def scene(seed: int, size: tuple[int, int] = (320, 240)) -> Image.Image:
    """A picture with as much in it as a photograph has: ellipses by chance on a sloping sky."""
    random = np.random.default_rng(seed)
    width, height = size
    slope = np.linspace(random.integers(60, 250), random.integers(0, 190), height)
    image = Image.fromarray(np.repeat(slope[:, None], width, 1).astype(np.uint8)).convert("RGB")
    draw = ImageDraw.Draw(image)
    for _ in range(40):
        x, y = random.integers(0, width), random.integers(0, height)
        across, down = random.integers(width // 40, width // 5, 2) * (1, height / width)
        colour = tuple(int(value) for value in random.integers(0, 256, 3))
        draw.ellipse((x - across, y - down, x + across, y + down), colour)
    return image


def write_scene(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    scene(seed).save(path)
    return path


def flip_byte(path: Path, at: int = -1) -> None:
    """Damage a file as a failing disk does: one byte, the length unchanged."""
    data = bytearray(path.read_bytes())
    data[at] ^= 0xFF
    path.write_bytes(data)
