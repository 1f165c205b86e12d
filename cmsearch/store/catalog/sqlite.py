"""What only SQLite can do: connections, pragmas, versions, full text."""

# Tested by tests/unit/cmsearch/store/catalog/test_tables.py

from __future__ import annotations

import os
import re
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

from cmsearch.common.text import caseless
from cmsearch.errors import StoreError
from cmsearch.store.catalog import budget, tables
from cmsearch.store.catalog.journals import BESIDE
from cmsearch.store.catalog.schema import FILL_WORDS, meta
from cmsearch.store.catalog.terms import path_words, text_words

# Its words stand in it with spaces between them, at which alone the tokenizer `ascii` divides
# what `terms` gives. It keeps them, so that a row is deleted by its id: an FTS5 table without
# content of its own must be told, and told exactly, what stood in a row that goes.
_MAKE_WORDS = (
    "DROP TABLE IF EXISTS words",
    "CREATE VIRTUAL TABLE words USING fts5(text, tokenize = 'ascii')",
    f"{FILL_WORDS} ORDER BY items.id",
)
_WORDS_LOST = re.compile(r"(?:no such table|vtable constructor failed): (?:main\.)?words")
_MIGRATIONS = {
    1: (
        "ALTER TABLE generations ADD COLUMN served INTEGER",
        "UPDATE generations SET served = id",
        "DROP INDEX ix_items_asset",
        "CREATE INDEX items_by_digest ON items (asset, digest)",
        "DROP INDEX ix_embeddings_item",
        "CREATE INDEX embeddings_by_item ON embeddings (item, space)",
    ),
    2: _MAKE_WORDS,
    3: ("ALTER TABLE items ADD COLUMN phash BLOB",),
    4: ("CREATE TABLE adapters (digest VARCHAR PRIMARY KEY NOT NULL, content BLOB NOT NULL)",),
}
"""By the version that they start from, the statements that lead to the next one."""
VERSION = max(_MIGRATIONS) + 1
"""The schema's version, in `PRAGMA user_version`."""
MOST_BYTES = 2**26
"""Of a row: what is longer isn't read, and can't be written."""
_MOST_PARTS = 100
_LOADING = 2.0  # seconds of a thread; a whole schema takes a millisecond


def engine(path: Path, *, read_only: bool, make: bool) -> sa.Engine:
    """An engine for the SQLite file at `path`, which has to be there unless it may `make` one."""
    mode = _reading(path) if read_only else {"mode": "rwc" if make else "rw"}
    query = {"uri": "true", **mode}
    # Made from its parts: as one string it would be unquoted before SQLite reads it.
    url = sa.URL.create(
        "sqlite", database=f"file:{quote(os.fsencode(path.resolve()))}", query=query
    )
    made = sa.create_engine(url, pool_size=16, max_overflow=-1)  # each search has one throughout
    sa.event.listen(made, "connect", _prepare_connection)
    budget.bound(made, path)
    return made


def bring_up_to_date(connection: sa.Connection, path: Path, *, read_only: bool) -> None:
    """Make the tables of a new catalog, or bring an older one to this version.

    Raises `StoreError` for a newer one, for another program's database, and for one that has other
    tables than a catalog of its version.
    """
    connection.exec_driver_sql("BEGIN")
    if _checked(connection, path) == VERSION:
        return
    if read_only:
        raise StoreError(
            f"{path} was made by an older cmsearch and can't be brought up to date where it is "
            "read-only. Copy the folder to where it can be written, and run `cmsearch info` there."
        )
    connection.exec_driver_sql("ROLLBACK")
    connection.exec_driver_sql("BEGIN IMMEDIATE")  # SQLite's driver begins none for these
    found = _checked(connection, path)  # another process may have been faster
    if found == 0:
        meta.create_all(connection)
        _execute(connection, _MAKE_WORDS)
    for version in range(found or VERSION, VERSION):
        _execute(connection, _MIGRATIONS[version])
    connection.execute(sa.text(f"PRAGMA user_version = {VERSION}"))


def make_words(connection: sa.Connection) -> None:
    """Make the table `words` anew from the items and their assets, as a transaction begins."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    _execute(connection, _MAKE_WORDS)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raise `StoreError` in place of what SQLAlchemy and SQLite raise."""
    try:
        yield
    except sa.exc.ResourceClosedError as error:
        raise StoreError(f"The store of {path} is closed.") from error
    except UnicodeDecodeError as error:  # SQLite quotes what it can't read
        raise StoreError(
            f"The catalog {path} can't be used: its schema is damaged. Restore a copy of the "
            "index, or move it away and run `cmsearch index` again."
        ) from error
    except sa.exc.DatabaseError as error:
        if _WORDS_LOST.match(str(error.orig)):
            raise StoreError(
                f"The catalog {path} lacks its index of exact words, or a part of it. "
                "`cmsearch doctor --repair` makes it anew."
            ) from error
        raise StoreError(f"The catalog {path} can't be used: {error.orig}.{_advice(error)}") from (
            error
        )


def _execute(connection: sa.Connection, statements: Sequence[str]) -> None:
    for statement in statements:
        connection.execute(sa.text(statement))


def _checked(connection: sa.Connection, path: Path) -> int:
    """The version of a catalog that has the tables of that version; 0 for an empty file."""
    with _briefly(connection.connection.driver_connection, connection.info):
        found = int(connection.execute(sa.text("PRAGMA user_version")).scalar_one())
        query = f"SELECT type, name, substr(sql, 1, 20000) FROM sqlite_master LIMIT {_MOST_PARTS}"
        rows = connection.exec_driver_sql(query).fetchall()
    if found > VERSION:
        raise StoreError(
            f"{path} was made by a newer cmsearch (format {found}, this one reads {VERSION}). "
            "Upgrade cmsearch."
        )
    if found < 0 or (found == 0 and rows):
        raise StoreError(f"{path} is the database of another program.")
    odd = tables.odd(rows, *_parts(found)) if found else ""
    if odd:
        raise StoreError(
            f"{path} has {odd}, unlike any catalog of its format ({found}): cmsearch didn't make "
            "it, or it was changed. Restore a copy of the index, or move it away and run "
            "`cmsearch index` again."
        )
    return found


@cache
def _parts(version: int) -> tuple[Mapping[str, tables.Layout], Mapping[str, str]]:
    """The tables and the indexes of a version."""
    known = tables.expected(list(meta.tables.values()))
    indexes = {
        str(index.name): f"{table.name}({','.join(index.columns.keys())})"
        for table in meta.tables.values()
        for index in table.indexes
    }
    if version < 5:
        del known["adapters"]
    if version < 4:
        known["items"] = known["items"].without("phash")
    if version < 2:
        known["generations"] = known["generations"].without("served")
        del indexes["items_by_digest"], indexes["embeddings_by_item"]
        indexes |= {"ix_items_asset": "items(asset)", "ix_embeddings_item": "embeddings(item)"}
    return known, indexes


@contextmanager
def _briefly(driver: Any, info: Mapping[Any, Any]) -> Iterator[None]:
    """End what takes long within: SQLite computes some of a schema as it reads it."""
    end = time.thread_time() + _LOADING
    driver.set_progress_handler(lambda: time.thread_time() > end, 100)
    try:
        yield
    finally:
        budget.attend(driver, info)


def _advice(error: sa.exc.DatabaseError) -> str:
    reason = str(error.orig)
    if "full" in reason or "disk I/O" in reason:
        return (
            " If its disk is full, make room and run the command again; what was indexed is kept."
        )
    if "malformed" in reason or "not a database" in reason:
        return (
            " Restore a copy of the index, or move it away and run `cmsearch index` again; "
            "`cmsearch doctor` may tell more."
        )
    if "too big" in reason or "interrupted" in reason:
        return " cmsearch writes no such catalog; if it isn't your own, don't use it."
    if "no such module" in reason:
        return " Use a Python whose SQLite has the extension FTS5, as most builds have."
    return ""


def _reading(path: Path) -> dict[str, str]:
    """How to open what can't be written: past a log that a writer is using, or has left."""
    logged = any(os.path.lexists(f"{path}{end}") for end in BESIDE)
    return {"mode": "ro"} if logged else {"mode": "ro", "immutable": "1"}


def _prepare_connection(connection: Any, record: Any) -> None:
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_BYTES)
    connection.execute("PRAGMA trusted_schema = OFF")  # a store may come from anywhere
    connection.execute("PRAGMA busy_timeout = 10000")
    with _briefly(connection, record.info):
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
    for function in (caseless, text_words, path_words):
        connection.create_function(function.__name__, 1, function, deterministic=True)
