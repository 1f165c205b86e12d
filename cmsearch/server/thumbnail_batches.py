"""The route that gives many small pictures in one answer, each as soon as it is there."""

# Tested by tests/e2e/server/test_thumbnail_batches.py

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from cmsearch.errors import CmsearchError, QueryError
from cmsearch.server import context
from cmsearch.server.context import Context
from cmsearch.server.errors import BusyError, LateError, LeftError
from cmsearch.server.items import SIZES, Store
from cmsearch.server.located import Folder
from cmsearch.server.requests import NUMBERS
from cmsearch.server.stores import Served
from cmsearch.server.thumbnails import Thumbnails, key_of
from cmsearch.store.catalog import items as catalog_items
from cmsearch.store.object_files import begin, bring, is_let
from cmsearch.types import Item, Place

router = APIRouter(prefix="/v1", tags=["items"])
MOST = 100
"""Pictures of one answer."""
TYPE = "application/vnd.cmsearch.thumbnails"
_HEAD = struct.Struct(">II")


class _Found(NamedTuple):
    """Where a picture is, and its thumbnail if that is kept and the picture is here."""

    place: Place
    data: bytes | None


@router.get(
    "/thumbnails",
    summary="The pictures of several items, small",
    response_class=StreamingResponse,
    responses={200: {"content": {TYPE: {"schema": {"type": "string", "format": "binary"}}}}},
)
async def several(
    request: Request,
    items: Annotated[str, Query(pattern=NUMBERS, max_length=19 * MOST, examples=["12,30"])],
    store: Store = None,
    size: Annotated[int, Query(ge=16, le=SIZES[-1])] = 320,
) -> StreamingResponse:
    """WebP pictures as `thumbnail` gives them, those that are kept first: of each its place in
    `items` from 0, and its length in bytes, as big-endian numbers of 32 bits, and then its bytes.
    What has no picture has the length 0. Where the service is busy, the last ones are missing.
    """
    own = context.of(request)
    served = own.stores.get(store)
    numbers = [int(one) for one in items.split(",")]
    if len(numbers) > MOST:
        raise QueryError(f"At most {MOST} pictures are given at once.")
    served.check_trusted()
    pixels = next(one for one in SIZES if one >= size)
    found = await run_in_threadpool(_found, served, numbers, pixels, own.thumbnails)
    headers = {"Cache-Control": "private, no-store"}
    return StreamingResponse(_frames(request, own, found, pixels), media_type=TYPE, headers=headers)


def _found(
    served: Served, numbers: Sequence[int], pixels: int, thumbnails: Thumbnails
) -> list[_Found | None]:
    known, folder = catalog_items.numbered(served.engine.store.catalog, numbers), Folder(served)
    return [
        None if number not in known else _one(folder, known[number], pixels, thumbnails)
        for number in numbers
    ]


def _one(folder: Folder, item: Item, pixels: int, thumbnails: Thumbnails) -> _Found | None:
    try:
        place = folder.picture_of(item)
        if is_let(place.path):
            begin(place.path)  # the first is there while the others come
            return _Found(place, None)
        return _Found(place, thumbnails.get(key_of(place, pixels)))
    except CmsearchError:
        return None


async def _frames(
    request: Request, own: Context, found: Sequence[_Found | None], pixels: int
) -> AsyncIterator[bytes]:
    """What is known first, as one piece, and then each that is made, as a piece of its own."""
    told = ((number, b"" if one is None else one.data) for number, one in enumerate(found))
    yield b"".join(_frame(number, data) for number, data in told if data is not None)
    for number, one in enumerate(found):
        if one is None or one.data is not None:
            continue
        try:
            made = await own.work.run(request, _making(own.thumbnails, one.place, pixels))
        except (BusyError, LateError, LeftError):
            return
        except CmsearchError:
            made = b""
        yield _frame(number, made)


def _making(thumbnails: Thumbnails, place: Place, pixels: int) -> Callable[[object], bytes]:
    def made(_: object) -> bytes:
        bring(place.path)
        key = key_of(place, pixels)
        return thumbnails.get(key) or thumbnails.made(place, pixels, key)

    return made


def _frame(number: int, data: bytes) -> bytes:
    return _HEAD.pack(number, len(data)) + data
