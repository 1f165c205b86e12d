"""Finding a page of a document by what it says, besides how it looks."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from cmsearch.common import locators
from cmsearch.search.query.compose import QueryVector
from cmsearch.search.rank.request import Column, Direction, Found, StageRequest
from cmsearch.search.retrieve.nearest import Candidate, NearestRequest
from cmsearch.store.catalog import items
from cmsearch.types import Candidates, Item, Modality

PASSAGES = 1000
"""Passages that are looked at, of all documents: some hundred pages."""
Key = tuple[str, int]
"""A page: the path of its file, and its number."""


def find_by_passages(
    direction: Direction, queries: Sequence[QueryVector], excluded: Sequence[Collection[int]]
) -> list[Found | None]:
    """For each query that is a text the page items of its best passages, with their cosines."""
    view = direction.source.view
    if Modality.TEXT not in view.indexes:
        return [None for _ in queries]
    wanted = NearestRequest(Modality.TEXT, PASSAGES, "passage", direction.where, list(excluded))
    passages = direction.source.retriever.search(view, queries, wanted)
    best = [_best(each) for each in passages]
    pages = _pages(direction, {key for cosines in best for key in cosines})
    return [
        Found(
            {
                pages[key]: cosine
                for key, cosine in cosines.items()
                if key in pages and pages[key] not in out
            }
        )
        if query.written == 1
        else None
        for query, cosines, out in zip(queries, best, excluded, strict=True)
    ]


def passage(request: StageRequest, candidates: Candidates) -> Column:
    """The cosine of a page's best passage to the query, where passages found the page."""
    return request.said("passage", candidates)


def _pages(direction: Direction, wanted: Collection[Key]) -> dict[Key, int]:
    """The items of those pages that have a picture."""
    catalog, space = direction.source.store.catalog, direction.source.view.space_id
    embeddings = items.pages_of(catalog, space, sorted({path for path, _ in wanted}))
    keys = {_key(item): item.id for item in items.of_embeddings(catalog, embeddings).values()}
    return {key: item for key, item in keys.items() if key in wanted}


def _best(passages: Sequence[Candidate]) -> dict[Key, float]:
    """By page the cosine of its best passage; the best come first."""
    best: dict[Key, float] = {}
    for candidate in passages:
        if locators.page(candidate.item.locator) is not None:
            best.setdefault(_key(candidate.item), candidate.cosine)
    return best


def _key(item: Item) -> Key:
    return item.path, locators.page(item.locator) or 0
