"""What only PostgreSQL can do: how a catalog in it is opened, made and kept, and its own SQL.

`postgres_schema` has what it is made of, `postgres_words` its index of words. Its functions have
the names of those of `sqlite`.
"""

# Tested by tests/unit/cmsearch/store/catalog/test_postgres.py

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from cmsearch.errors import (
    StoreError,
    StoreLockedError,
    StoreNotFoundError,
    StoreReadOnlyError,
    StoreUnavailableError,
    brief,
)
from cmsearch.store.catalog import postgres_schema, schema
from cmsearch.store.catalog.postgres_schema import STATE
from cmsearch.store.catalog.prepared import listing
from cmsearch.store.catalog.sqlite_versions import VERSION
from cmsearch.store.remote import shown

WAITS = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Seconds between tries to reach a server."""
_TIMEOUT = 60_000  # milliseconds of a statement that reads
_CONNECTING = 10  # seconds
_EARLIEST, _FOLDS, _COLLATES = 140_000, 180_000, 160_000
_MOMENT = sa.text(f"SELECT moment FROM {STATE}")
_TURN = sa.text(
    "SELECT pg_advisory_xact_lock(hashtextextended('cmsearch ' || current_schema(), 0))"
)
_COMMITTED = sa.text(f"UPDATE {STATE} SET moment = moment + 1, changed = now() RETURNING moment")
_ITEMS = sa.text(
    "SELECT items.asset, items.digest, items.id FROM each_number(:assets) AS one"
    " JOIN each_text(:digests) AS other ON other.key = one.key"
    " JOIN items ON items.asset = one.value AND items.digest = other.value"
    " ORDER BY items.id DESC"
)
_ENCODED = sa.text(
    "SELECT DISTINCT item, space FROM each_number(:items) AS one"
    " JOIN each_number(:spaces) AS other ON other.key = one.key"
    " JOIN embeddings ON item = one.value AND space = other.value"
)
_INVALID = sa.text(
    "SELECT indexrelid::regclass::text FROM pg_index JOIN pg_class ON pg_class.oid = indrelid"
    " WHERE relnamespace = current_schema()::regnamespace AND NOT indisvalid LIMIT 20"
)


def engine(url: sa.URL, *, read_only: bool, make: bool) -> sa.Engine:
    """An engine for the database at a URL; a server that is away is waited for, for a while."""
    try:
        import psycopg

        from cmsearch.store.catalog.postgres_types import BinaryCursor, adapt
    except ImportError as error:
        raise StoreError(
            f"{shown(url)} is a database of PostgreSQL, which needs the extra `postgres`: pip "
            "install 'cmsearch[postgres]'."
        ) from error
    made = sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=16,
        max_overflow=-1,
        pool_pre_ping=True,  # a server that was restarted meanwhile has closed what is kept
        hide_parameters=True,
        use_native_hstore=False,
        connect_args={"connect_timeout": _CONNECTING, "cursor_factory": BinaryCursor},
    )

    def connect(_d: Any, _r: Any, arguments: Any, options: Any) -> Any:
        for wait in (*WAITS, None):
            try:
                return psycopg.connect(*arguments, **options)
            except psycopg.OperationalError as error:
                if wait is None or not _is_away(error):
                    raise
                time.sleep(wait)
        raise AssertionError("the last try returns or raises")

    def prepare(driver: Any, _record: Any) -> None:
        adapt(driver)
        driver.commit()

    sa.event.listen(made, "do_connect", connect)
    sa.event.listen(made, "connect", prepare)
    return made


def bring_up_to_date(
    connection: sa.Connection, url: sa.URL, *, read_only: bool, make: bool = True
) -> int:
    """Make the tables of a new catalog, or bring an older one to this version; gives its version.

    Raises `StoreError` for a newer one and for a database that can't hold one.
    """
    found = _format(connection, url)
    if found == VERSION:
        return found
    if found == 0 and (read_only or not make):
        raise StoreNotFoundError(
            f"There is no index in {shown(url)}. Make one with `cmsearch index FOLDER --store URL`."
        )
    from cmsearch.store.catalog.postgres_types import adapt

    connection.execute(_TURN)
    found = _format(connection, url)  # another process may have been faster
    if found == 0:
        _make(connection, url)
        driver: Any = connection.connection.driver_connection
        adapt(driver)  # it knew no vectors when it connected
    for version in range(found or VERSION, VERSION):
        for statement in postgres_schema.MIGRATIONS[version]:
            connection.exec_driver_sql(statement)
    connection.execute(sa.text(f"UPDATE {STATE} SET format = {VERSION}"))
    return VERSION


def _format(connection: sa.Connection, url: sa.URL) -> int:
    if connection.scalar(sa.text("SELECT to_regclass(:name)"), {"name": STATE}) is None:
        return 0
    found = int(connection.scalar(sa.text(f"SELECT format FROM {STATE}")) or 0)
    if found > VERSION:
        raise StoreError(
            f"{shown(url)} was made by a newer cmsearch (format {found}, this one reads "
            f"{VERSION}). Upgrade cmsearch."
        )
    return found


def _make(connection: sa.Connection, url: sa.URL) -> None:
    """Make a whole catalog in what a connection's search path names first."""
    server, encoding, place, taken = connection.execute(
        sa.text(
            "SELECT current_setting('server_version_num')::int, current_setting('server_encoding'),"
            " current_schema(), to_regclass('assets') IS NOT NULL"
        )
    ).one()
    if server < _EARLIEST or encoding != "UTF8" or place is None or taken:
        why = (
            "its server is older than PostgreSQL 14" if server < _EARLIEST
            else f"its encoding is {encoding}, not UTF8" if encoding != "UTF8"
            else "its search path names no schema that is there" if place is None
            else "it has a table `assets` of another program"
        )  # fmt: skip
        raise StoreError(f"{shown(url)} can't hold an index: {why}. Name another database.")
    connection.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS vector SCHEMA public")
    if connection.scalar(sa.text("SELECT to_regtype('halfvec')")) is None:
        raise StoreError(
            f"{shown(url)} can't hold an index: its extension `vector` lies outside of its search "
            "path, or is older than 0.7. Name a database whose path has it."
        )
    fold = postgres_schema.NEWEST_FOLD if server >= _FOLDS else postgres_schema.OLDER_FOLD
    for statement in (fold, *postgres_schema.BEFORE):
        connection.exec_driver_sql(statement)
    schema.meta.create_all(connection, checkfirst=False)
    for statement in postgres_schema.AFTER:
        connection.exec_driver_sql(statement)
    # Moments begin above those of a catalog that was here before, which some machine has files of.
    connection.exec_driver_sql(
        f"INSERT INTO {STATE} VALUES (1, {VERSION}, extract(epoch FROM now())::bigint, now(), 0, 0)"
    )


def pinned(
    connection: sa.Connection, version: Callable[[], int], first: Callable[[], object]
) -> int:
    """Begin a transaction in which everything that is read is of one state; gives its version."""
    connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    connection.exec_driver_sql(f"SET LOCAL statement_timeout = {_TIMEOUT}")
    return data_version(connection)


def begin_writing(connection: sa.Connection) -> None:
    """Nothing is to be done: whoever writes is in turn."""


def take_turn(connection: sa.Connection) -> int:
    """Wait until nobody else writes, and note that something is committed; gives the moment that
    this makes, as `data_version` counts them.
    """
    connection.execute(_TURN)
    return int(connection.execute(_COMMITTED).scalar_one())


def data_version(connection: sa.Connection) -> int:
    """A number that grows with each transaction that writes."""
    return int(connection.execute(_MOMENT).scalar_one())


def problems(connection: sa.Connection) -> list[str]:
    """What is wrong with the database, as far as it tells: indexes that it doesn't use."""
    return [f"the index {row[0]} is not valid" for row in connection.execute(_INVALID)]


def reindex(connection: sa.Connection) -> None:
    """Make the indexes of its tables anew."""
    for table in (*schema.meta.tables, "words"):
        connection.exec_driver_sql(f"REINDEX TABLE {table}")
    connection.commit()


def vacuum(connection: sa.Connection) -> None:
    """Let the room of what was deleted be used again, and count anew what it plans by."""
    connection.commit()
    connection.execution_options(isolation_level="AUTOCOMMIT")
    connection.exec_driver_sql("VACUUM (ANALYZE)")


def free_bytes(connection: sa.Connection) -> int:
    """None: the server uses what is free again by itself."""
    return 0


def stamp(connection: sa.Connection) -> tuple[int, datetime]:
    """The bytes of the tables with their indexes, and the time of the last change."""
    names = ", ".join(f"'{name}'" for name in (*schema.meta.tables, "words", STATE))
    query = f"SELECT sum(pg_total_relation_size(name::regclass)) FROM unnest(ARRAY[{names}]) name"
    size = int(connection.exec_driver_sql(query).scalar() or 0)
    changed = connection.execute(sa.text(f"SELECT changed FROM {STATE}")).scalar_one()
    return size, changed.astimezone(UTC)


def last_id(connection: sa.Connection, table: sa.Table) -> int:
    """The highest id of an embedding that is there, or has a tombstone."""
    last = sa.func.greatest(
        sa.select(sa.func.max(table.c.id)).scalar_subquery(),
        sa.select(sa.func.max(schema.tombstones.c.embedding)).scalar_subquery(),
    )
    return int(connection.execute(sa.select(last)).scalar() or 0)


def count_on(connection: sa.Connection, table: sa.Table, last: int = 0) -> None:
    """Let later rows of a table have higher numbers than those that are there, and `last`."""
    name = table.name
    query = f"SELECT greatest(coalesce(max(id), 0), {int(last)}) FROM {name}"
    most = int(connection.exec_driver_sql(query).scalar() or 0)
    if most:
        connection.exec_driver_sql(
            f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), {most}, true)"
        )


def known_items(
    connection: sa.Connection, pairs: Iterable[tuple[int, str]]
) -> dict[tuple[int, str], int]:
    """The numbers of items by their assets and digests; of several alike the first."""
    wanted = list(pairs)
    found = connection.execute(
        _ITEMS,
        {
            "assets": listing(asset for asset, _ in wanted),
            "digests": listing(digest for _, digest in wanted),
        },
    )
    return {(row[0], row[1]): row[2] for row in found}


def encoded_meanwhile(
    connection: sa.Connection, wanted: Iterable[tuple[int, int]]
) -> set[tuple[int, int]]:
    """Pairs of an item and a space, of those wanted, that have embeddings by now."""
    pairs = list(wanted)
    asked = {
        "items": listing(item for item, _ in pairs),
        "spaces": listing(space for _, space in pairs),
    }
    return {(row[0], row[1]) for row in connection.execute(_ENCODED, asked)}


@contextmanager
def translated(url: sa.URL) -> Iterator[None]:
    """Raise `StoreError` in place of what SQLAlchemy and psycopg raise."""
    import psycopg

    try:
        yield
    except sa.exc.ResourceClosedError as error:
        raise StoreError(f"The store of {shown(url)} is closed.") from error
    except (sa.exc.DBAPIError, psycopg.Error) as error:
        raise _told(url, getattr(error, "orig", error)) from error


def _told(url: sa.URL, error: BaseException) -> StoreError:
    import psycopg
    from psycopg import errors

    where, reason = shown(url), brief(error)
    if isinstance(error, errors.InsufficientPrivilege | errors.ReadOnlySqlTransaction):
        return StoreReadOnlyError(where, f"{where} can't be written by this user: {reason}")
    if isinstance(error, errors.QueryCanceled | errors.LockNotAvailable | errors.DeadlockDetected):
        return StoreLockedError(
            f"{where} took too long: {reason} Nothing was changed; run the command again."
        )
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return StoreUnavailableError(
            f"{where} doesn't answer: {reason} See that the server runs, and that the user, the "
            "password and the name are right; what was committed is kept. Then run the command "
            "again."
        )
    return StoreError(f"{where} can't be used: {reason}")


def _is_away(error: BaseException) -> bool:
    """Whether a server may be back soon: it doesn't listen, or is just starting or ending."""
    return getattr(error, "sqlstate", None) in (None, "57P03") and any(
        reason in str(error)
        for reason in ("refused", "No such file", "starting up", "shutting down", "closed the",
                       "timeout", "reset by", "recovery")
    )  # fmt: skip
