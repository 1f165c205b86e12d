"""The route that tells how large pictures are, so that a list of them can be laid out before."""

# Tested by tests/e2e/server/test_sizes.py

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from cmsearch.errors import CmsearchError
from cmsearch.media.headers import read_size
from cmsearch.server import context
from cmsearch.server.located import picture_of
from cmsearch.server.stores import Served
from cmsearch.store.catalog import items
from cmsearch.types import Item

router = APIRouter(prefix="/v1", tags=["items"])
MOST = 1000
"""Items of one request."""
_KEPT = 50_000
"""Pictures whose size is remembered, as long as their files stay as they are."""


class SizesBody(BaseModel):
    """The items whose pictures are meant."""

    model_config = ConfigDict(extra="forbid")
    store: str | None = Field(None, max_length=255)
    items: list[int] = Field(max_length=MOST, examples=[[1, 2]])


class Sizes(BaseModel):
    """The width and the height of each item's upright picture in pixels, in the order asked for."""

    sizes: list[Annotated[list[int], Field(min_length=2, max_length=2)] | None] = Field(
        examples=[[[640, 480], None]]
    )


@router.post("/sizes", summary="How large the pictures of items are", response_model=Sizes)
async def sizes(request: Request, body: SizesBody) -> dict[str, Any]:
    """Widths and heights in pixels, upright; null for what has no picture, and where it isn't known
    without decoding it, as of frames of films.
    """
    own = context.of(request)
    served = own.stores.get(body.store)

    def found(_: Any) -> list[tuple[int, int] | None]:
        known = items.numbered(served.engine.store.catalog, body.items)
        return [_size(served, known[one]) if one in known else None for one in body.items]

    return {"sizes": await own.work.run(request, found)}


def _size(served: Served, item: Item) -> tuple[int, int] | None:
    try:
        place = picture_of(served, item)
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
