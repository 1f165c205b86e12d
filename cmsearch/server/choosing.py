"""The routes that say what there is to choose from: values of filters, and what may be typed on."""

# Tested by tests/e2e/server/test_choosing.py

from __future__ import annotations

from dataclasses import replace
from time import perf_counter
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import Field

from cmsearch.search.query.understanding import Understood
from cmsearch.search.suggest import MOST
from cmsearch.search.wire import applied_as_json, facets_as_json, suggestion_as_json
from cmsearch.server import context
from cmsearch.server.answers import FacetCounts, Suggestions
from cmsearch.server.bodies import described, sent
from cmsearch.server.requests import (
    LONGEST,
    Files,
    FilteredLink,
    SearchBody,
    filter_of,
    ranking_of,
)
from cmsearch.server.searching import Check, understood
from cmsearch.server.stores import Served
from cmsearch.types import Facet, Facets

router = APIRouter(prefix="/v1", tags=["search"])
MOST_VALUES = 4_000
"""Values of a facet."""
_IN_ORDER = frozenset({"years", "months", "days"})
Limit = Annotated[int, Query(ge=1, le=MOST_VALUES, description="Values of each facet, at most.")]


class FacetLink(FilteredLink):
    """What is counted, as a link."""

    limit: int = Field(100, ge=1, le=MOST_VALUES, description="Values of each facet, at most.")


@router.get(
    "/facets", summary="Count what there is to filter by", responses={200: {"model": FacetCounts}}
)
async def facets_by_link(request: Request, link: Annotated[FacetLink, Query()]) -> dict[str, Any]:
    """How many files have each day, camera, folder, place, kind, keyword, person and so on, of
    those that pass the filters, and with `q` are relevant to it.

    Each facet is counted without its own part of the filters. Relevant are files with a hit among
    the best 1,000 whose relevance isn't below 0.05. Of days, months and years the latest are given.
    """
    return await _counted(request, link.body, (), link.limit)


@router.post(
    "/facets",
    summary="Count what there is to filter by among the hits of a search",
    responses={200: {"model": FacetCounts}},
    openapi_extra={"requestBody": described(SearchBody, "image", "audio")},
)
async def facets(request: Request, limit: Limit = 100) -> dict[str, Any]:
    """The same for the body of a search, whose query may be missing; `k` doesn't count."""
    body, files = await sent(request, SearchBody)
    return await _counted(request, body, files, limit)


@router.get("/suggest", summary="What may be typed on", responses={200: {"model": Suggestions}})
async def suggest(
    request: Request,
    q: Annotated[str, Query(max_length=LONGEST, description="What was typed.", examples=["a ca"])],
    store: Annotated[str | None, Query(max_length=255)] = None,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 10,
) -> dict[str, Any]:
    """People, keywords, places, cameras, folders, files and words that what was typed may go on
    as, the likeliest first. `start` is where the part begins that each may be put in place of.
    """
    own = context.of(request)
    served = own.stores.get(store)

    def found(_: Check) -> dict[str, Any]:
        suggestions = served.engine.suggest(q, limit)
        return {"store": served.name, "suggestions": list(map(suggestion_as_json, suggestions))}

    return await own.work.run(request, found)


async def _counted(request: Request, body: SearchBody, files: Files, limit: int) -> dict[str, Any]:
    own = context.of(request)
    served = own.stores.get(body.store)

    def found(check: Check) -> dict[str, Any]:
        begun = perf_counter()
        meant = _meant(served, body, files)
        encoded = None if meant is None else served.batching.encoded(meant.query)
        check()
        where = filter_of(body.filters) if meant is None else meant.where
        counted = served.engine.facets(
            encoded, where, target=body.target, ranking=ranking_of(body.ranking)
        )
        return {
            "store": served.name,
            **facets_as_json(cut(counted, limit)),
            "applied": [applied_as_json(one) for one in (() if meant is None else meant.applied)],
            "seconds": round(perf_counter() - begun, 4),
        }

    return await own.work.run(request, found)


def _meant(served: Served, body: SearchBody, files: Files) -> Understood | None:
    """What is searched for; None where all files are meant."""
    is_asked = body.query is not None or body.parts or body.without or body.cursor or files
    return understood(served, body, files) if is_asked else None


def cut(facets: Facets, limit: int) -> Facets:
    """Facets of at most so many values: the latest days, months and years, of others the first."""
    names = (name for name in Facets.__dataclass_fields__ if name not in ("total", "among"))
    fields: dict[str, Any] = {name: _cut(name, getattr(facets, name), limit) for name in names}
    return replace(facets, **fields)


def _cut(name: str, facet: Facet, limit: int) -> Facet:
    kept = facet.counts[-limit:] if name in _IN_ORDER else facet.counts[:limit]
    return Facet(kept, facet.left_out + len(facet.counts) - len(kept))
