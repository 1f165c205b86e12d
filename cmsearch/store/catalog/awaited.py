"""Items that were taken over and whose files weren't read yet."""

# Tested by tests/unit/indexer/importing/test_importer.py

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa

from cmsearch.store.catalog import schema
from cmsearch.store.catalog.additions import AWAITED
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.catalog.columns import text_of
from cmsearch.store.catalog.schema import understood

_AFTER = f"{AWAITED[:-1]}!"  # the next character behind a space


class Waiting(NamedTuple):
    """An item whose file wasn't read yet: its digest until then, its kind, and its place."""

    digest: str
    kind: str
    locator: str


def waiting(catalog: Catalog, path: str) -> list[Waiting]:
    """The items of a file that weren't read yet."""
    table = schema.items.c
    query = sa.select(table.digest, table.kind, table.locator)
    query = query.join(schema.assets, table.asset == schema.assets.c.id)
    query = query.where(schema.assets.c.path == path)
    rows = catalog.rows(query.where(table.digest >= AWAITED, table.digest < _AFTER))
    with understood(catalog.path):
        return [Waiting(*map(text_of, row)) for row in rows]
