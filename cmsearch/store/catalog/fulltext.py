"""Finding items by exact words: BM25 over the catalog's full-text index."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import log

import sqlalchemy as sa

from cmsearch.store.catalog import schema, sqlite, sqlite_words
from cmsearch.store.catalog.budget import timed
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.catalog.filters import conditions, is_near
from cmsearch.store.catalog.terms import forms, terms
from cmsearch.types import Filter, Modality

MOST_WORDS = 64
"""Different words of a query that count, from its beginning."""
MOST_ROWS = 10_000
"""Rows that have a query's words before its commoner words are left out; about 10 ms of work."""
TELLING = 0.25
_FIRST = 200  # rows looked at first; then eight times as many, while a filter leaves too few


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


@dataclass(frozen=True, slots=True)
class Match:
    """An item that words were found for.

    `by` is the item whose words they are: itself, or a caption about it. `score` is their BM25,
    the higher the better, comparable only within one query. `words` are those of the query that
    matched, in its order, and `share`, from 0 to 1, is what they weigh among all of the query's:
    1 if every one matched. A rare word weighs more than a common one, and one that is nowhere
    the most.
    """

    item: int
    by: int
    score: float
    share: float
    words: tuple[str, ...]


def match(catalog: Catalog, text: str, limit: int, scope: Scope) -> list[Match]:
    """The items within `scope` that have words of a text, at most `limit`, the best first.

    A picture is found by the words of its own path and by those of its captions, of which the
    best one counts. No sign in `text` has a meaning; one without a word finds nothing.
    """
    with catalog.connected() as connection:
        return _matches(connection, text, limit, scope)


def _matches(connection: sa.Connection, text: str, limit: int, scope: Scope) -> list[Match]:
    asked = list(dict.fromkeys(terms(text)))[:MOST_WORDS]
    rows = {word: sqlite_words.count(connection, [[word]]) for word in asked}
    found: dict[int, tuple[int, float]] = {}
    for item, by, score in _ranked(connection, _looked_up(rows), scope):
        if len(found) == limit and item not in found:
            break
        found.setdefault(item, (by, score))
    weights = _weights(connection, rows)
    held = _held(connection, [by for by, _ in found.values()])
    return [
        _match(item, by, score, weights, held.get(by, frozenset()))
        for item, (by, score) in found.items()
    ]


def items_with(catalog: Catalog, text: str) -> set[int]:
    """The items with every word of a text that says something, in the singular or the plural.

    That is every word with at least a quarter of the weight of the rarest one.
    """
    asked = list(dict.fromkeys(terms(text)))[:MOST_WORDS]
    with catalog.connected() as connection:
        rows = {
            word: sum(sqlite_words.count(connection, [[form]]) for form in forms(word))
            for word in asked
        }
        weights = _weights(connection, rows)
        telling = [word for word in asked if weights[word] >= TELLING * max(weights.values())]
        if not telling:
            return set()
        return sqlite_words.holding(connection, [forms(word) for word in telling])


def rows_with(catalog: Catalog, words: Sequence[str]) -> int:
    """How many items have every one of some words that `match` gave."""
    with catalog.connected() as connection:
        return sqlite_words.count(connection, [[word] for word in words])


def _looked_up(rows: Mapping[str, int]) -> list[str]:
    """The rarest words, as many as are together in at most `MOST_ROWS` rows; at least one."""
    chosen: list[str] = []
    total = 0
    for word in sorted((word for word in rows if rows[word]), key=lambda word: rows[word]):
        total += rows[word]
        if chosen and total > MOST_ROWS:
            break
        chosen.append(word)
    return chosen


def _ranked(
    connection: sa.Connection, words: Sequence[str], scope: Scope
) -> Iterator[tuple[int, int, float]]:
    """Items within `scope`, each with the item whose words matched and their score."""
    if not words:
        return
    for piece in sqlite_words.ranked(connection, words, _FIRST):
        within = _within(connection, [row[0] for row in piece], scope)
        for by, score in piece:
            for item in within.get(by, ()) if by not in scope.left_out else ():
                if item not in scope.left_out:
                    yield item, by, -score


def _within(connection: sa.Connection, rows: Sequence[int], scope: Scope) -> dict[int, list[int]]:
    """By the items whose words matched those within `scope` that are found by them."""
    by, found = schema.items.alias(), schema.items
    listed = sqlite.listed(rows)
    reached = found.c.id == by.c.id
    if scope.modality is not Modality.TEXT:
        reached |= found.c.asset == by.c.about
    embedded = sa.select(schema.embeddings.c.id).where(
        schema.embeddings.c.item == found.c.id, schema.embeddings.c.space == scope.space
    )
    query = (
        sa.select(by.c.id, found.c.id, schema.assets.c.latitude, schema.assets.c.longitude)
        .join(found, reached)
        .join(schema.assets, schema.assets.c.id == sa.func.coalesce(by.c.about, by.c.asset))
        .where(
            by.c.id.in_(listed),
            found.c.modality == scope.modality,
            found.c.kind != "page",  # its file's name says nothing of one page among many
            embedded.exists(),
        )
        .where(*conditions(scope.wanted))
        .order_by(found.c.id)
    )
    if scope.kind is not None:
        query = query.where(found.c.kind == scope.kind)
    within: dict[int, list[int]] = {}
    for row, item, latitude, longitude in connection.execute(query):
        if is_near(scope.wanted, latitude, longitude):
            within.setdefault(row, []).append(item)
    return within


def _weights(connection: sa.Connection, rows: Mapping[str, int]) -> dict[str, float]:
    """How much each word says, by the number of rows that have it: the idf of BM25, above 0."""
    query = sa.select(sa.func.count()).select_from(schema.items)
    with timed(connection):
        total = max(connection.execute(query).scalar_one(), *rows.values(), 0)
    return {word: log(1 + (total - count + 0.5) / (count + 0.5)) for word, count in rows.items()}


def _held(connection: sa.Connection, rows: Sequence[int]) -> dict[int, frozenset[str]]:
    """The words of some rows."""
    held = {}
    for chunk in schema.chunks(rows):
        query = sa.select(schema.words).where(schema.words.c.rowid.in_(chunk))
        held.update({row: frozenset(text.split()) for row, text in connection.execute(query)})
    return held


def _match(
    item: int, by: int, score: float, weights: Mapping[str, float], held: frozenset[str]
) -> Match:
    matched = tuple(word for word in weights if word in held)
    share = sum(weights[word] for word in matched) / sum(weights.values())
    return Match(item, by, score, share, matched)
