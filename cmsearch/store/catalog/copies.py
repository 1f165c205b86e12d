"""Giving a space what another one has."""

# Tested by tests/unit/cmsearch/store/catalog/test_catalog.py

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from cmsearch.store.catalog import schema
from cmsearch.types import READ

_PROJECT = sa.text(
    "INSERT INTO embeddings (item, space, modality, part, vector, features, tokens) "
    "SELECT item, :target, modality, part, :vector, :features, tokens FROM embeddings "
    "WHERE id = :source"
).bindparams(sa.bindparam("vector", type_=schema.Vector))


def copy_texts(connection: sa.Connection, source: int, target: int) -> None:
    """Give a space the embeddings that another has of texts."""
    table = schema.embeddings.c
    names = ("item", "modality", "part", "vector", "features", "tokens")
    query = sa.select(sa.literal(target), *(table[name] for name in names))
    query = query.where(table.space == source, table.modality.in_(READ)).order_by(table.id)
    connection.execute(sa.insert(schema.embeddings).from_select(("space", *names), query))


def project(
    connection: sa.Connection, target: int, rows: Sequence[tuple[int, bytes, bytes]]
) -> None:
    """Give a space embeddings like those of these ids, with other vectors and features."""
    connection.execute(
        _PROJECT,
        [
            {"target": target, "source": number, "vector": vector, "features": features}
            for number, vector, features in rows
        ],
    )
