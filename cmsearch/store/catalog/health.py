"""Proving that a catalog is whole, and mending it."""

# Tested by tests/unit/indexer/test_doctor.py

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa

from cmsearch.store.catalog import databases, schema
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.catalog.columns import is_vector, whole
from cmsearch.store.catalog.schema import chunks
from cmsearch.types import MAX_TOKENS, FloatArray


def integrity(catalog: Catalog) -> list[str]:
    """What the database finds wrong with itself, at most 20 findings of a kind."""
    with catalog.connected() as connection:
        found: list[str] = databases.own(connection).problems(connection)
        return found


def reindex(catalog: Catalog) -> None:
    """Make the database's own indexes anew from its tables."""
    with catalog.connected() as connection:
        databases.own(connection).reindex(connection)


def stored(catalog: Catalog, space: int, dim: int, after: int, count: int) -> Sequence[Any]:
    """The next `count` embeddings of a space by their ids, as rows of (id, vector, tokens).

    A vector or tokens of another type, or longer than they can be, are 0.
    """
    table = schema.embeddings.c
    tokens = whole(table.tokens, MAX_TOKENS * (dim + 4))
    query = sa.select(table.id, whole(table.vector, 2 * dim), tokens)
    # With a sum in it SQLite goes on by the ids, and doesn't sort all of a space for each page.
    query = query.where(table.space + 0 == space, table.id > after).order_by(table.id)
    return catalog.rows(query.limit(count))


def siblings(catalog: Catalog, embeddings: Sequence[int]) -> dict[int, str]:
    """The embeddings, and all others of their items in the same space, each with its file."""
    given, table = schema.embeddings.alias(), schema.embeddings.c
    query = (
        sa.select(table.id, schema.assets.c.path)
        .join(given, (given.c.item == table.item) & (given.c.space == table.space))
        .join(schema.items, schema.items.c.id == table.item)
        .join(schema.assets, schema.assets.c.id == schema.items.c.asset)
    )
    found: dict[int, str] = {}
    for chunk in chunks(sorted(embeddings)):
        found |= {row[0]: row[1] for row in catalog.rows(query.where(given.c.id.in_(chunk)))}
    return found


def incomplete(catalog: Catalog, space: int) -> list[int]:
    """The embeddings of items of which an earlier piece is missing."""
    table = schema.embeddings.c
    is_whole = sa.func.count() == sa.func.max(table.part) + 1
    items = sa.select(table.item).where(table.space == space).group_by(table.item)
    query = sa.select(table.id).where(table.space == space)
    return [row[0] for row in catalog.rows(query.where(table.item.in_(items.having(~is_whole))))]


def item_vectors(
    catalog: Catalog, path: str, space: int, dim: int
) -> dict[str, list[tuple[int, FloatArray]]]:
    """By the digest of each item of an asset its embeddings' ids and vectors `(dim,)`."""
    table = schema.embeddings.c
    query = (
        sa.select(schema.items.c.digest, table.id, table.vector)
        .join(schema.items, table.item == schema.items.c.id)
        .join(schema.assets, schema.items.c.asset == schema.assets.c.id)
        .where(schema.assets.c.path == path, table.space == space)
        .where(is_vector(table.vector, dim))
        .order_by(table.item, table.part)
    )
    found: dict[str, list[tuple[int, FloatArray]]] = {}
    for digest, number, vector in catalog.rows(query):
        values = np.frombuffer(vector, "<f2").astype(np.float32)
        found.setdefault(digest, []).append((number, values))
    return found


def words_agree(catalog: Catalog, tell: Callable[[int], object] = lambda items: None) -> bool:
    """Whether the words that `match` looks up are those of the items and paths.

    Says with `tell` how many items were looked at.
    """
    with catalog.reading(), catalog.connected() as connection:
        return bool(databases.words(connection).agree(connection, tell))


def rebuild_words(catalog: Catalog) -> None:
    """Make the words that `match` looks up anew, from the items and paths."""
    with catalog.writing() as writer:
        writer.rebuild_words()


def shrink(catalog: Catalog) -> None:
    """Give the room of what was deleted back to the disk."""
    with catalog.connected() as connection:
        databases.own(connection).vacuum(connection)


def free_bytes(catalog: Catalog) -> int:
    """How many bytes of the catalog's file nothing is in."""
    with catalog.connected() as connection:
        return int(databases.own(connection).free_bytes(connection))
