"""Hits page by page while the index changes: none comes twice, none is lost that stayed."""

from __future__ import annotations

import secrets
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from time import monotonic
from typing import Any, NamedTuple

from cmsearch.common.arguments import checked_k
from cmsearch.errors import CursorError, QueryError
from cmsearch.search.engine import DEFAULT, EVERYTHING, Encoded, Engine
from cmsearch.search.rank.second_stage import Ranking
from cmsearch.store.catalog.given import Given, described, items_now
from cmsearch.types import Applied, Filter, Hit, Query, QueryPart

MOST_HITS = 10_000
"""Hits of one query at most that are given page by page."""
MOST_ON_A_PAGE = 1000
AHEAD = 200
"""Hits that a later page's search looks for at least, so that most pages are cut from what is there
already.
"""
MOST_CURSORS = 1_000
UNUSED = 900.0
"""Seconds after which a cursor that nobody has used is forgotten."""
MOST_BYTES = 256 * 2**20
"""Bytes that all cursors hold, about: what is asked with, and the hits that come next."""
_BYTES = 16_384, 1_024
"""Of a cursor with its first page, and of each hit that comes next, as measured."""
LOST = "This cursor isn't known, or not any more: search again, and go on from that."
ELSEWHERE = "This cursor is of a search in another index: search again in this one."


@dataclass(frozen=True, slots=True)
class PageRequest:
    """A search whose hits are wanted page by page."""

    query: Encoded
    """What is asked for."""
    target: str = "any"
    """As `Engine.search` takes it."""
    where: Filter = EVERYTHING
    """What hits have to be."""
    ranking: Ranking = DEFAULT
    """What orders them."""
    size: int = 20
    """How many hits a page has."""
    applied: tuple[Applied, ...] = ()
    """What of the query was understood as the filter, which each hit tells."""

    @property
    def are_things(self) -> bool:
        """Whether a hit is all that is of one file or about it, as where anything is searched."""
        return self.target == "any" and self.ranking.fold


@dataclass(frozen=True, slots=True)
class Page:
    """Some hits of a search, those before them given."""

    hits: tuple[Hit, ...]
    """The hits; their ranks go on from page to page."""
    cursor: str | None
    """What `Pages.next` gives the next page for; None where this is the last."""
    offset: int
    """How many hits came on the pages before."""
    total: int | None
    """How many hits there are on all pages, once the last is reached."""
    request: PageRequest
    """The search."""
    engine: Engine
    """What was searched with."""


class _AllGiven(NamedTuple):
    """What was given on a page, and on those before."""

    here: Sequence[Given]
    before: _AllGiven | None


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a page ended: what was given up to its end, and the hits that come next, if the store
    still is in the state `version`.
    """

    engine: Engine
    request: PageRequest
    given: _AllGiven | None
    offset: int
    coming: tuple[Hit, ...]
    is_all: bool
    """Whether nothing comes after those."""
    version: int

    @property
    def bytes(self) -> int:
        """What it holds besides the search, about."""
        return _BYTES[0] + _BYTES[1] * len(self.coming)

    def all_given(self) -> Iterator[Given]:
        """What was given up to here."""
        given = self.given
        while given is not None:
            yield from given.here
            given = given.before


class Pages:
    """Searches that go on page by page, by cursors that say nothing. Safe from threads.

    A page is cut from what a deeper search gave, as long as the store is in the same state; else a
    search is made that leaves out what was given before, under whatever name that is there now.
    What was deleted doesn't come, what is new may. A cursor may be used again, as by a program that
    got no answer: it gives the page after the same one.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._places: OrderedDict[str, tuple[_Place, float]] = OrderedDict()
        self._bytes = 0
        self._users: Counter[int] = Counter()

    def first(self, engine: Engine, request: PageRequest) -> Page:
        """The first page of a search. Raises `QueryError`, as `Engine.search` does."""
        if checked_k(request.size) > MOST_ON_A_PAGE:
            raise QueryError(f"A page has at most {MOST_ON_A_PAGE} hits, not {request.size}.")
        start = _Place(engine, request, None, 0, (), is_all=False, version=-1)
        # Where hits are spread, a longer list begins otherwise.
        return self._page(start, request.size + (not request.ranking.diverse))

    def next(self, cursor: str, engine: Engine | None = None) -> Page:
        """The page after the one that a cursor came with. Raises `CursorError` where it isn't
        known, was used by nobody for `UNUSED` seconds, or is of another engine than `engine`.
        """
        with self._lock:
            self._forget_old()
            if not isinstance(cursor, str) or cursor not in self._places:
                raise CursorError(LOST)
            place, _ = self._places[cursor]
            if engine not in (None, place.engine):
                raise CursorError(ELSEWHERE)
            self._places[cursor] = place, self._clock()
            self._places.move_to_end(cursor)
        return self._page(place, max(AHEAD, place.request.size) + 1)

    def forget(self, engine: Engine) -> None:
        """Forget the cursors of an engine, before it is closed."""
        with self._lock:
            own = [name for name, (place, _) in self._places.items() if place.engine is engine]
            for name in own:
                self._drop(name)

    def __len__(self) -> int:
        """How many cursors are known."""
        return len(self._places)

    def _page(self, place: _Place, depth: int) -> Page:
        """The page at a place; `depth` is how many hits are searched for where none are there."""
        request, engine = place.request, place.engine
        size = min(request.size, MOST_HITS - place.offset)
        coming, is_all = place.coming, place.is_all
        with engine.store.reading() as view:
            is_cut = place.version == view.version and (is_all or len(coming) > size)
            if not is_cut:
                coming = _searched(place, depth)
                is_all = len(coming) < depth
            hits, left = coming[:size], coming[size:]
            shown = [number for hit in hits for number in (hit.item, *hit.copy_items)]
            given = described(engine.store.catalog, shown, as_things=request.are_things)
        end = place.offset + len(hits)
        ranked = tuple(
            replace(hit, rank=rank, applied=request.applied)
            for rank, hit in enumerate(hits, place.offset + 1)
        )
        if (is_all and not left) or end >= MOST_HITS:
            return Page(ranked, None, place.offset, end, request, engine)
        known = _AllGiven(given, place.given)
        now = _Place(engine, request, known, end, left, is_all, view.version)
        return Page(ranked, self._kept(now), place.offset, None, request, engine)

    def _kept(self, place: _Place) -> str:
        cursor = secrets.token_urlsafe(24)
        with self._lock:
            self._places[cursor] = place, self._clock()
            self._bytes += place.bytes
            self._users[id(place.request)] += 1
            if self._users[id(place.request)] == 1:
                self._bytes += _size(place.request.query.query)
            self._forget_old()
            while len(self._places) > MOST_CURSORS or self._bytes > MOST_BYTES:
                self._drop(next(iter(self._places)))
        return cursor

    def _forget_old(self) -> None:
        """Forget what nobody has used for long; the oldest come first."""
        least = self._clock() - UNUSED
        while self._places and next(iter(self._places.values()))[1] < least:
            self._drop(next(iter(self._places)))

    def _drop(self, cursor: str) -> None:
        place, _ = self._places.pop(cursor)
        self._bytes -= place.bytes
        self._users[id(place.request)] -= 1
        if not self._users[id(place.request)]:  # the last of its search
            del self._users[id(place.request)]
            self._bytes -= _size(place.request.query.query)


def _searched(place: _Place, depth: int) -> tuple[Hit, ...]:
    """The best hits of the state that is read, without what was given before."""
    request, engine = place.request, place.engine
    before = list(place.all_given())
    now = items_now(engine.store.catalog, before, as_things=request.are_things)
    asked = request.query
    given = asked.query.given.union(now)
    asked = replace(
        asked,
        query=replace(asked.query, given=given),
        composed=replace(asked.composed, given=given),
    )
    hits = engine.search(
        asked, target=request.target, k=depth, where=request.where, ranking=request.ranking
    )
    return tuple(hits)


def _size(query: Query) -> int:
    """The bytes of what is asked with, about."""
    return sum(map(_part_size, (*query.parts, *query.without)))


def _part_size(part: QueryPart) -> int:
    content: Any = part.content
    if isinstance(content, bytes | str):
        return len(content)
    width, height = getattr(content, "size", (0, 0))
    return 4 * int(width) * int(height)
