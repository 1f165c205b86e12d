"""Bringing assets to other places, with all that is of them and said of them."""

# Tested by tests/unit/cmsearch/store/catalog/test_catalog.py

from __future__ import annotations

import sqlalchemy as sa

from cmsearch.store.catalog import sqlite_words
from cmsearch.store.catalog.rows import asset_row
from cmsearch.store.catalog.schema import assets, items
from cmsearch.types import Asset

# Made once: SQLAlchemy takes longer to make a statement than SQLite to run it.
_NUMBER = sa.select(assets.c.id).where(assets.c.path == sa.bindparam("place"))
_MOVE = sa.update(assets).where(assets.c.id == sa.bindparam("number"))
_STALE = (
    sa.update(assets)
    .where(
        assets.c.id.in_(sa.select(items.c.asset).where(items.c.about == sa.bindparam("number"))),
        assets.c.about.is_(None),
        assets.c.id != sa.bindparam("number"),
    )
    .values(mtime_ns=None)
    .returning(assets.c.path)
)


def number_at(connection: sa.Connection, path: str) -> int | None:
    """The number of the asset at a path."""
    return connection.execute(_NUMBER, {"place": path}).scalar()


def move(connection: sa.Connection, number: int, asset: Asset) -> frozenset[str]:
    """Bring the asset of a number to where `asset` is, with all its items.

    Other files whose captions name it by its path will be read again: their paths are given.
    """
    connection.execute(_MOVE, {"number": number, **asset_row(asset)})
    sqlite_words.refill_named(connection, number)
    return frozenset(row[0] for row in connection.execute(_STALE, {"number": number}))
