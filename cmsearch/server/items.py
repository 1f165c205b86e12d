"""The routes of single items: what they are, their pictures, what is like them, and their files.

A request names an item by its number; where its file is comes from the catalog alone.
"""

# Tested by tests/e2e/server/test_items.py

from __future__ import annotations

import mimetypes
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi import Path as InPath
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse

from cmsearch.common import locators
from cmsearch.media.pdf import MAX_PAGES
from cmsearch.search.pages import PageRequest
from cmsearch.server import context
from cmsearch.server.located import file_of, item_of, like, located
from cmsearch.server.requests import Number
from cmsearch.server.searching import HITS, Check, check_size, told
from cmsearch.server.stores import Served
from cmsearch.server.thumbnails import Thumbnails, key_of
from cmsearch.store.object_places import address_of
from cmsearch.types import Place

router = APIRouter(prefix="/v1/items", tags=["items"])
SIZES = (160, 320, 640, 1280, 2048)
"""Longer sides of pictures, in pixels; one that is asked for gets the next of these."""
SHOWN = frozenset(
    {"image/avif", "image/bmp", "image/gif", "image/jpeg", "image/png", "image/webp", "audio/flac",
     "audio/mpeg", "audio/ogg", "audio/wav", "audio/x-wav", "audio/mp4", "video/mp4", "video/webm",
     "video/ogg", "application/pdf"}
)  # fmt: skip
"""What a browser is given as what it is; all else is only saved, so that none of it runs."""
Own = Annotated[Number, InPath()]
"""The number in an address."""
Store = Annotated[str | None, Query(max_length=255)]


@router.get("/{number}", summary="What an item is")
def item(request: Request, number: Own, store: Store = None) -> dict[str, Any]:
    """The kind of an item, its text, its place, and what its file is called."""
    served = context.of(request).stores.get(store)
    own = item_of(served, number)
    path = served.engine.store.absolute(own.about or own.path)
    span = locators.span(own.locator) or (None, None)
    return {
        "item": own.id,
        "store": served.name,
        "path": address_of(path),
        "source": locators.source(own.path, own.locator),
        "kind": own.kind,
        "modality": own.modality,
        "text": own.text,
        "taken": own.taken and own.taken.isoformat(" "),
        "start": span[0],
        "end": span[1],
        "page": locators.page(own.locator),
        "media_type": _type_of(path),
    }


@router.get("/{number}/similar", summary="What is like an item", responses=HITS)
async def similar(
    request: Request,
    number: Own,
    store: Store = None,
    target: Annotated[
        str | None, Query(max_length=50, description="By default `image`; of a text `any`.")
    ] = None,
    k: Annotated[int, Query(ge=1, description="Hits of a page.")] = 20,
) -> dict[str, Any]:
    """A page of the hits for an item's picture, or for its text where it has none, without itself;
    the `cursor` gives the next one by `/v1/search`.
    """
    own = context.of(request)
    served = own.stores.get(store)
    check_size(own, k)

    def found(check: Check) -> dict[str, Any]:
        begun = perf_counter()
        query, wanted = like(served, item_of(served, number), target)
        encoded = served.batching.encoded(query)
        check()
        asked_for = PageRequest(encoded, wanted, size=k)
        return told(served, own.pages.first(served.engine, asked_for), begun)

    return await own.work.run(request, found)


@router.get(
    "/{number}/thumbnail",
    summary="The picture of an item, small",
    response_class=Response,
    responses={
        200: {"content": {"image/webp": {"schema": {"type": "string", "format": "binary"}}}},
        304: {"description": "It is as the `If-None-Match` has it."},
    },
)
async def small(
    request: Request,
    number: Own,
    store: Store = None,
    size: Annotated[int, Query(ge=16, le=SIZES[-1])] = 320,
    page: Annotated[
        int | None, Query(ge=1, le=MAX_PAGES, description="Of a page of a document, another one.")
    ] = None,
) -> Response:
    """A WebP picture without anything that is noted in the file, upright, within a square."""
    own = context.of(request)
    served = own.stores.get(store)
    pixels = next(one for one in SIZES if one >= size)
    place, key, data = await run_in_threadpool(_kept, served, number, pixels, own.thumbnails, page)
    headers = {"ETag": f'"{key}"', "Cache-Control": "private, no-cache"}
    if f'"{key}"' in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if data is None:
        data = await own.work.run(request, lambda _: own.thumbnails.made(place, pixels, key))
    return Response(data, media_type="image/webp", headers=headers)


_BYTES = {"content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}}


@router.get(
    "/{number}/media",
    summary="The file of an item",
    response_class=FileResponse,
    responses={
        200: _BYTES,
        206: {**_BYTES, "description": "The ranges of it that were asked for."},
        416: {"description": "It has no such range."},
    },
)
def media(request: Request, number: Own, store: Store = None) -> FileResponse:
    """The file itself, or the ranges of it that are asked for; it is never changed."""
    served = context.of(request).stores.get(store)
    path = file_of(served, item_of(served, number))
    kind = _type_of(path)
    is_shown = kind in SHOWN
    headers = {
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": "private, no-cache",
    }
    return FileResponse(
        path,
        media_type=kind if is_shown else "application/octet-stream",
        filename=path.name.encode(errors="replace").decode(),
        content_disposition_type="inline" if is_shown else "attachment",
        headers=headers,
    )


def _kept(
    served: Served, number: int, pixels: int, thumbnails: Thumbnails, page: int | None
) -> tuple[Place, str, bytes | None]:
    """Where the picture of an item is, and the key and the bytes that are kept of it in a size."""
    place = located(served, number)
    if page is not None and locators.page(place.locator) is not None:
        place = replace(place, locator=locators.pages(page))
    key = key_of(place, pixels)
    return place, key, thumbnails.get(key)


def _type_of(path: Path) -> str:
    return mimetypes.guess_type(path.name, strict=False)[0] or "application/octet-stream"
