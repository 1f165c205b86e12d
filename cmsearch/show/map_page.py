"""The map of a collection: its pictures, laid out by likeness, as one self-contained HTML page."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from PIL import Image

from cmsearch.common.text import native, printable
from cmsearch.errors import MediaError, StoreError
from cmsearch.media.thumbnails import each, read, webp
from cmsearch.show.html_pages import data_uri, link, render
from cmsearch.show.map_labels import regions
from cmsearch.show.map_layout import WIDTH, Points, arrange
from cmsearch.store.catalog import embeddings, items, pairs, samples
from cmsearch.store.object_files import bring
from cmsearch.store.store import Store
from cmsearch.types import FloatArray

MOST = 50_000
"""Pictures on a page, if no other number is asked for."""
SIZES = ((400, 128, 480), (2000, 96, 240), (10_000, 64, 0), (20_000, 48, 0), (MOST, 32, 0))
"""Up to how many pictures, the pixels of their tiles, and of what is seen near; 0 is nothing more.

So that a page stays below 40 MB, and its decoded tiles below 256 MB of a browser's memory.
"""
LEAST = 24
_ATLAS = 2048  # pixels: any browser draws from pictures of that size
_CAPTIONS, _CAPTION = 3, 200
_QUALITY = 70

Report = Callable[[str, int, int], None]
"""Told what is being done, and how many steps of how many are."""


@dataclass(frozen=True, slots=True)
class Collection:
    """The n pictures of a map, in the order of their paths.

    `paths` are relative to `root`, `vectors (n, dim)`, and `total` pictures are in the store.
    """

    root: Path
    paths: list[str]
    vectors: FloatArray
    captions: list[list[str]]
    total: int
    items: list[int]
    """Their numbers."""


@dataclass(slots=True)
class _Tiles:
    """All tiles in a few large pictures, with their sizes, and what is seen near."""

    atlases: list[str] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    large: list[str] = field(default_factory=list)
    problems: dict[int, str] = field(default_factory=dict)


def gather(store: Store, limit: int = MOST) -> Collection:
    """The pictures of a store; of more than `limit` that many, spread by chance but always those.

    Raises `StoreError` if there is none.
    """
    catalog = store.catalog
    with catalog.reading():
        served = catalog.space()
        total = embeddings.photo_count(catalog, served[0]) if served else 0
        if served is None or not total:
            raise StoreError(f"No picture is indexed in {store.name}. Run `cmsearch index FOLDER`.")
        ids, vectors = samples.photos(catalog, served[0], served[1].dim, limit)
        photos = items.of_embeddings(catalog, ids.tolist())
        captions = pairs.captions_at(catalog, sorted({photo.path for photo in photos.values()}))
    rows = {photos[number].path: row for row, number in enumerate(ids.tolist()) if number in photos}
    paths = sorted(rows)
    for path in paths:
        store.absolute(path)  # raises for one that leaves the folder
    own = [captions.get(path, [])[:_CAPTIONS] for path in paths]
    numbers = {photo.path: photo.id for photo in photos.values()}
    chosen = vectors[[rows[path] for path in paths]]
    return Collection(store.root, paths, chosen, own, total, [numbers[path] for path in paths])


def chart(
    found: Collection,
    *,
    folder: Path,
    report: Report = lambda stage, done, total: None,
    addresses: Sequence[str] = (),
) -> str:
    """The map as one HTML page that loads nothing, for a place in `folder`; its links lead to the
    files, unless there are `addresses` of the pictures.

    The same collection gives the same page on the same machine. A picture that can't be read any
    more leaves an empty tile that says why. Raises `CmsearchError` without the extra `map`.
    """
    places, side = arrange(found.vectors, partial(report, "laying out"))
    tile, near = _sizes(len(found.paths))
    tiles = _tiles(found, tile, near, report)
    base = link(found.root, folder.resolve()) + "/"
    data = {
        "side": side,
        "width": WIDTH,
        "tile": tile,
        "columns": _ATLAS // tile,
        "atlases": tiles.atlases,
        "large": tiles.large,
        "places": _packed(places / WIDTH * 65_535, "<u2"),
        "sizes": _packed(np.array(tiles.sizes), "u1"),
        "paths": [printable(native(path)) for path in found.paths],
        "captions": [[printable(text)[:_CAPTION] for text in own] for own in found.captions],
        "base": base,
        "links": dict(enumerate(addresses)) or _odd_links(found.paths, base),
        "problems": tiles.problems,
        "regions": _regions(places, found),
    }
    title = f"Map of {printable(found.root.name) or 'pictures'}"
    return render("map", title=title, data=data, count=len(found.paths), total=found.total)


def _sizes(count: int) -> tuple[int, int]:
    return next(((tile, near) for most, tile, near in SIZES if count <= most), (LEAST, 0))


def _tiles(found: Collection, tile: int, near: int, report: Report) -> _Tiles:
    """Decode every picture once, a few at a time, and paste it into the atlas that it is for."""
    done, columns = _Tiles(), _ATLAS // tile
    total = len(found.paths)
    make = partial(_tile, tile=tile, near=near)
    atlas = _atlas(columns, tile, total)
    made = each(make, (found.root / native(path) for path in found.paths))
    for number, one in enumerate(made):
        place = number % columns**2
        if number and place == 0:
            done.atlases.append(data_uri(webp(atlas, _QUALITY)))
            atlas = _atlas(columns, tile, total - number)
        if isinstance(one, MediaError):
            done.problems[number] = printable(str(one))
            done.sizes.append((tile, tile))
            done.large += [""] * bool(near)
        else:
            atlas.paste(one[0], (place % columns * tile, place // columns * tile))
            done.sizes.append(one[0].size)
            done.large += [data_uri(one[1])] * bool(near)
        report("shrinking", number + 1, total)
    done.atlases.append(data_uri(webp(atlas, _QUALITY)))
    return done


def _tile(path: Path, *, tile: int, near: int) -> tuple[Image.Image, bytes]:
    """A picture within a square of `tile` pixels, and as a file within one of `near`."""
    bring(path)
    image = read(path, near or tile)
    data = webp(image) if near else b""
    image.thumbnail((tile, tile), Image.Resampling.LANCZOS)
    return image, data


def _atlas(columns: int, tile: int, count: int) -> Image.Image:
    """Empty, of the size that so many tiles need."""
    rows = min(columns, -(-count // columns))
    return Image.new("RGB", (min(columns, count) * tile, rows * tile))


def _packed(values: Any, kind: str) -> str:
    """Numbers, rounded, as base64 of their bytes in rows."""
    return base64.b64encode(np.round(values).astype(kind).tobytes()).decode()


def _odd_links(paths: list[str], base: str) -> dict[int, str]:
    """Addresses of the pictures whose names can't be told from what is shown of them."""
    named = enumerate(map(native, paths))
    return {
        number: base + quote(os.fsencode(name)) for number, name in named if printable(name) != name
    }


def _regions(places: Points, found: Collection) -> list[dict[str, Any]]:
    return [
        {"x": round(one.x, 4), "y": round(one.y, 4), "text": " · ".join(one.words)}
        for one in regions(places, found.captions)
    ]
