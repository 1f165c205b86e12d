"""PostgreSQL's index of words: a `tsvector` of exactly the words that `terms` gives."""

# Tested by tests/unit/cmsearch/store/catalog/test_postgres.py

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import sqlalchemy as sa

from cmsearch.store.catalog.postgres_schema import STATE
from cmsearch.store.catalog.prepared import listing
from cmsearch.store.catalog.terms import LEAST, path_words, text_words

_MADE_FROM = """
    SELECT items.id, items.text, items.kind, assets.path,
        (SELECT array_agg(notes.value) FROM notes WHERE notes.about = assets.id
         AND notes.kind IN ('keyword', 'person', 'place')) AS noted
    FROM items JOIN assets ON assets.id = coalesce(items.about, items.asset)"""
_NAMED = "(items.text IS NULL OR items.kind NOT IN ('caption', 'ocr'))"
_OF_ASSET = f"(items.asset = :asset OR items.about = :asset) AND {_NAMED}"
_PUT = sa.text(
    "INSERT INTO words (rowid, text) SELECT own.value, held.value FROM each_number(:rows) AS own"
    " JOIN each_text(:texts) AS held ON held.key = own.key"
)
_EMPTY = sa.text(f"DELETE FROM words WHERE rowid IN (SELECT items.id FROM items WHERE {_OF_ASSET})")
_SOME = sa.text(f"{_MADE_FROM} WHERE items.id IN (SELECT value FROM each_number(:items))")
_AFTER = sa.text(f"{_MADE_FROM} WHERE items.id > :after ORDER BY items.id LIMIT :most")
_NAMED_BY = sa.text(f"{_MADE_FROM} WHERE {_OF_ASSET}")
_MATCHING = "FROM words WHERE found @@ CAST(:words AS tsquery)"
_COUNT = sa.text(f"SELECT count(*) {_MATCHING}")
_COUNT_THINGS = sa.text(
    "SELECT count(DISTINCT coalesce(items.about, items.asset)) FROM items"
    f" WHERE items.id IN (SELECT rowid {_MATCHING})"
)
_COUNT_EACH = sa.text(
    "SELECT (SELECT count(*) FROM words WHERE found @@ CAST(asked.value AS tsquery))"
    " FROM each_text(:words) AS asked ORDER BY asked.key"
)
_HOLDING = sa.text(f"SELECT rowid {_MATCHING} AND rowid > :after ORDER BY rowid LIMIT :most")
_TEXTS = sa.text(
    "SELECT rowid, text FROM words WHERE rowid IN (SELECT value FROM each_number(:rows))"
)
_SIZES = sa.text(f"SELECT words_rows, words_all FROM {STATE}")
_HELD = sa.text("SELECT rowid, text FROM words WHERE rowid > :after ORDER BY rowid LIMIT :most")
_WITH = sa.text(f"SELECT text {_MATCHING} LIMIT :looked")
_NAMED_WITH = sa.text(
    f"SELECT DISTINCT assets.path FROM (SELECT rowid {_MATCHING} LIMIT :looked) AS held"
    " JOIN items ON items.id = held.rowid"
    " JOIN assets ON assets.id = coalesce(items.about, items.asset)"
    f" WHERE {_NAMED}"
)
_LOOKED, _LOOKED_WORDS, _LOOKED_ROWS = 20_000, 2_000, 500
"""Rows, and words, that are looked at for a beginning of a word, and rows for those of names."""
_PAGE = 5_000

Groups = Sequence[Sequence[str]]


def make(connection: sa.Connection) -> None:
    """Make the table `words` anew."""
    connection.execute(sa.text("DELETE FROM words"))
    fill_after(connection, LEAST)


def fill_items(connection: sa.Connection, items: Iterable[int]) -> None:
    """Add the words of items that have none yet."""
    _fill(connection, connection.execute(_SOME, {"items": listing(items)}))


def fill_after(connection: sa.Connection, item: int) -> None:
    """Add the words of all items of higher numbers, none of which has any yet."""
    for rows in _pages(connection, _AFTER, item):
        _fill(connection, rows)


def refill_named(connection: sa.Connection, asset: int) -> None:
    """Bring the words of what is in an asset or said of it, with its path's, up to date."""
    connection.execute(_EMPTY, {"asset": asset})
    _fill(connection, connection.execute(_NAMED_BY, {"asset": asset}))


def count(connection: sa.Connection, groups: Groups) -> int:
    """How many rows have a word of every group."""
    return int(connection.execute(_COUNT, {"words": _expression(groups)}).scalar_one())


def count_things(connection: sa.Connection, groups: Groups) -> int:
    """How many files the rows that have a word of every group are of, or about."""
    return int(connection.execute(_COUNT_THINGS, {"words": _expression(groups)}).scalar_one())


def count_each(connection: sa.Connection, words: Sequence[str]) -> dict[str, int]:
    """How many rows have each of some words."""
    asked = listing([_expression([[word]]) for word in words])
    rows = connection.execute(_COUNT_EACH, {"words": asked})
    return {word: int(row[0]) for word, row in zip(words, rows, strict=True)}


def holding(
    connection: sa.Connection, groups: Groups, after: int = LEAST, most: int = -1
) -> list[int]:
    """The rows that have a word of every group, in order; at most so many `after` a row."""
    asked = {"words": _expression(groups), "after": after, "most": None if most < 0 else most}
    return [int(row[0]) for row in connection.execute(_HOLDING, asked)]


def starting(connection: sa.Connection, word: str, most: int) -> list[tuple[str, int]]:
    """Words that begin so, and in how many rows each is, the most frequent first: of the first in
    their order, in some rows that have any.
    """
    rows = connection.execute(_WITH, {"words": f"'{word}':*", "looked": _LOOKED})
    found: dict[str, int] = {}
    for (text,) in rows:
        for own in {one for one in text.split() if one.startswith(word)}:
            found[own] = found.get(own, 0) + 1
    first = sorted(found)[:_LOOKED_WORDS]
    return sorted(((own, found[own]) for own in first), key=lambda one: (-one[1], one[0]))[:most]


def named_with(connection: sa.Connection, words: Sequence[str]) -> list[str]:
    """The paths of files whose rows have some words, of which the last may go on."""
    *whole, begun = words
    expression = " & ".join([*_quoted(whole), f"'{begun}':*"])
    rows = connection.execute(_NAMED_WITH, {"words": expression, "looked": _LOOKED_ROWS})
    return [str(row[0]) for row in rows]


def texts(connection: sa.Connection, rows: Iterable[int]) -> dict[int, list[str]]:
    """The words of some rows, in order."""
    found = connection.execute(_TEXTS, {"rows": listing(rows)})
    return {int(row): text.split() for row, text in found}


def sizes(connection: sa.Connection) -> tuple[int, int]:
    """How many rows there are, and how many words in all of them."""
    rows, words = connection.execute(_SIZES).one()
    return int(rows), int(words)


def agree(connection: sa.Connection, tell: Callable[[int], object] = lambda items: None) -> bool:
    """Whether the table has the words of every item, and no others."""
    held = chain.from_iterable(_pages(connection, _HELD))
    made = chain.from_iterable(_pages(connection, _AFTER))
    for done, (number, *made_from) in enumerate(made, 1):
        if next(held, None) != (number, _words(*made_from)):
            return False
        if done % _PAGE == 0:
            tell(done)
    return next(held, None) is None


def _pages(
    connection: sa.Connection, query: sa.TextClause, after: int = LEAST
) -> Iterator[list[tuple[Any, ...]]]:
    """The rows that a query gives in the order of their numbers, a page after the other."""
    while rows := connection.execute(query, {"after": after, "most": _PAGE}).fetchall():
        yield [tuple(row) for row in rows]
        after = int(rows[-1][0])


def _fill(connection: sa.Connection, rows: Iterable[Sequence[object]]) -> None:
    made = {int(str(row[0])): _words(*row[1:]) for row in rows}
    if made:  # by one statement, after which the sums are brought up to date
        connection.execute(_PUT, {"rows": listing(made), "texts": listing(made.values())})


def _words(*made_from: object) -> str:
    """The words of an item by its text and kind, the path of what it is about and its notes."""
    text, kind, path, noted = made_from
    if kind in ("caption", "ocr") and text is not None:
        return text_words(str(text))
    if text is not None:
        return f"{text_words(str(text))} {path_words(str(path))}"
    notes = sorted({text_words(str(value)) for value in noted}) if isinstance(noted, list) else []
    return " ".join([path_words(str(path)), *notes])


def _expression(groups: Groups) -> str:
    """An expression for rows with a word of every group, which nothing parses further."""
    return " & ".join(f"({' | '.join(_quoted(words))})" for words in groups)


def _quoted(words: Sequence[str]) -> list[str]:
    return ["'{}'".format(word.replace("\\", "\\\\").replace("'", "''")) for word in words]
