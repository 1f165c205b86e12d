"""SQLite's index of words, FTS5: what makes it, fills it and looks into it."""

# Tested by tests/unit/cmsearch/store/catalog/test_fulltext.py

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import sqlalchemy as sa

_WORDS_OF = """
    SELECT items.id, CASE WHEN items.text IS NOT NULL
        THEN text_words(items.text) ELSE path_words(assets.path) END AS text
    FROM items JOIN assets ON assets.id = items.asset"""
_FILL = f"INSERT INTO words (rowid, text) {_WORDS_OF}"
# Its words stand in it with spaces between them, at which alone the tokenizer `ascii` divides
# what `terms` gives. It keeps them, so that a row is deleted by its id: an FTS5 table without
# content of its own must be told, and told exactly, what stood in a row that goes.
MAKE = (
    "DROP TABLE IF EXISTS words",
    "CREATE VIRTUAL TABLE words USING fts5(text, tokenize = 'ascii')",
    f"{_FILL} ORDER BY items.id",
)
"""The statements that make the table `words` anew from the items and their assets."""
_FILL_ITEM = sa.text(f"{_FILL} WHERE items.id = :item")
_PICTURES = "items.asset = :asset AND items.text IS NULL"
_FILL_PICTURES = sa.text(f"{_FILL} WHERE {_PICTURES}")
_EMPTY_PICTURES = sa.text(
    f"DELETE FROM words WHERE rowid IN (SELECT items.id FROM items WHERE {_PICTURES})"
)
_COUNT = sa.text("SELECT count(*) FROM words WHERE words MATCH :words")
_RANK = sa.text(
    "SELECT rowid, bm25(words) AS score FROM words WHERE words MATCH :words ORDER BY score, rowid"
)
_HOLDING = sa.text("SELECT rowid FROM words WHERE words MATCH :words")
_COUNTS = "CREATE VIRTUAL TABLE IF NOT EXISTS temp.word_counts USING fts5vocab(main, words, row)"
_HELD = "SELECT rowid, text FROM words"
_DAMAGES = ("malformed", "no such table", "vtable constructor failed")

Groups = Sequence[Sequence[str]]
"""What a row has to have: a word of every group. Words have no quotes in them."""


def make(connection: sa.Connection) -> None:
    """Make the table `words` anew, as a transaction begins."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    for statement in MAKE:
        connection.execute(sa.text(statement))


def fill_item(connection: sa.Connection, item: int) -> None:
    """Add the words of an item that has none yet."""
    connection.execute(_FILL_ITEM, {"item": item})


def refill_pictures(connection: sa.Connection, asset: int) -> None:
    """Bring the words of an asset's pictures, which are those of its path, up to date."""
    for statement in (_EMPTY_PICTURES, _FILL_PICTURES):
        connection.execute(statement, {"asset": asset})


def count(connection: sa.Connection, groups: Groups) -> int:
    """How many rows have a word of every group."""
    return int(connection.execute(_COUNT, {"words": _expression(groups)}).scalar_one())


def holding(connection: sa.Connection, groups: Groups) -> set[int]:
    """The rows that have a word of every group."""
    return set(connection.execute(_HOLDING, {"words": _expression(groups)}).scalars())


def ranked(
    connection: sa.Connection, words: Sequence[str], size: int
) -> Iterator[list[tuple[int, float]]]:
    """The rows that have any of the words, the best first, each with its BM25: the lower, the
    better. The first piece has `size` rows, each other one eight times as many as that before.
    """
    with connection.execute(_RANK, {"words": _expression([words])}) as ranking:
        while piece := ranking.fetchmany(size):
            yield [(row[0], row[1]) for row in piece]
            size *= 8


def agree(connection: sa.Connection) -> bool:
    """Whether the table and its index have the words of every item, and no others."""
    try:
        wrong = connection.exec_driver_sql(
            f"SELECT * FROM (SELECT * FROM ({_WORDS_OF}) EXCEPT {_HELD}) UNION ALL "
            f"SELECT * FROM ({_HELD} EXCEPT SELECT * FROM ({_WORDS_OF})) LIMIT 1"
        )
        lengths = connection.exec_driver_sql("SELECT count(id) FROM words_docsize").scalar_one()
        held = connection.exec_driver_sql("SELECT count(*) FROM words").scalar_one()
        if wrong.first() is not None or lengths != held:
            return False
        return _indexed(connection) == _counted(connection)
    except sa.exc.DatabaseError as error:
        if any(reason in str(error.orig) for reason in _DAMAGES):
            return False
        raise


def _expression(groups: Groups) -> str:
    """An expression of FTS5 for rows with a word of every group."""
    return " AND ".join(f"({' OR '.join(_quoted(words))})" for words in groups)


def _quoted(words: Sequence[str]) -> list[str]:
    return [f'"{word}"' for word in words]


def _indexed(connection: sa.Connection) -> dict[str, tuple[int, int]]:
    """By word the rows that have it in the index, and how often they do."""
    connection.exec_driver_sql(_COUNTS)
    rows = connection.exec_driver_sql("SELECT term, doc, cnt FROM word_counts").fetchall()
    connection.exec_driver_sql("DROP TABLE temp.word_counts")
    return {word: (rows_with, times) for word, rows_with, times in rows}


def _counted(connection: sa.Connection) -> dict[str, tuple[int, int]]:
    """The same, counted in what the table holds."""
    rows, times = Counter[str](), Counter[str]()
    for _, text in connection.exec_driver_sql(_HELD):
        found = text.split()
        rows.update(set(found))
        times.update(found)
    return {word: (rows[word], times[word]) for word in times}
