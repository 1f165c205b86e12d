"""How many embeddings a space has, of which modalities, and which are gone."""

# Tested by tests/unit/cmsearch/store/catalog/test_catalog.py

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import sqlalchemy as sa

from cmsearch.store.catalog import databases, schema
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.catalog.columns import of_photos
from cmsearch.store.catalog.schema import understood
from cmsearch.types import IdArray, Modality


def count(catalog: Catalog, space: int, modality: Modality | None = None, after: int = 0) -> int:
    """How many embeddings a space has, of one modality if given, with an id above `after`; the
    damaged ones too.
    """
    table = schema.embeddings.c
    query = sa.select(sa.func.count()).where(table.space == space)
    if after:
        query = query.where(table.id > after)
    if modality is not None:
        query = query.where(table.modality == modality)
    return int(catalog.scalar(query))


def photo_count(catalog: Catalog, space: int) -> int:
    """How many embeddings of photos a space has."""
    query = sa.select(sa.func.count()).where(schema.embeddings.c.space == space, of_photos())
    return int(catalog.scalar(query))


def modalities(catalog: Catalog, space: int, after: int = 0) -> list[Modality]:
    """The modalities that a space has embeddings of; sounds may be in another one.

    With `after`, those of embeddings with an id above it.
    """
    values = _new(catalog, space, after) if after else _present(catalog, space)
    with understood(catalog.path):
        return sorted(map(Modality, values))


def _new(catalog: Catalog, space: int, after: int) -> Iterator[Any]:
    """The values of modalities of embeddings with an id above `after`."""
    table = schema.embeddings.c
    # With a sum in it SQLite looks at the new ids, and not, by its index, at all of a space.
    query = sa.select(table.modality).where(table.space + 0 == space, table.id > after)
    yield from (row[0] for row in catalog.rows(query.distinct()))


def _present(catalog: Catalog, space: int) -> Iterator[Any]:
    """The values of modalities, found one after the other in the index, without a look at all."""
    table = schema.embeddings.c
    query = sa.select(sa.func.min(table.modality)).where(table.space == space)
    value = catalog.scalar(query)
    while value is not None:
        yield value
        value = catalog.scalar(query.where(table.modality > value))


def last_embedding(catalog: Catalog) -> int:
    """The highest id that an embedding ever had."""
    with understood(catalog.path), catalog.connected() as connection:
        return int(databases.own(connection).last_id(connection, schema.embeddings))


def tombstones(catalog: Catalog, since: int = 0, before: int | None = None) -> IdArray:
    """The ids of embeddings that are gone, as far as a snapshot may still hold them.

    With `since`, those that went after that snapshot was published; with `before`, before that one.
    """
    query = sa.select(schema.tombstones.c.embedding).where(schema.tombstones.c.snapshot >= since)
    if before is not None:
        query = query.where(schema.tombstones.c.snapshot < before)
    rows = catalog.rows(query)
    return np.fromiter((row[0] for row in rows), np.int64, len(rows))


def tombstone_count(catalog: Catalog, since: int = 0) -> int:
    """How many embeddings `tombstones` gives."""
    query = sa.select(sa.func.count()).select_from(schema.tombstones)
    return int(catalog.scalar(query.where(schema.tombstones.c.snapshot >= since)))


def last_deletion(catalog: Catalog) -> int:
    """The highest number of a publication after which something was deleted; 0 before any."""
    return int(catalog.scalar(sa.select(sa.func.max(schema.tombstones.c.snapshot))) or 0)


def with_digest(catalog: Catalog, space: int, digest: str) -> IdArray:
    """The embeddings of the items of assets whose content has this digest."""
    query = (
        sa.select(schema.embeddings.c.id)
        .join(schema.items, schema.embeddings.c.item == schema.items.c.id)
        .join(schema.assets, schema.items.c.asset == schema.assets.c.id)
        .where(schema.embeddings.c.space == space, schema.assets.c.digest == digest)
    )
    return np.array([row[0] for row in catalog.rows(query)], np.int64)
