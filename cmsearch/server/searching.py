"""The routes that search."""

# Tested by tests/e2e/server/test_search.py

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from cmsearch.errors import QueryError
from cmsearch.search.merge.relevance import DOUBTFUL
from cmsearch.search.query.understanding import Understood
from cmsearch.search.wire import applied_as_json
from cmsearch.server import context
from cmsearch.server.bodies import described, sent
from cmsearch.server.located import located
from cmsearch.server.requests import (
    LONGEST,
    Files,
    SearchBody,
    filter_of,
    query_of,
    ranking_of,
)
from cmsearch.server.stores import Served, hit_in

router = APIRouter(prefix="/v1", tags=["search"])
Check = Callable[[], None]
SEARCH_BODY = described(SearchBody, "image", "audio")
"""What a search is described as."""


@router.post(
    "/search",
    summary="Search by a text, pictures, recordings, or several of them",
    openapi_extra={"requestBody": SEARCH_BODY},
)
async def search(request: Request) -> dict[str, Any]:
    """The hits of a search, the best first; the body is JSON, or a form with it and files."""
    body, files = await sent(request, SearchBody)
    return await _searched(request, body, files)


@router.get("/search", summary="Search by a text, as a link")
async def search_by_link(
    request: Request,
    q: Annotated[str, Query(max_length=LONGEST, examples=["a sleeping cat"])],
    store: Annotated[str | None, Query(max_length=255)] = None,
    target: Annotated[str, Query(max_length=50)] = "any",
    k: Annotated[int, Query(ge=1)] = 20,
) -> dict[str, Any]:
    """The hits of a text, the best first."""
    return await _searched(request, SearchBody(store=store, query=q, target=target, k=k), ())


async def _searched(request: Request, body: SearchBody, files: Files) -> dict[str, Any]:
    own = context.of(request)
    served = own.stores.get(body.store)
    if body.k > own.settings.most_hits:
        raise QueryError(f"k is at most {own.settings.most_hits}.")
    return await own.work.run(request, lambda check: _found(served, body, files, check))


def _found(served: Served, body: SearchBody, files: Files, check: Check) -> dict[str, Any]:
    begun = perf_counter()
    query = query_of(body, files, lambda item: located(served, item))
    where = filter_of(body.filters)
    engine = served.engine
    meant = Understood(query, where, ()) if body.literal else engine.understand(query, where)
    encoded = served.batching.encoded(meant.query)
    check()
    hits = engine.search(
        encoded, target=body.target, k=body.k, where=meant.where, ranking=ranking_of(body.ranking)
    )
    return {
        "store": served.name,
        "hits": [hit_in(served, hit) for hit in hits],
        "applied": [applied_as_json(one) for one in meant.applied],
        "doubtful": all(hit.relevance < DOUBTFUL for hit in hits),
        "seconds": round(perf_counter() - begun, 4),
    }
