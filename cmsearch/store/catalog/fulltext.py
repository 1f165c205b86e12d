"""Finding items by exact words: BM25 over the catalog's full-text index."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from math import log
from typing import NamedTuple

import numpy as np
import sqlalchemy as sa

from cmsearch.common.function_words import FUNCTION_WORDS
from cmsearch.common.numbers import distinct
from cmsearch.store.catalog import schema
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.catalog.columns import PAGE
from cmsearch.store.catalog.databases import words as own
from cmsearch.store.catalog.filters import conditions, is_near
from cmsearch.store.catalog.prepared import Prepared, given, listed, listing
from cmsearch.store.catalog.terms import LEAST, forms, terms
from cmsearch.store.catalog.word_counts import WordCounts, counted
from cmsearch.types import Filter, Modality

MOST_WORDS = 64
"""Different words of a query that count, from its beginning."""
MOST_ROWS = 4000
"""Rows that have a query's words before its commoner words bring none: milliseconds of work."""
TELLING = 0.25
_ADDING = 0.1  # what a word has to weigh among all to be looked for beside rarer ones
_FIRST = 200  # rows whose words are read first; then eight times as many, while too few are left
_MOST_TOLD = 1000  # rows that are told apart by their files; a millisecond or two
_ASKED = 150  # rows of which it is asked at once what they find
_STATEMENTS = 32
_K1, _B = 1.2, 0.75  # of BM25, as SQLite has them
_LEAST_IDF = 1e-6
_SMALL = frozenset(piece for word in FUNCTION_WORDS for piece in terms(word))


@dataclass(frozen=True, slots=True)
class Scope:
    """What may be found: items of a modality with an embedding in a space, of one kind if given,
    that pass a filter; and the items that are neither found nor lead to others by their words.
    """

    space: int
    modality: Modality
    kind: str | None = None
    wanted: Filter = field(default_factory=Filter)
    left_out: Collection[int] = frozenset()


class Match(NamedTuple):
    """An item that words were found for.

    `by` is the item whose words they are: itself, or a caption about it. `thing` is the number of
    the file that it is in, or about. `score` is their BM25,
    the higher the better, comparable within one query alone. `words` are those of the query that
    matched, in its order, and `share`, from 0 to 1, is what they weigh among all of the query's.
    A rare word weighs more than a common one, and one that is nowhere the most.
    """

    item: int
    by: int
    thing: int
    score: float
    share: float
    words: tuple[str, ...]


def match(catalog: Catalog, text: str, limit: int, scope: Scope, least: float = 0.0) -> list[Match]:
    """The items within `scope` that have words of a text, at most `limit`, the best first.

    A picture is found by the words of its own path and by those of its captions, of which the best
    one counts; what is said or read by its own words and those of its file's path. No sign in
    `text` has a meaning. Those with a share below `least` may be missing.
    """
    return RankedRows(catalog, text, least).match(limit, scope)


class RankedRows:
    """The rows that have words of a text, read as far as somebody asks, for several scopes in one
    state of a catalog.
    """

    def __init__(
        self, catalog: Catalog, text: str, least: float = 0.0, counts: WordCounts | None = None
    ) -> None:
        """Weigh the words by `counts`, by default those of the catalog itself."""
        self._catalog, self._least = catalog, least
        self._counts = counts or WordCounts([catalog])
        self._asked = list(dict.fromkeys(terms(text)))[:MOST_WORDS]
        self._query: _Query | None = None
        self._pieces: list[_Piece] = []
        self._further: Iterator[_Piece] = iter(())

    def match(self, limit: int, scope: Scope) -> list[Match]:
        """The items within `scope`, at most `limit`, the best first."""
        with self._catalog.connected() as connection:
            if self._query is None:
                self._query = _Query.of(self._counts, self._asked)
                self._further = _scored(connection, self._query, self._least)
            found: dict[int, Match] = {}
            for piece in self._each():
                for item, row, thing in _found(connection, piece.order, scope):
                    if item not in found or piece.scores[row] > found[item].score:
                        found[item] = self._query.match(item, row, thing, piece)
                    if len(found) == limit:
                        break
                if len(found) >= limit:
                    break
        return sorted(found.values(), key=lambda one: (-one.score, one.by))[:limit]

    def _each(self) -> Iterator[_Piece]:
        """The pieces in order; those that nobody has asked for yet are read."""
        yield from self._pieces
        for piece in self._further:
            self._pieces.append(piece)
            yield piece


def items_with(catalog: Catalog, text: str) -> set[int]:
    """The items with every word of a text that says something, in the singular or the plural.

    That is every word with at least a quarter of the weight of the rarest one.
    """
    asked = list(dict.fromkeys(terms(text)))[:MOST_WORDS]
    with catalog.connected() as connection:
        rows = {word: sum(counted(catalog, forms(word)).values()) for word in asked}
        weights = _weights(own(connection).sizes(connection)[0], rows)
        telling = [word for word in asked if weights[word] >= TELLING * max(weights.values())]
        if not telling:
            return set()
        return set(own(connection).holding(connection, [forms(word) for word in telling]))


def things_with(catalog: Catalog, words: Sequence[str]) -> int:
    """How many files have every one of some words that `match` gave, in something of or about them.

    Where very many items have them, how many do.
    """
    groups = [[word] for word in words]
    with catalog.connected() as connection:
        known = catalog.counts()
        key = " ".join(("", *words))
        if key not in known:
            rows = own(connection).count(connection, groups)
            is_few = rows <= _MOST_TOLD
            known[key] = own(connection).count_things(connection, groups) if is_few else rows
        return known[key]


@dataclass(frozen=True, slots=True)
class _Query:
    """The words of a query, with what each weighs, and what it counts in BM25."""

    rows: Mapping[str, int]
    """How many rows have each word."""
    weights: Mapping[str, float]
    idf: Mapping[str, float]
    length: float
    """The mean length of a row in words."""
    total: float
    """The sum of the weights."""

    @classmethod
    def of(cls, counts: WordCounts, asked: Sequence[str]) -> _Query:
        """The `asked` words, by how many rows have each."""
        rows = counts.rows(asked)
        total, words = counts.sizes()
        total = max(total, *rows.values(), 1) if rows else 1
        idf = {
            word: max(_LEAST_IDF, log((total - count + 0.5) / (count + 0.5)))
            for word, count in rows.items()
        }
        weights = _weights(total, rows)
        return cls(rows, weights, idf, max(words / total, 1.0), sum(weights.values()))

    def score(self, held: Sequence[str]) -> float:
        """The BM25 of a row with these words (Robertson and Zaragoza 2009)."""
        share = _K1 * (1 - _B + _B * len(held) / self.length)
        times: dict[str, int] = {}
        for word in held:
            if word in self.idf:
                times[word] = times.get(word, 0) + 1
        return sum(
            self.idf[word] * often * (_K1 + 1) / (often + share) for word, often in times.items()
        )

    def match(self, item: int, by: int, thing: int, piece: _Piece) -> Match:
        """What an item of a thing is found by, with the words of the row `by`."""
        held = piece.held[by]
        matched = tuple([word for word in self.weights if word in held])
        share = sum([self.weights[word] for word in matched]) / self.total
        return Match(item, by, thing, piece.scores[by], share, matched)

    def chosen(self, least: float) -> list[str]:
        """The rarest words without which no row has the share `least`, as many as are together in
        at most `MOST_ROWS` rows; at least one.
        """
        chosen: list[str] = []
        total, left = 0, sum(self.weights[word] for word in self.rows if self.rows[word])
        needed = least * self.total
        for count, word in sorted((self.rows[word], word) for word in self.rows):
            if not count:
                continue
            total += count
            if chosen and (total > MOST_ROWS or left < needed):
                break
            chosen.append(word)
            left -= self.weights[word]
        return chosen


class _Piece(NamedTuple):
    """Some rows, the best first, with their words and their scores."""

    order: list[int]
    held: Mapping[int, Sequence[str]]
    scores: Mapping[int, float]


def _scored(connection: sa.Connection, query: _Query, least: float) -> Iterator[_Piece]:
    """The candidates in pieces, each read and in order."""
    for rows in _candidates(connection, query, least):
        held = own(connection).texts(connection, rows)
        scores = {row: query.score(words) for row, words in held.items()}
        yield _Piece(sorted(held, key=lambda row: (-scores[row], row)), held, scores)


def _candidates(connection: sa.Connection, query: _Query, least: float) -> Iterator[list[int]]:
    """Rows that have some of the rarest words, those first whose words weigh most, in pieces."""
    chosen = query.chosen(least)
    if not chosen:
        return
    if query.rows[chosen[0]] > MOST_ROWS:
        yield from _common(connection, query, chosen[0])
        return
    holding = partial(own(connection).holding, connection)
    parts = [(holding([[word]]), query.weights[word]) for word in chosen]
    rows = distinct([row for own, _ in parts for row in own])
    if len(rows) > _FIRST:
        least_weight = _ADDING * query.total
        for word in query.rows:
            if word not in chosen and query.rows[word] and query.weights[word] >= least_weight:
                parts.append((holding([chosen, [word]]), query.weights[word]))
    values = np.repeat([weight for _, weight in parts], [len(own) for own, _ in parts])
    places = np.searchsorted(rows, np.concatenate([own for own, _ in parts]))
    weights = np.bincount(places, values, len(rows))
    order = rows[np.lexsort((rows, -weights))].tolist()
    start, size = 0, _FIRST
    while start < len(order):
        yield order[start : start + size]
        start, size = start + size, 8 * size


def _common(connection: sa.Connection, query: _Query, word: str) -> Iterator[list[int]]:
    """Rows with a word that is in many: those with all the other words first, then by number."""
    every = [[one] for one in query.rows if query.rows[one]]
    size, after = _FIRST, LEAST
    if len(every) > 1:
        yield own(connection).holding(connection, every, most=size)
    while rows := own(connection).holding(connection, [[word]], after, size):
        yield rows
        after, size = rows[-1], 8 * size


def _found(
    connection: sa.Connection, rows: Sequence[int], scope: Scope
) -> Iterator[tuple[int, int, int]]:
    """Items within `scope`, each with the row that finds it and its thing, in the rows' order."""
    for start in range(0, len(rows), _ASKED):
        some = rows[start : start + _ASKED]
        within = _within(connection, some, scope)
        for row in some:
            if row not in scope.left_out:
                own = within.get(row, ())
                yield from ((item, row, of) for item, of in own if item not in scope.left_out)


def _within(
    connection: sa.Connection, rows: Sequence[int], scope: Scope
) -> dict[int, list[tuple[int, int]]]:
    """By the items whose words matched those within `scope` that they find, with their things."""
    is_image, wanted = scope.modality is Modality.IMAGE, scope.wanted
    found = _reached(is_image, scope.kind is not None, wanted).rows(
        connection,
        rows=listing(rows),
        space=scope.space,
        modality=str(scope.modality),
        kind=scope.kind,
    )
    within: dict[int, list[tuple[int, int]]] = {}
    for row, item, thing, latitude, longitude in found:
        if is_near(wanted, latitude, longitude):
            within.setdefault(row, []).append((item, thing))
    return within


@lru_cache(_STATEMENTS)
def _reached(is_image: bool, has_kind: bool, wanted: Filter) -> Prepared:
    """The items of a modality in a space, of a kind if it has one, that some rows are found by."""
    by, found, embeddings = schema.items.alias(), schema.items, schema.embeddings.c
    reached = found.c.id == by.c.id
    if is_image:
        reached |= found.c.asset == by.c.about
    embedded = sa.select(embeddings.id).where(
        embeddings.item == found.c.id, embeddings.space + 0 == given("space")
    )
    query = (
        sa.select(by.c.id, found.c.id, sa.func.coalesce(found.c.about, found.c.asset))
        .join(found, reached)
        .where(
            by.c.id.in_(listed("rows")),
            found.c.modality == given("modality"),
            found.c.kind != PAGE,  # its file's name says nothing of one page among many
            embedded.exists(),
        )
        .order_by(found.c.id)
    )
    if wanted == Filter():
        query = query.add_columns(sa.null(), sa.null())
    else:
        assets = schema.assets.c
        query = query.join(schema.assets, assets.id == sa.func.coalesce(by.c.about, by.c.asset))
        query = query.where(*conditions(wanted)).add_columns(assets.latitude, assets.longitude)
    if has_kind:
        query = query.where(found.c.kind == given("kind"))
    return Prepared(query)


def _weights(total: int, rows: Mapping[str, int]) -> dict[str, float]:
    """How much each word says, by the number of rows that have it: the idf of BM25, above 0.

    Function words say as little as if half of the rows had them: a small store may lack them.
    """
    total = max(total, *rows.values(), 0)
    known = {word: max(rows[word], total / 2 if word in _SMALL else 0) for word in rows}
    return {word: log(1 + (total - count + 0.5) / (count + 0.5)) for word, count in known.items()}
