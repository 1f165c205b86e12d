"""What only SQLite can do: how its file is opened, brought up to date and kept, and its own SQL.

`sqlite_versions` has what each version added, `sqlite_words` its index of words; `sqlite_tables`
and `sqlite_journals` look at its files.
"""

# Tested by tests/unit/cmsearch/store/catalog/test_sqlite_tables.py

from __future__ import annotations

import json
import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

from cmsearch.common.text import caseless
from cmsearch.errors import StoreError, StoreLockedError
from cmsearch.store.catalog import budget, schema, sqlite_tables, sqlite_words
from cmsearch.store.catalog.prepared import Prepared
from cmsearch.store.catalog.sqlite_journals import reading
from cmsearch.store.catalog.sqlite_versions import MIGRATIONS, READABLE, VERSION, parts
from cmsearch.store.catalog.terms import path_words, text_words

MOST_BYTES = 2**26
"""Of a row: what is longer isn't read, and can't be written."""
_MOST_PARTS = 100
_DATA_VERSION = Prepared(sa.text("PRAGMA data_version"))
_LAST_ID = sa.text("SELECT seq FROM sqlite_sequence WHERE name = :name")
_FORGET_LAST = sa.text("DELETE FROM sqlite_sequence WHERE name = :name")
_PUT_LAST = sa.text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :last)")
_ITEMS = Prepared(
    sa.text(
        "SELECT items.asset, items.digest, items.id FROM json_each(:pairs) AS pair "
        "CROSS JOIN items ON items.asset = json_extract(pair.value, '$[0]') "
        "AND items.digest = json_extract(pair.value, '$[1]') ORDER BY items.id DESC"
    )
)
_WORDS_LOST = re.compile(r"(?:no such table|vtable constructor failed): (?:main\.)?words")
_LOADING = 2.0  # seconds of a thread; a whole schema takes a millisecond
_WAIT = 10_000  # milliseconds for another's transaction to end


def engine(path: Path, *, read_only: bool, make: bool) -> sa.Engine:
    """An engine for the SQLite file at `path`, which has to be there unless it may `make` one."""
    mode = reading(path) if read_only else {"mode": "rwc" if make else "rw"}
    query = {"uri": "true", **mode}
    # Made from its parts: as one string it would be unquoted before SQLite reads it.
    url = sa.URL.create(
        "sqlite", database=f"file:{quote(os.fsencode(path.resolve()))}", query=query
    )
    common = _common()
    statements = {"compiled_cache": common._compiled_cache}
    made = sa.create_engine(  # each search has one connection throughout
        url, pool_size=16, max_overflow=-1, execution_options=statements
    )
    made.dialect = common.dialect
    sa.event.listen(made, "connect", _prepare_connection)
    budget.bound(made, path)
    return made


@cache
def _common() -> sa.Engine:
    """One of no file. Its statements are those of all, so that each is compiled once a process: it
    takes longer than to run it on a small catalog.
    """
    common = sa.create_engine("sqlite://")
    common.connect().close()  # its dialect gets to know SQLite
    common.dispose()
    return common


def bring_up_to_date(
    connection: sa.Connection, path: Path, *, read_only: bool, make: bool = True
) -> int:
    """Make the tables of a new catalog, or bring an older one to this version; gives the version
    that it has then, which is an older one only for one to read.

    Raises `StoreError` for a newer one, for another program's database, and for one that has other
    tables than a catalog of its version.
    """
    begin(connection)
    known = _checked(connection, path)
    if known == VERSION or (read_only and known >= READABLE):
        return known
    if read_only:
        raise StoreError(
            f"{path} was made by an older cmsearch and can't be brought up to date where it is "
            "read-only. Copy the folder to where it can be written, and run `cmsearch info` there."
        )
    connection.exec_driver_sql("ROLLBACK")
    connection.exec_driver_sql("BEGIN IMMEDIATE")  # SQLite's driver begins none for these
    found = _checked(connection, path)  # another process may have been faster
    if found == 0:
        schema.meta.create_all(connection)
        _execute(connection, sqlite_words.MAKE)
    for version in range(found or VERSION, VERSION):
        _execute(connection, MIGRATIONS[version])
    connection.execute(sa.text(f"PRAGMA user_version = {VERSION}"))
    return VERSION


def begin(connection: sa.Connection) -> None:
    """Begin a transaction, in which everything that is read is of one state."""
    connection.exec_driver_sql("BEGIN")


def pinned(
    connection: sa.Connection, version: Callable[[], int], first: Callable[[], object]
) -> int:
    """Begin a transaction in which everything that is read is of one state; gives its version.

    The `first` read settles the state, which is that of the version if nothing came between.
    """
    while True:
        before = version()
        begin(connection)
        first()
        if version() == before:
            return before
        connection.rollback()


def take_turn(connection: sa.Connection) -> int:
    """Nothing is to be done: SQLite lets one write at a time, and publications count themselves."""
    return 0


def begin_writing(connection: sa.Connection) -> None:
    """Begin a transaction that nobody writes beside, so that what is read in it stays so."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def data_version(connection: sa.Connection) -> int:
    """A number that changes for a connection whenever another one has committed."""
    ((version,),) = _DATA_VERSION.rows(connection)
    return int(version)


def fold_log(connection: sa.Connection) -> None:
    """Fold the write-ahead log into the file, unless somebody reads for longer than a second.

    It is for the connection's end: it waits no longer for anything then.
    """
    connection.exec_driver_sql("PRAGMA busy_timeout = 1000")
    connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def journal_mode(connection: sa.Connection) -> str:
    """How the file is kept whole: by `wal`, `delete` or another."""
    return str(connection.exec_driver_sql("PRAGMA journal_mode").scalar())


def set_journal_mode(connection: sa.Connection, mode: str) -> bool:
    """Change how the file is kept whole; False while another process has it open."""
    try:
        connection.exec_driver_sql(f"PRAGMA journal_mode = {mode}")
    except sa.exc.OperationalError as error:
        if "locked" not in str(error.orig):
            raise
        return False
    return True


def problems(connection: sa.Connection) -> list[str]:
    """What SQLite finds wrong with its own file, at most 20 findings of a kind."""
    checked = connection.exec_driver_sql("PRAGMA integrity_check(20)").fetchall()
    foreign = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(20)
    found = [str(row[0]) for row in checked if row[0] != "ok"]
    return [
        *found,
        *(f"a row of {row[0]} refers to a missing one of {row[2]}" for row in foreign),
    ]


def reindex(connection: sa.Connection) -> None:
    """Make SQLite's own indexes anew from its tables."""
    connection.exec_driver_sql("REINDEX")


def vacuum(connection: sa.Connection) -> None:
    """Give the room of what was deleted back to the disk."""
    connection.exec_driver_sql("VACUUM")
    connection.exec_driver_sql("PRAGMA wal_checkpoint")  # what it has written is in the log


def free_bytes(connection: sa.Connection) -> int:
    """The bytes of the pages of the file that nothing is in."""
    pages, size = (
        connection.exec_driver_sql(f"PRAGMA {name}").scalar()
        for name in ("freelist_count", "page_size")
    )
    return int(pages or 0) * int(size or 0)


def last_id(connection: sa.Connection, table: sa.Table) -> int:
    """The highest id that a row of a table ever had."""
    return int(connection.execute(_LAST_ID, {"name": table.name}).scalar() or 0)


def count_on(connection: sa.Connection, table: sa.Table, last: int = 0) -> None:
    """Let later rows of a table have higher numbers than those that are there, and `last`."""
    if last and table.kwargs.get("sqlite_autoincrement"):
        name = table.name
        connection.execute(_FORGET_LAST, {"name": name})
        connection.execute(_PUT_LAST, {"name": name, "last": last})


def known_items(
    connection: sa.Connection, pairs: Iterable[tuple[int, str]]
) -> dict[tuple[int, str], int]:
    """The numbers of items by their assets and digests; of several alike the first."""
    found = _ITEMS.rows(connection, pairs=json.dumps(list(pairs)))
    return {(asset, digest): number for asset, digest, number in found}


def encoded_meanwhile(
    connection: sa.Connection, wanted: Iterable[tuple[int, int]]
) -> set[tuple[int, int]]:
    """Pairs of an item and a space that another writer has encoded: none, since one writes."""
    return set()


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
    except (sa.exc.DatabaseError, sqlite3.DatabaseError) as error:
        reason = str(getattr(error, "orig", error))
        if reason == "database is locked":
            raise StoreLockedError(
                f"The catalog {path} has been written by another process for longer than "
                f"{_WAIT // 1000} s. Nothing was changed; run the command again when that is done."
            ) from error
        if _WORDS_LOST.match(reason):
            raise StoreError(
                f"The catalog {path} lacks its index of exact words, or a part of it. "
                "`cmsearch doctor --repair` makes it anew."
            ) from error
        raise StoreError(f"The catalog {path} can't be used: {reason}.{_advice(reason)}") from error


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
    odd = sqlite_tables.odd(rows, *parts(found)) if found else ""
    if odd:
        raise StoreError(
            f"{path} has {odd}, unlike any catalog of its format ({found}): cmsearch didn't make "
            "it, or it was changed. Restore a copy of the index, or move it away and run "
            "`cmsearch index` again."
        )
    return found


@contextmanager
def _briefly(driver: Any, info: Mapping[Any, Any]) -> Iterator[None]:
    """End what takes long within: SQLite computes some of a schema as it reads it."""
    end = time.thread_time() + _LOADING
    driver.set_progress_handler(lambda: time.thread_time() > end, 100)
    try:
        yield
    finally:
        budget.attend(driver, info)


def _advice(reason: str) -> str:
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


def _prepare_connection(connection: Any, record: Any) -> None:
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_BYTES)
    connection.execute("PRAGMA trusted_schema = OFF")  # a store may come from anywhere
    connection.execute(f"PRAGMA busy_timeout = {_WAIT}")
    with _briefly(connection, record.info):
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
    for function in (caseless, text_words, path_words):
        connection.create_function(function.__name__, 1, function, deterministic=True)
