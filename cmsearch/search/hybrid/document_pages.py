"""Finding a page of a document by what it says, besides how it looks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from cmsearch.common import locators
from cmsearch.search.query.compose import QueryVector
from cmsearch.search.rank.request import Column, Direction, Found, StageRequest
from cmsearch.search.rank.together import Excluded, FoundThere, nearest
from cmsearch.search.retrieve.nearest import Candidate
from cmsearch.store.catalog import items
from cmsearch.types import Candidates, Item, Modality

PASSAGES = 1000
"""Passages that are looked at, of all documents: some hundred pages."""
Key = tuple[str, int]
"""A page: the path of its file, and its number."""


def find_by_passages(
    directions: Sequence[Direction], queries: Sequence[QueryVector], excluded: Excluded
) -> list[FoundThere]:
    """For each query that is a text the page items of its best passages, with their cosines."""
    passages = nearest(directions, queries, excluded, Modality.TEXT, PASSAGES, "passage")
    best = [[_best(own) for own in each] for each in passages]
    pages = [
        _pages(direction, {key for each in best for key in each[place]})
        for place, direction in enumerate(directions)
    ]
    return [
        [
            _found(*own) if query.written == 1 else None
            for own in zip(each, pages, outs, strict=True)
        ]
        for query, each, outs in zip(queries, best, zip(*excluded, strict=True), strict=True)
    ]


def _found(cosines: Mapping[Key, float], pages: Mapping[Key, int], out: Collection[int]) -> Found:
    """What passages say of those pages that have a picture."""
    items = {pages[key]: cosine for key, cosine in cosines.items() if key in pages}
    return Found({item: cosine for item, cosine in items.items() if item not in out})


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
