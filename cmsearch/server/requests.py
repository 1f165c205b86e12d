"""What is asked over HTTP: the bodies of requests, and the queries and filters that they are."""

# Tested by tests/e2e/server/test_search.py

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from cmsearch.errors import QueryError
from cmsearch.search.query.grammar import parse
from cmsearch.search.query.written import day, place, stars
from cmsearch.search.rank.second_stage import Ranking
from cmsearch.search.wire import ranking, where
from cmsearch.types import Filter, Modality, Place, Query, QueryPart

T = TypeVar("T")
LONGEST = 10_000
"""Characters of a text that is searched for."""
Number = Annotated[int, Field(ge=1, le=2**63 - 1, description="The `item` of a hit.")]
NUMBERS = r"^[0-9]{1,18}(,[0-9]{1,18})*$"
"""Several numbers of items as a text."""
ALONE = "A cursor goes on with its own search: send it alone, or with the `store`."


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Part(_Body):
    """A part of a query: a text, a picture that the store has, or one of the files sent along."""

    text: str | None = Field(None, max_length=LONGEST)
    item: Number | None = None
    file: int | None = Field(None, ge=0, le=15, description="Which of the files sent, from 0.")
    weight: float = Field(1.0, ge=-100, le=100)
    literal: bool = Field(False, description="No word of the text is taken as a day or a place.")


class Filters(_Body):
    """What hits have to be, besides relevant; values as the command line takes them."""

    path: str | None = Field(None, max_length=4096, examples=["2024/*"])
    since: str | None = Field(None, max_length=100, examples=["2024-05"])
    until: str | None = Field(None, max_length=100, examples=["last summer"])
    camera: str | None = Field(None, max_length=200)
    near: str | None = Field(None, max_length=200, examples=["48.86,2.35,10"])
    keywords: list[str] = Field([], max_length=20)
    people: list[str] = Field([], max_length=20)
    rating: str | None = Field(None, max_length=20, examples=["4.."])
    labels: list[str] = Field([], max_length=20)
    has_caption: bool | None = None


class Order(_Body):
    """What orders the hits, as the options of `cmsearch search` do."""

    rerank: str = Field("auto", max_length=200, examples=["auto", "attention", "none"])
    depth: int | None = Field(None, ge=1, le=1000)
    correct: bool = True
    match: Literal["all", "picture", "caption", "words", "fused"] = "all"
    fusion: Literal["auto", "sum"] = "auto"
    min_relevance: float = Field(0.0, ge=0, le=1)
    budget: float | None = Field(None, gt=0, le=60, description="Seconds.")
    expand: bool = Field(False, description="Near-duplicates each for itself.")
    diverse: bool = False


class SearchBody(_Body):
    """A search. `query` is in the grammar of the command line; `parts` join it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"query": "a cat - window", "target": "image", "k": 5}]},
    )
    store: str | None = Field(None, max_length=255)
    query: str | None = Field(None, max_length=LONGEST)
    parts: list[Part] = Field([], max_length=16)
    without: list[Part] = Field([], max_length=16)
    literal: bool = Field(False, description="No words are taken as days or places.")
    target: str = Field("any", max_length=50, examples=["any", "image", "text", "video"])
    k: int = Field(20, ge=1, description="Hits of a page.")
    filters: Filters = Filters()
    ranking: Order = Order()
    cursor: str | None = Field(
        None, max_length=200, description="The next page of the search that it came with; alone."
    )


class FilteredLink(Filters):
    """What is asked of a store as the parameters of a link, with the filters of a search."""

    q: str | None = Field(None, max_length=LONGEST, examples=["a sleeping cat"])
    store: str | None = Field(None, max_length=255)
    target: str = Field("any", max_length=50, examples=["any", "image", "text", "video"])
    literal: bool = Field(False, description="No words are taken as days or places.")

    @property
    def body(self) -> SearchBody:
        """The same as the body of a search."""
        filters = Filters(**{name: getattr(self, name) for name in Filters.model_fields})
        return SearchBody(
            store=self.store,
            query=self.q,
            target=self.target,
            literal=self.literal,
            filters=filters,
        )


class Link(FilteredLink):
    """A search for a text as a link."""

    k: int = Field(20, ge=1, description="Hits of a page.")
    cursor: str | None = Field(
        None, max_length=200, description="The next page of the search that it came with; alone."
    )

    @property
    def body(self) -> SearchBody:
        """The same as the body of a search."""
        return super().body.model_copy(update={"k": self.k})


Files = Sequence[tuple[Modality, bytes]]
"""The files that came with a request: pictures and recordings."""
Located = Callable[[int], Place]
"""Gives where the picture of an item is."""


def query_of(body: SearchBody, files: Files, located: Located) -> Query:
    """The query of a body. Raises `QueryError`.

    Files that no part names are parts of it, too.
    """
    if body.cursor is not None:
        raise QueryError(ALONE)
    written = parse(body.query).parts if body.query is not None else ()
    used = {part.file for part in (*body.parts, *body.without)}
    sent = [Part(file=row) for row in range(len(files)) if row not in used]
    parts = [_part(one, files, located) for one in (*body.parts, *sent)]
    without = [_part(one, files, located) for one in body.without]
    if not written and not parts:
        raise QueryError("Say what to search for: `query`, `parts`, or a file.")
    return Query((*written, *parts), tuple(without))


def _part(part: Part, files: Files, located: Located) -> QueryPart:
    given = [name for name in ("text", "item", "file") if getattr(part, name) is not None]
    if len(given) != 1:
        raise QueryError("A part is a text, an item or a file: one of the three.")
    if part.text is not None:
        return QueryPart(part.text, Modality.TEXT, part.weight, part.literal)
    if part.item is not None:
        return QueryPart(located(part.item), Modality.IMAGE, part.weight)
    if part.file is None or part.file >= len(files):
        raise QueryError(f"There is no file {part.file}: {len(files)} came with the request.")
    modality, data = files[part.file]
    return QueryPart(data, modality, part.weight)


def filter_of(filters: Filters) -> Filter:
    """The filter of a body, or of a link. Raises `QueryError` for what can't be meant."""
    written = {"since", "until", "near", "rating"}
    given: dict[str, Any] = filters.model_dump(include=Filters.model_fields.keys() - written)
    made = where(given)
    return Filter(
        **{name: getattr(made, name) for name in given},
        since=_read("since", filters.since, day),
        until=_read("until", filters.until, lambda text: day(text, last=True)),
        rating=_read("rating", filters.rating, stars),
        **_place(_read("near", filters.near, place)),
    )


def _place(found: tuple[Any, ...] | None) -> dict[str, Any]:
    """A circle is `near`; a country, which has two codes, is an `area`."""
    return {"near": found} if found is None or len(found) == 3 else {"area": found}


def _read(name: str, text: str | None, read: Callable[[str], T]) -> T | None:
    if text is None:
        return None
    try:
        return read(text)
    except ValueError as error:
        raise QueryError(f"The filter {name}: {error}") from error


def ranking_of(order: Order) -> Ranking:
    """The ranking of a body."""
    return ranking(order.model_dump())
