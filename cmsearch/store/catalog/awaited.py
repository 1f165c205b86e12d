"""Items that were taken over: those whose files weren't read yet, and those of vectors alone."""

# Tested by tests/unit/indexer/importing/test_importer.py

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa

from cmsearch.store.catalog import schema
from cmsearch.store.catalog.additions import AWAITED
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.catalog.columns import text_of
from cmsearch.store.catalog.schema import understood
from cmsearch.types import Modality

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


class Bare(NamedTuple):
    """An embedding that is a vector alone, and its file as last seen."""

    embedding: int
    path: str
    size: int
    mtime_ns: int | None


def bare(
    catalog: Catalog, space: int, modality: Modality, needed: Sequence[str], after: int, count: int
) -> list[Bare]:
    """The next embeddings of a space and modality that lack what is `needed`, `tokens` or
    `features`, by their ids.
    """
    if not needed:
        return []
    table, assets = schema.embeddings.c, schema.assets.c
    query = (
        sa.select(table.id, assets.path, assets.size, assets.mtime_ns)
        .join(schema.items, table.item == schema.items.c.id)
        .join(schema.assets, schema.items.c.asset == assets.id)
        .where(table.space == space, table.modality == modality, table.id > after)
        .where(sa.or_(*(table[name].is_(None) for name in needed)))
        .order_by(table.id)
        .limit(count)
    )
    with understood(catalog.path):
        return [Bare(*row) for row in catalog.rows(query)]
