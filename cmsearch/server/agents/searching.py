"""The tools that agents search with; none changes anything."""

# Tested by tests/e2e/server/test_agents.py

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from mcp.types import CallToolResult

from cmsearch.search.merge.relevance import DOUBTFUL
from cmsearch.search.pages import Page, PageRequest, Pages
from cmsearch.search.query.grammar import parse
from cmsearch.search.query.languages import advice
from cmsearch.search.query.understanding import Understood
from cmsearch.server.agents.answers import answered
from cmsearch.server.agents.arguments import (
    Count,
    Cursor,
    Literally,
    OneItem,
    Store,
    Target,
    Text,
    Where,
)
from cmsearch.server.agents.meanings import could_mean, of_filters
from cmsearch.server.agents.names import item_named, store_of
from cmsearch.server.agents.results import SearchResult, entries, understood
from cmsearch.server.located import like
from cmsearch.server.requests import Filters, filter_of
from cmsearch.server.stores import Served, Stores
from cmsearch.types import Modality, Query

EVERYTHING = Filters()


class Searching:
    """The tools that give hits, page by page."""

    def __init__(self, opened: Callable[[], Stores]) -> None:
        """`opened` gives the stores, and opens them where nobody has asked before."""
        self._opened = opened
        self._pages = Pages()

    def search_media(
        self,
        query: Text = "",
        target: Target = "any",
        k: Count = 10,
        filters: Where = EVERYTHING,
        store: Store = "",
        cursor: Cursor = "",
        literal: Literally = False,
    ) -> Annotated[CallToolResult, SearchResult]:
        """Search the collection's pictures, films, recordings and documents.

        Example: {"query": "a dog on the beach last summer", "target": "image", "k": 10}. Hits come
        best first, each with its `item`, which view_item, similar_to and explain_hit take;
        `applied` says which words were taken as days or a place, `cursor` goes on. If `doubtful`,
        probably nothing of the kind is there: say so rather than guess.
        """
        return answered(self.searched(query, target, k, filters, store, cursor, literal=literal)[1])

    def similar_to(
        self,
        item: OneItem,
        target: Target = "image",
        k: Count = 10,
        filters: Where = EVERYTHING,
        store: Store = "",
        cursor: Cursor = "",
    ) -> Annotated[CallToolResult, SearchResult]:
        """Find what is like an item: by its picture, or by its text where it has none.

        Example: {"item": 1234, "k": 5}. The item itself isn't among the hits.
        """
        if cursor:
            return answered(self._next(cursor)[1])
        served = store_of(self._opened(), store)
        own = item_named(served, item)
        query, _ = like(served, own, target)
        where = filter_of(filters)
        asked = Understood(query, where, tuple(of_filters(filters, where)))
        return answered(self._first(served, asked, target, k)[1])

    def searched(
        self,
        query: str,
        target: str,
        k: int,
        filters: Filters,
        store: str,
        cursor: str,
        *,
        literal: bool,
    ) -> tuple[Served, SearchResult]:
        """A page of hits, and the store that they are of."""
        if cursor:
            return self._next(cursor)
        served = store_of(self._opened(), store)
        parsed, where = parse(query), filter_of(filters)
        if literal:
            asked = Understood(parsed, where, ())
        else:
            asked = served.engine.understand(parsed, where)
        told = (*asked.applied, *of_filters(filters, where))
        served, result = self._first(served, asked._replace(applied=told), target, k)
        if filters.near is not None or not literal:
            words = filters.near if filters.near is not None else _words(parsed)
            result.could_mean = could_mean(served, words, told)
        return served, result

    def _first(
        self, served: Served, asked: Understood, target: str, k: int
    ) -> tuple[Served, SearchResult]:
        encoded = served.batching.encoded(asked.query)
        request = PageRequest(encoded, target, asked.where, size=k, applied=asked.applied)
        return served, _told(served, self._pages.first(served.engine, request))

    def _next(self, cursor: str) -> tuple[Served, SearchResult]:
        """The page after that of a cursor, and the store that it is of."""
        page = self._pages.next(cursor)
        served = self._opened().of(page.engine)
        return served, _told(served, page)


def _told(served: Served, page: Page) -> SearchResult:
    asked = page.request
    return SearchResult(
        store=served.name,
        hits=entries(served, list(page.hits)),
        applied=[understood(one) for one in asked.applied],
        advice=advice(asked.query.query.parts, served.engine.spaces),
        doubtful=all(hit.relevance < DOUBTFUL for hit in page.hits),
        offset=page.offset,
        files=served.engine.listed(asked.where, target=asked.target, limit=1).total,
        total=page.total,
        cursor=page.cursor,
    )


def _words(query: Query) -> str:
    """The texts of a query in which a place may be named."""
    parts = [
        str(part.content)
        for part in query.parts
        if part.modality is Modality.TEXT and part.weight > 0 and not part.is_literal
    ]
    return " ".join(parts)
