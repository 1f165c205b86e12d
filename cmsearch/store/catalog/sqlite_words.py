"""SQLite's index of words, FTS5: what makes it, fills it and looks into it."""

# Tested by tests/unit/cmsearch/store/catalog/test_fulltext.py

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import sqlalchemy as sa

from cmsearch.store.catalog.prepared import Prepared, listing
from cmsearch.store.catalog.terms import LEAST

# What a caption says of a picture, or is written in it, leads to it, which has the words of its
# path itself.
_NAMED = "(items.text IS NULL OR items.kind NOT IN ('caption', 'ocr'))"
# What programs and people noted of a file finds what is in it, as the words of its path do.
_NOTED = """coalesce((SELECT ' ' || group_concat(noted, ' ') FROM (
        SELECT DISTINCT text_words(notes.value) AS noted FROM notes
        WHERE notes.about = assets.id AND notes.kind IN ('keyword', 'person', 'place')
        ORDER BY 1)), '')"""
_BARE = """
    SELECT items.id, CASE
        WHEN items.text IS NULL THEN path_words(assets.path){}
        WHEN items.kind IN ('caption', 'ocr') THEN text_words(items.text)
        ELSE text_words(items.text) || ' ' || path_words(assets.path) END AS text
    FROM items JOIN assets ON assets.id = coalesce(items.about, items.asset)"""
_WORDS_OF = _BARE.format(f" || {_NOTED}")
_FILL = f"INSERT INTO words (rowid, text) {_WORDS_OF}"
_FILL_BARE = f"INSERT INTO words (rowid, text) {_BARE.format('')}"
# Its words stand in it with spaces between them, at which alone the tokenizer `ascii` divides
# what `terms` gives. It keeps them, so that a row is deleted by its id: an FTS5 table without
# content of its own must be told, and told exactly, what stood in a row that goes.
_TABLE = (
    "DROP TABLE IF EXISTS words",
    "CREATE VIRTUAL TABLE words USING fts5(text, tokenize = 'ascii')",
)
MAKE = (*_TABLE, f"{_FILL} ORDER BY items.id")
"""The statements that make the table `words` anew from the items and their assets."""
MAKE_BARE = (*_TABLE, f"{_FILL_BARE} ORDER BY items.id")
"""The same for a catalog of before there were notes."""
_FILL_ITEMS = Prepared(
    sa.text(f"{_FILL} WHERE items.id IN (SELECT value FROM json_each(:items)) ORDER BY items.id")
)
_FILL_AFTER = sa.text(f"{_FILL} WHERE items.id > :after ORDER BY items.id")
_TEXTS_NAMED = "items.text IS NOT NULL AND items.kind NOT IN ('caption', 'ocr')"
_EMPTY = "DELETE FROM words WHERE rowid IN (SELECT items.id FROM items WHERE {})"
NAME_TEXTS = (_EMPTY.format(_TEXTS_NAMED), f"{_FILL_BARE} WHERE {_TEXTS_NAMED}")
"""The statements that add the words of their paths to texts that had none of these."""
_OF_ASSET = f"(items.asset = :asset OR items.about = :asset) AND {_NAMED}"
_RENAME = (
    Prepared(sa.text(_EMPTY.format(_OF_ASSET))),
    Prepared(sa.text(f"{_FILL} WHERE {_OF_ASSET}")),
)
_MATCHING = "FROM words WHERE words MATCH :words"
_COUNT = Prepared(sa.text(f"SELECT count(*) {_MATCHING}"))
_COUNT_THINGS = Prepared(
    sa.text(
        "SELECT count(DISTINCT coalesce(items.about, items.asset)) FROM items"
        f" WHERE items.id IN (SELECT rowid {_MATCHING})"
    )
)
_COUNT_EACH = Prepared(
    sa.text(
        "SELECT (SELECT count(*) FROM words WHERE words MATCH asked.value) "
        "FROM json_each(:words) AS asked ORDER BY asked.key"
    )
)
_HOLDING = Prepared(sa.text(f"SELECT rowid {_MATCHING} AND rowid > :after LIMIT :most"))
_TEXTS = Prepared(
    sa.text("SELECT rowid, text FROM words WHERE rowid IN (SELECT value FROM json_each(:rows))")
)
_AVERAGES = Prepared(sa.text("SELECT block FROM words_data WHERE id = 1"))
_COUNTS = "CREATE VIRTUAL TABLE IF NOT EXISTS temp.word_counts USING fts5vocab(main, words, row)"
_STARTING = Prepared(
    sa.text(
        "SELECT term, doc FROM (SELECT term, doc FROM temp.word_counts"
        " WHERE term >= :word AND term < :after LIMIT :looked)"
        " ORDER BY doc DESC, term LIMIT :most"
    )
)
# What has no text of its own has the words of its path, and others of what is noted of it.
_NAMED_WITH = Prepared(
    sa.text(
        f"SELECT DISTINCT assets.path FROM (SELECT rowid {_MATCHING} LIMIT :looked) AS found"
        " JOIN items ON items.id = found.rowid"
        " JOIN assets ON assets.id = coalesce(items.about, items.asset)"
        " WHERE items.text IS NULL OR items.kind NOT IN ('caption', 'ocr')"
    )
)
_LOOKED, _LOOKED_ROWS = 2_000, 500
"""Words, and rows, that are looked at for a beginning of a word."""
_HELD = "SELECT rowid, text FROM words"
_LONGEST_RECORD = 18
_TOLD = 10_000
_DAMAGES = ("malformed", "no such table", "vtable constructor failed")

Groups = Sequence[Sequence[str]]
"""What a row has to have: a word of every group. Words have no quotes in them."""


def make(connection: sa.Connection) -> None:
    """Make the table `words` anew, as a transaction begins."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    for statement in MAKE:
        connection.execute(sa.text(statement))


def fill_items(connection: sa.Connection, items: Iterable[int]) -> None:
    """Add the words of items that have none yet."""
    _FILL_ITEMS.rows(connection, items=listing(items))


def fill_after(connection: sa.Connection, item: int) -> None:
    """Add the words of all items of higher numbers, none of which has any yet."""
    connection.execute(_FILL_AFTER, {"after": item})


def refill_named(connection: sa.Connection, asset: int) -> None:
    """Bring the words of what is in an asset or said of it, with its path's, up to date."""
    for statement in _RENAME:
        statement.rows(connection, asset=asset)


def count(connection: sa.Connection, groups: Groups) -> int:
    """How many rows have a word of every group."""
    ((found,),) = _COUNT.rows(connection, words=_expression(groups))
    return int(found)


def count_things(connection: sa.Connection, groups: Groups) -> int:
    """How many files the rows that have a word of every group are of, or about."""
    ((found,),) = _COUNT_THINGS.rows(connection, words=_expression(groups))
    return int(found)


def count_each(connection: sa.Connection, words: Sequence[str]) -> dict[str, int]:
    """How many rows have each of some words."""
    rows = _COUNT_EACH.rows(connection, words=listing(_expression([[word]]) for word in words))
    return {word: int(row[0]) for word, row in zip(words, rows, strict=True)}


def holding(
    connection: sa.Connection, groups: Groups, after: int = LEAST, most: int = -1
) -> list[int]:
    """The rows that have a word of every group, in order; at most so many `after` a row."""
    rows = _HOLDING.rows(connection, words=_expression(groups), after=after, most=most)
    return [row[0] for row in rows]


def starting(connection: sa.Connection, word: str, most: int) -> list[tuple[str, int]]:
    """Words that begin so, and in how many rows each is: the most frequent of the first `_LOOKED`
    in their order.
    """
    connection.exec_driver_sql(_COUNTS)
    rows = _STARTING.rows(
        connection, word=word, after=f"{word}\U0010ffff", looked=_LOOKED, most=most
    )
    connection.exec_driver_sql("DROP TABLE temp.word_counts")
    return [(str(word), int(count)) for word, count in rows]


def named_with(connection: sa.Connection, words: Sequence[str]) -> list[str]:
    """The paths of files whose rows have some words, of which the last may go on; among the first
    `_LOOKED_ROWS` of such rows.
    """
    *whole, begun = words
    expression = " AND ".join([*_quoted(whole), f'"{begun}" *'])
    rows = _NAMED_WITH.rows(connection, words=expression, looked=_LOOKED_ROWS)
    return [str(row[0]) for row in rows]


def texts(connection: sa.Connection, rows: Iterable[int]) -> dict[int, list[str]]:
    """The words of some rows, in order."""
    return {row: text.split() for row, text in _TEXTS.rows(connection, rows=listing(rows))}


def sizes(connection: sa.Connection) -> tuple[int, int]:
    """How many rows there are, and how many words in all of them, as FTS5 has noted them.

    It keeps both as the first numbers of a record, each in groups of 7 bits, the highest first.
    """
    rows = _AVERAGES.rows(connection)
    record = rows[0][0] if rows and isinstance(rows[0][0], bytes) else b""
    numbers, number = [], 0
    for byte in record[:_LONGEST_RECORD]:
        number = (number << 7) | (byte & 0x7F)
        if byte < 0x80:
            numbers.append(number)
            number = 0
    rows_, words = (*numbers, 0, 0)[:2]
    return rows_, words


def agree(connection: sa.Connection, tell: Callable[[int], object] = lambda items: None) -> bool:
    """Whether the table and its index have the words of every item, and no others.

    Says with `tell` how many items were looked at.
    """
    try:
        lengths, held, wanted = (
            connection.exec_driver_sql(f"SELECT count({column}) FROM {table}").scalar_one()
            for column, table in (("id", "words_docsize"), ("*", "words"), ("*", "items"))
        )
        if not lengths == held == wanted:
            return False
        counted = _counted(connection, tell)
        return counted is not None and counted == _indexed(connection)
    except sa.exc.DatabaseError as error:
        if any(reason in str(error.orig) for reason in _DAMAGES):
            return False
        raise


def _expression(groups: Groups) -> str:
    """An expression of FTS5 for rows with a word of every group."""
    return " AND ".join(f"({' OR '.join(_quoted(words))})" for words in groups)


def _quoted(words: Sequence[str]) -> list[str]:
    return [f'"{word}"' for word in words]


def _indexed(connection: sa.Connection) -> tuple[int, int]:
    """Of all words in the index the sum of their hashes times the rows that have each, and the sum
    of these times how often they do.

    Two indexes of which both are equal are of the same words: with 64 bits that chance gives, as
    `hash` has them, another one fits with a probability of 2⁻⁶⁴.
    """
    connection.exec_driver_sql(_COUNTS)
    rows, times = 0, 0
    for word, rows_with, often in connection.exec_driver_sql(
        "SELECT term, doc, cnt FROM word_counts"
    ):
        number = hash(word)
        rows, times = rows + number * rows_with, times + number * often
    connection.exec_driver_sql("DROP TABLE temp.word_counts")
    return rows, times


def _counted(connection: sa.Connection, tell: Callable[[int], object]) -> tuple[int, int] | None:
    """The same, of what the table holds; None where that isn't the words of the items."""
    found = connection.exec_driver_sql(
        f"SELECT made.text, words.text FROM ({_WORDS_OF}) AS made"
        " LEFT JOIN words ON words.rowid = made.id"
    )
    rows, times = 0, 0
    for done, (made, held) in enumerate(found, 1):
        if made != held:
            return None
        words = [hash(word) for word in held.split()]
        rows, times = rows + sum(set(words)), times + sum(words)
        if done % _TOLD == 0:
            tell(done)
    return rows, times
