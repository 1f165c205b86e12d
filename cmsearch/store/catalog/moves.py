"""Bringing assets to other places, with all that is of them and said of them."""

# Tested by tests/unit/cmsearch/store/catalog/test_catalog.py

from __future__ import annotations

import sqlalchemy as sa

from cmsearch.store.catalog import databases
from cmsearch.store.catalog.prepared import Prepared, given
from cmsearch.store.catalog.rows import asset_row
from cmsearch.store.catalog.schema import assets, items
from cmsearch.types import Asset

_COLUMNS = asset_row(Asset("", "", 0, None, None))
_NUMBER = Prepared(sa.select(assets.c.id).where(assets.c.path == given("place")))
_MOVE = Prepared(
    sa.update(assets)
    .where(assets.c.id == given("number"))
    .values({name: given(name) for name in _COLUMNS})
)
_STALE = Prepared(
    sa.update(assets)
    .where(
        assets.c.id.in_(sa.select(items.c.asset).where(items.c.about == given("number"))),
        assets.c.about.is_(None),
        assets.c.id != given("number"),
    )
    .values(mtime_ns=None)
    .returning(assets.c.path)
)


def number_at(connection: sa.Connection, path: str) -> int | None:
    """The number of the asset at a path."""
    rows = _NUMBER.rows(connection, place=path)
    return int(rows[0][0]) if rows else None


def move(connection: sa.Connection, number: int, asset: Asset) -> frozenset[str]:
    """Bring the asset of a number to where `asset` is, with all its items.

    Other files whose captions name it by its path will be read again: their paths are given.
    """
    _MOVE.rows(connection, number=number, **asset_row(asset))
    databases.words(connection).refill_named(connection, number)
    return frozenset(row[0] for row in _STALE.rows(connection, number=number))
