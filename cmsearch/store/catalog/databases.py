"""Which modules a connection's database has: the one place that knows that there are several."""

# Tested by tests/unit/cmsearch/store/catalog/test_postgres.py

from __future__ import annotations

from types import ModuleType
from typing import Any

import sqlalchemy as sa

from cmsearch.store.catalog import sqlite, sqlite_run, sqlite_words


def own(connection: sa.Connection) -> ModuleType:
    """What only its database can do: `sqlite`, or a module with functions of the same names."""
    if sqlite_run.runs(connection):
        return sqlite
    from cmsearch.store.catalog import postgres

    return postgres


def words(connection: sa.Connection) -> ModuleType:
    """Its index of words: `sqlite_words`, or a module with functions of the same names."""
    if sqlite_run.runs(connection):
        return sqlite_words
    from cmsearch.store.catalog import postgres_words

    return postgres_words


def at(url: Any) -> ModuleType:
    """The same as `own` of what a URL names, if there is one."""
    if url is None:
        return sqlite
    from cmsearch.store.catalog import postgres

    return postgres
