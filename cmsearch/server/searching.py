"""The routes that search."""

# Tested by tests/e2e/server/test_search.py

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from time import perf_counter
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from cmsearch.errors import QueryError
from cmsearch.search.merge.relevance import DOUBTFUL
from cmsearch.search.pages import Page, PageRequest
from cmsearch.search.query.languages import advice
from cmsearch.search.query.understanding import Understood
from cmsearch.search.wire import applied_as_json
from cmsearch.server import context
from cmsearch.server.answers import Answer, HitPage
from cmsearch.server.bodies import described, sent
from cmsearch.server.located import located
from cmsearch.server.problems import MEDIA_TYPE
from cmsearch.server.requests import (
    ALONE,
    Files,
    Link,
    SearchBody,
    filter_of,
    query_of,
    ranking_of,
)
from cmsearch.server.sizes import Shapes, shapes_of
from cmsearch.server.stores import Served, hit_in

router = APIRouter(prefix="/v1", tags=["search"])
Check = Callable[[], None]
SEARCH_BODY = described(SearchBody, "image", "audio")
"""What a search is described as."""
HITS: dict[int | str, dict[str, Any]] = {
    200: {"model": HitPage},
    410: {"description": "The cursor isn't known any more.", "content": {MEDIA_TYPE: {}}},
}


@router.post(
    "/search",
    summary="Search by a text, pictures, recordings, or several of them",
    responses=HITS,
    openapi_extra={"requestBody": SEARCH_BODY},
)
async def search(request: Request, shapes: Shapes = False) -> Answer:
    """A page of the hits of a search, the best first; the body is JSON, or a form with it and
    files. With the `cursor` of a page alone it is the page after that.
    """
    body, files = await sent(request, SearchBody)
    if body.cursor is None:
        return await _first(request, body, files, shapes)
    if files or body.model_fields_set - {"cursor", "store"}:
        raise QueryError(ALONE)
    return await _next(request, body.cursor, body.store, shapes)


@router.get("/search", summary="Search by a text, as a link", responses=HITS)
async def search_by_link(request: Request, link: Annotated[Link, Query()]) -> Answer:
    """A page of the hits of a text, the best first; or the page after that of a `cursor`."""
    if link.cursor is not None:
        if set(request.query_params) - {"cursor", "store"}:
            raise QueryError(ALONE)
        return await _next(request, link.cursor, link.store)
    if link.q is None:
        raise QueryError("Say what to search for, as `q`.")
    return await _first(request, link.body, ())


def understood(served: Served, body: SearchBody, files: Files) -> Understood:
    """The query and the filter of a body, with what of the query is one. Raises `QueryError`."""
    query = query_of(body, files, lambda item: located(served, item))
    where = filter_of(body.filters)
    return Understood(query, where, ()) if body.literal else served.engine.understand(query, where)


async def _first(request: Request, body: SearchBody, files: Files, shapes: bool = False) -> Answer:
    own = context.of(request)
    served = own.stores.get(body.store)
    check_size(own, body.k)
    meant = cache(lambda: understood(served, body, files))
    is_quick = not (files or body.parts or body.without)
    with served.batching.coming(lambda: meant().query, is_quick=is_quick) as coming:

        def found(check: Check) -> Answer:
            begun = perf_counter()
            encoded, (_, where, applied) = served.batching.of(coming), meant()
            check()
            ranking = ranking_of(body.ranking)
            asked_for = PageRequest(encoded, body.target, where, ranking, body.k, applied)
            page = own.pages.first(served.engine, asked_for)
            check()
            # Written by the thread that found it: the one that answers everybody would take longer.
            return Answer(told(served, page, begun, shapes))

        return await own.work.run(request, found)


async def _next(request: Request, cursor: str, store: str | None, shapes: bool = False) -> Answer:
    own = context.of(request)
    named = None if store is None else own.stores.get(store).engine

    def found(_: Check) -> Answer:
        begun = perf_counter()
        page = own.pages.next(cursor, named)
        return Answer(told(own.stores.of(page.engine), page, begun, shapes))

    return await own.work.run(request, found)


def check_size(own: context.Context, k: int) -> None:
    """Raise `QueryError` for a page with more hits than one may have."""
    if k > own.settings.most_hits:
        raise QueryError(f"k is at most {own.settings.most_hits}.")


def told(served: Served, page: Page, begun: float, shapes: bool = False) -> dict[str, Any]:
    """A page as it is answered, with the time since a search was `begun`."""
    return {
        **(shapes_of(served, [hit.item for hit in page.hits]) if shapes else {}),
        "store": served.name,
        "hits": [hit_in(served, hit) for hit in page.hits],
        "applied": [applied_as_json(one) for one in page.request.applied],
        "advice": advice(page.request.query.query.parts, served.engine.spaces),
        "doubtful": all(hit.relevance < DOUBTFUL for hit in page.hits),
        "cursor": page.cursor,
        "offset": page.offset,
        "total": page.total,
        "seconds": round(perf_counter() - begun, 4),
    }
