"""Who may write a catalog in PostgreSQL: any number beside each other, or one alone.

Each has an advisory lock in a session of its own, which ends with the process and frees it.
"""

# Tested by tests/e2e/test_postgres.py

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socket import gethostname

import sqlalchemy as sa

from cmsearch.errors import StoreLockedError
from cmsearch.store.catalog import postgres
from cmsearch.store.remote import shown

_WRITERS = "hashtextextended('cmsearch writers ' || current_schema(), 0)"
_SENDERS = "hashtextextended('cmsearch vectors ' || current_schema(), 0)"
_BESIDE = sa.text(f"SELECT pg_try_advisory_lock_shared({_WRITERS})")
_ALONE = sa.text(f"SELECT pg_try_advisory_lock({_WRITERS})")
_SENDING = sa.text(f"SELECT pg_advisory_lock({_SENDERS})")
_FREED = sa.text("SELECT pg_advisory_unlock_all()")
_CALLED = sa.text("SELECT set_config('application_name', :name, false)")
_HOLDERS = sa.text(
    "SELECT application_name, backend_start FROM pg_locks JOIN pg_stat_activity USING (pid)"
    " WHERE locktype = 'advisory' AND granted AND objsubid = 1"
    f" AND (classid::bigint << 32 | objid::bigint) = {_WRITERS} ORDER BY backend_start LIMIT 1"
)


@contextmanager
def beside_others(url: sa.URL) -> Iterator[None]:
    """Be one of the writers; raises `StoreLockedError` while one is alone."""
    with _session(url) as connection:
        _take(connection, _BESIDE, url)
        yield


@contextmanager
def alone(url: sa.URL) -> Iterator[None]:
    """Be the only writer; raises `StoreLockedError` while there is another one."""
    with _session(url) as connection:
        _take(connection, _ALONE, url)
        yield


@contextmanager
def sending(url: sa.URL) -> Iterator[None]:
    """Be the only one that writes to a server of vectors for this catalog, after who is at it."""
    with _session(url) as connection:
        with postgres.translated(url):
            connection.execute(_SENDING)
        yield


@contextmanager
def _session(url: sa.URL) -> Iterator[sa.Connection]:
    engine = postgres.engine(url, read_only=False, make=False)
    try:
        with postgres.translated(url):
            connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            connection.execute(_CALLED, {"name": f"process {os.getpid()} on {gethostname()}"})
        try:
            yield connection
        finally:
            with suppress(sa.exc.SQLAlchemyError):  # a server that was stopped has freed it
                connection.execute(_FREED)
            connection.close()
    finally:
        engine.dispose()


def _take(connection: sa.Connection, lock: sa.TextClause, url: sa.URL) -> None:
    with postgres.translated(url):
        if connection.execute(lock).scalar_one():
            return
        found = connection.execute(_HOLDERS).first()
    holder = "another process"
    if found is not None:
        since = found[1].astimezone().isoformat(" ", "seconds")
        holder = f"{found[0] or holder} since {since}"
    raise StoreLockedError(
        f"{shown(url)} is being written by {holder}. Wait until it is done, or end it, and run the "
        "command again."
    )
