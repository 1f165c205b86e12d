"""The route that tells how large pictures are, and what they look like from afar, so that a list of
them can be laid out before they come.
"""

# Tested by tests/e2e/server/test_sizes.py

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from cmsearch.errors import CmsearchError
from cmsearch.media import phash
from cmsearch.media.headers import read_size
from cmsearch.server import context
from cmsearch.server.located import Folder
from cmsearch.server.requests import Number
from cmsearch.server.stores import Served
from cmsearch.store.catalog import hashes, items
from cmsearch.types import Item

router = APIRouter(prefix="/v1", tags=["items"])
MOST = 1000
"""Items of one request."""
FREQUENCIES = 6
"""In each direction, of a preview: what a picture looks like behind frosted glass."""
Shapes = Annotated[
    bool, Query(description="Whether `sizes` and `previews` are told too, as by `/v1/sizes`.")
]
_KEPT = 50_000
"""Pictures whose size is remembered, as long as their files stay as they are."""


class SizesBody(BaseModel):
    """The items whose pictures are meant."""

    model_config = ConfigDict(extra="forbid")
    store: str | None = Field(None, max_length=255)
    items: list[Number] = Field(max_length=MOST, examples=[[1, 2]])


class Sizes(BaseModel):
    """The width and the height of each item's upright picture in pixels, in the order asked for."""

    sizes: list[Annotated[list[int], Field(min_length=2, max_length=2)] | None] = Field(
        examples=[[[640, 480], None]]
    )
    previews: list[str | None] = Field(
        examples=[["AH8Q+A==", None]],
        description="Of each its lowest frequencies, as docs/store.md has them of perceptual "
        f"hashes: {FREQUENCIES} × {FREQUENCIES} int8 values in base64.",
    )


@router.post("/sizes", summary="How large pictures are, and how they look", response_model=Sizes)
async def sizes(request: Request, body: SizesBody) -> dict[str, Any]:
    """Widths and heights in pixels, upright; null for what has no picture, and where it isn't known
    without decoding it, as of frames of films. What they look like comes from the index.
    """
    own = context.of(request)
    served = own.stores.get(body.store)

    return await own.work.run(request, lambda _: shapes_of(served, body.items))


def shapes_of(served: Served, numbers: Sequence[int]) -> dict[str, Any]:
    """The `sizes` and the `previews` of items, in JSON's types."""
    catalog, folder = served.engine.store.catalog, Folder(served)
    known, seen = items.numbered(catalog, numbers), hashes.of_items(catalog, numbers)
    return {
        "sizes": [_size(folder, known[one]) if one in known else None for one in numbers],
        "previews": [_preview(seen.get(one, b"")) for one in numbers],
    }


def _size(folder: Folder, item: Item) -> tuple[int, int] | None:
    try:
        place = folder.picture_of(item)
        if place.locator:
            return None
        about = place.path.stat()
    except (CmsearchError, OSError):
        return None
    return _known(place.path, about.st_mtime_ns, about.st_size)


@lru_cache(_KEPT)
def _known(path: Path, changed: int, size: int) -> tuple[int, int] | None:
    """The size of a file's picture; the file is another one when it was changed."""
    return read_size(path)


def _preview(found: bytes) -> str | None:
    return b64encode(lowest(found)).decode() if found else None


def lowest(found: bytes) -> bytes:
    """The lowest frequencies of a perceptual hash; zeros of an empty one."""
    if len(found) != phash.BYTES:
        return bytes(FREQUENCIES**2)
    rows = np.frombuffer(found, np.uint8).reshape(phash.SIZE, phash.SIZE)
    return rows[:FREQUENCIES, :FREQUENCIES].tobytes()
