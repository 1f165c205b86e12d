"""What is asked and what is answered: filters, queries, candidates, hits."""

# Tested by tests/meta/test_docstrings.py

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from cmsearch.types.embeddings import FloatArray, Modality
from cmsearch.types.media import NO_NOTES, Item, Notes, TextLine


@dataclass(frozen=True, slots=True)
class Filter:
    """What hits have to be, besides relevant; captions are judged by the picture they describe."""

    path: str | None = None
    """A glob over the path from the store's folder, of a file or of a folder with all below it.
    `*` matches slashes too, capitals don't count, a glob without a slash matches in any folder.
    """
    since: date | None = None
    """The first day on which the picture was taken, or else its file was changed."""
    until: date | None = None
    """The last such day, which is included."""
    camera: str | None = None
    """A part of the camera's name, in any case."""
    days: tuple[tuple[date, date], ...] = ()
    """First and last days, of which one has such a day between them; none is no condition."""
    near: tuple[float, float, float] | None = None
    """Degrees north, degrees east, and the kilometres around that place."""
    area: tuple[str, str] | None = None
    """The code of a country (ISO 3166), and that of a part of it in GeoNames' codes, or nothing;
    where a picture was taken is told by the nearest town, so the extra `places` is needed.
    """
    has_caption: bool | None = None
    """Whether a caption describes the picture; None takes both."""
    keywords: tuple[str, ...] = ()
    """Keywords that it has, each of them, in any case: whole ones, or levels of `Animals|Dogs`."""
    people: tuple[str, ...] = ()
    """Names of people who are in it, each of them, in any case."""
    rating: tuple[int, int] | None = None
    """The fewest and the most stars, from -1, which is rejected, to 5; one without counts as 0."""
    labels: tuple[str, ...] = ()
    """Names of colours, or what a program calls its marks, of which it has one, in any case."""


@dataclass(frozen=True, slots=True)
class QueryPart:
    """A text or a picture that a query is about."""

    content: Any
    """A string, or a picture or recording as `Engine.search` takes it."""
    modality: Modality = Modality.TEXT
    """The modality of the content."""
    weight: float = 1.0
    """The weight beside the other parts; a negative one turns the query away from it."""
    is_literal: bool = field(default=False, compare=False)
    """Whether no word of it is understood as a filter, as where it was written in quotes."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for."""

    parts: tuple[QueryPart, ...]
    """The parts whose weighted sum is searched for."""
    without: tuple[QueryPart, ...] = ()
    """The parts that no hit may be about."""
    left_out: frozenset[int] = frozenset()
    """Numbers of items, as in `Hit.item`, that are as if they weren't there: they are no hits, and
    what they say speaks for no other item.
    """
    given: frozenset[int] = frozenset()
    """Numbers of items that were hits, or folded into hits, before: they count as ever, but are no
    hits once more.
    """


@dataclass(frozen=True, slots=True)
class EncodedQuery:
    """One text or picture of a query, encoded."""

    modality: Modality
    """The modality of the content."""
    content: Any
    """The string or the picture itself."""
    vector: FloatArray
    """A unit vector `(dim,)`."""
    tokens: FloatArray | None = None
    """Vectors `(t, dim)` of its tokens, if the encoder gives them."""
    weights: FloatArray | None = None
    """Weights `(t,)` of the tokens."""
    digest: str = ""
    """The digest of the picture's file; empty if there is none."""


@dataclass(frozen=True, slots=True)
class ComposedQuery:
    """A query as vectors."""

    parts: tuple[EncodedQuery, ...]
    """The parts whose weighted sum is searched for."""
    weights: tuple[float, ...]
    """The weight of each part; at least one is positive, and a negative one subtracts."""
    without: tuple[EncodedQuery, ...] = ()
    """The parts that no hit may be about."""
    left_out: frozenset[int] = frozenset()
    """Numbers of items that are neither hits nor speak for others."""
    given: frozenset[int] = frozenset()
    """Numbers of items that are no hits, since they were before."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """What a first stage found for one query: n items, the best first."""

    items: Sequence[Item]
    """The items."""
    scores: FloatArray
    """Their scores `(n,)`."""
    paths: Sequence[Path]
    """The absolute paths of their files."""
    vectors: Callable[[], FloatArray]
    """Fetches their vectors `(n, dim)`."""
    tokens: Callable[[], Sequence[tuple[FloatArray, FloatArray]]]
    """Fetches for each item its tokens `(t, dim)` and their weights `(t,)`."""


@dataclass(frozen=True, slots=True)
class Applied:
    """Words of a query that were understood as a filter, and not searched for."""

    words: str
    """The words as they stand in the query."""
    days: tuple[tuple[date, date], ...] = ()
    """First and last days, as in `Filter.days`, if it is about days."""
    place: str = ""
    """The name of the place, if it is about one."""
    near: tuple[float, float, float] | None = None
    """That place as in `Filter.near`, unless it is a country or a part of one."""
    area: tuple[str, str] | None = None
    """That as in `Filter.area`."""


@dataclass(frozen=True, slots=True)
class Hit:
    """An answer to a query."""

    rank: int
    """The place in the answer, from 1."""
    score: float
    """The log-odds that it is what was meant, which order the answer: the sum of `stages`."""
    path: Path
    """The absolute path of the file; of a caption that of the picture that it describes."""
    source: str
    """The file that the item stands in, relative to the indexed folder, with the place in it."""
    modality: Modality
    """The modality of the item."""
    kind: str
    """The kind of the item, such as `photo`, `caption` or `shot`."""
    text: str | None
    """The whole text of the item, if it is one."""
    taken: datetime | None = None
    """The local time of its picture, or of its file."""
    stages: Mapping[str, float] = field(default_factory=dict)
    """The evidence of each way by its name, in log-odds, and as `prior` what is known before and
    from the other things here.
    """
    relevance: float = 0.0
    """How likely it is what was meant, from 0 to 1: the logistic function of the score."""
    copies: tuple[Path, ...] = ()
    """The absolute paths of the near-duplicates that were folded into it."""
    start: float | None = None
    """Where it begins in a recording or a film, in seconds."""
    end: float | None = None
    """Where it ends there, in seconds."""
    page: int | None = None
    """The page of a document, from 1."""
    item: int = 0
    """The number of the item in its store; it is another one after the store was made anew."""
    locator: str = ""
    """The place of the item in its file, as `cmsearch.common.locators` writes it."""
    cosine: float = 0.0
    """The cosine of query and item, or of a shot that of its pictures, pooled."""
    applied: tuple[Applied, ...] = ()
    """What of the query was understood as a filter, where it was read for that."""
    notes: Notes = NO_NOTES
    """What people and programs wrote about its picture, its film or its recording."""
    taken_source: str | None = None
    """What says when it was taken, as `cmsearch.media.moments.SOURCES` lists it."""
    taken_zone: str | None = None
    """The offset of that time from UTC, such as `+02:00`, where it is written."""
    position: tuple[float, float] | None = None
    """Degrees north and east of where it was taken."""
    town: str | None = None
    """The town that is nearest to that, and its country; None without the extra `places`."""
    lines: tuple[TextLine, ...] = ()
    """The lines of text in a picture that it is, or that speak for the picture."""
    copy_items: tuple[int, ...] = ()
    """The numbers of the items of its store that were folded into it."""
    store: Path | None = None
    """The store that it is of, where several are searched as one; `item` is its number there."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A part of the files that pass a filter, in the order of time."""

    total: int
    """How many pass."""
    offset: int
    """How many come before."""
    hits: tuple[Hit, ...]
    """The files; each by its first item, without score and relevance."""
