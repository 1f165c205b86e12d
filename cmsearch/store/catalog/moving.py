"""Bringing a whole catalog from one database to another, row by row, with its numbers."""

# Tested by tests/unit/cmsearch/store/catalog/test_postgres.py

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from cmsearch.common.files import new_file
from cmsearch.store.catalog import databases, schema, settings
from cmsearch.store.catalog.catalog import Catalog

Tell = Callable[[int, int], object]
_TABLES = tuple(schema.meta.sorted_tables)
_ON_A_PAGE = 2_000
_OWN = (settings.SNAPSHOTS, settings.SERVED)
"""Settings that are of a place, and not of what is in it."""


def copy(catalog: Catalog, path: Path, tell: Tell = lambda done, total: None) -> None:
    """Write the newest state of a catalog to a file of SQLite that isn't there yet, while others
    may write; says with `tell` how much is written, of how much. Raises `OSError`.
    """
    if catalog.url is None:
        catalog.copy(path, tell)
        return
    new_file(path, 0o600).close()
    with closing(Catalog(path)) as made:
        move(catalog, made, tell=tell)


def move(
    source: Catalog,
    target: Catalog,
    root: str | None = None,
    tell: Tell = lambda done, total: None,
) -> None:
    """Write the newest state of a catalog into one that has nothing yet, in one transaction.

    It is of the folder `root`, if that is given.

    Says with `tell` how many rows are written, of how many.
    """
    with source.reading(), source.connected() as reading, target.writing() as writer:
        total = sum(_count(reading, table) for table in _TABLES)
        done = 0
        for table in _TABLES:
            for rows in _pages(reading, table):
                writer.put_rows(table, rows)
                done += len(rows)
                tell(done, total)
        last = databases.own(reading).last_id(reading, schema.embeddings)
        writer.settle_numbers(last)
        if root is not None:
            writer.put_root(root)


def _rows(table: sa.Table) -> sa.Select[Any]:
    """All rows of a table that are brought."""
    (key,) = table.primary_key.columns
    query = sa.select(table)
    return query.where(key.not_in(_OWN)) if table is schema.settings else query


def _count(connection: sa.Connection, table: sa.Table) -> int:
    query = sa.select(sa.func.count()).select_from(_rows(table).subquery())
    return int(connection.execute(query).scalar_one())


def _pages(connection: sa.Connection, table: sa.Table) -> Iterator[Sequence[dict[str, Any]]]:
    """Those rows in the order of the key, some after the other."""
    (key,) = table.primary_key.columns
    query = rest = _rows(table).order_by(key).limit(_ON_A_PAGE)
    while found := [dict(row) for row in connection.execute(rest).mappings()]:
        yield found
        rest = query.where(key > found[-1][key.name])
