"""Pictures with what describes them: what is learned from, measured on and compared."""

# Tested by tests/unit/indexer/test_pairs.py

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import sqlalchemy as sa

from cmsearch.models.spaces import MAX_DIM
from cmsearch.store.catalog import schema
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.catalog.columns import is_hash, is_photo, text_of, whole
from cmsearch.store.catalog.schema import chunks, understood
from cmsearch.types import SEEN, IdArray, Modality

_ON_A_PAGE = 10_000
MAX_FEATURES = 2**20
"""Bytes of an embedding's features; those of the largest models are some thousand numbers."""


def captioned(catalog: Catalog, space: int) -> list[tuple[int, int, str]]:
    """Every caption whose picture has an embedding in a space too: the first embedding of the
    picture, that of the caption, and the caption's text.
    """
    items, table = schema.items.c, schema.embeddings.c
    first = (
        sa.select(table.id, items.asset, items.about, items.text)
        .join(schema.items, table.item == items.id)
        .where(table.space == space, table.part == 0)
        .order_by(table.id)
    )
    pictures = catalog.rows(first.where(table.modality == Modality.IMAGE))
    captions = catalog.rows(first.where(table.modality == Modality.TEXT, items.kind == "caption"))
    seen = {row[1]: row[0] for row in reversed(pictures)}
    with understood(catalog.path):
        return [
            (int(seen[row[2]]), int(row[0]), text_of(row[3])) for row in captions if row[2] in seen
        ]


def captions(catalog: Catalog) -> list[tuple[str, str]]:
    """Every caption of a photograph in the store as (path of its image, text)."""
    return [(path, text) for _, path, text in caption_items(catalog)]


def caption_items(catalog: Catalog) -> list[tuple[int, str, str]]:
    """The same with the number of the caption's item before it."""
    photos = schema.items.alias()
    query = (
        sa.select(schema.items.c.id, schema.assets.c.path, schema.items.c.text)
        .join(schema.assets, schema.items.c.about == schema.assets.c.id)
        .where(schema.items.c.kind == "caption")
        .where(schema.assets.c.id.in_(sa.select(photos.c.asset).where(is_photo(photos))))
        .order_by(schema.assets.c.path, schema.items.c.id)
    )
    return [(row[0], row[1], row[2]) for row in catalog.rows(query)]


def captions_at(catalog: Catalog, paths: Sequence[str]) -> dict[str, list[str]]:
    """By the paths of some files the captions that are about them, in order."""
    about = sa.select(schema.assets.c.path, schema.items.c.text)
    query = (
        about.join(schema.items, schema.items.c.about == schema.assets.c.id)
        .where(schema.items.c.kind == "caption")
        .order_by(schema.items.c.id)
    )
    found: dict[str, list[str]] = {}
    for chunk in chunks(paths):
        for path, text in catalog.rows(query.where(schema.assets.c.path.in_(chunk))):
            found.setdefault(path, []).append(text)
    return found


def subjects(catalog: Catalog, embeddings: IdArray) -> IdArray:
    """For each of some embeddings the asset that its item describes or is; 0 for one without."""
    query = sa.select(
        schema.embeddings.c.id,
        sa.func.coalesce(schema.items.c.about, schema.items.c.asset),
    ).join(schema.items, schema.embeddings.c.item == schema.items.c.id)
    found: dict[int, int] = {}
    for chunk in chunks(embeddings.tolist()):
        rows = catalog.rows(query.where(schema.embeddings.c.id.in_(chunk)))
        found |= {row[0]: row[1] for row in rows}
    with understood(catalog.path):
        return np.array([found.get(one, 0) for one in embeddings.tolist()], np.int64)


class Picture(NamedTuple):
    """A photo: its first embedding in a space, and its perceptual hash if it has one."""

    embedding: int
    path: str
    size: int
    digest: str
    hash: bytes | None


def pictures(catalog: Catalog, space: int) -> Iterator[Picture]:
    """Every photo with an embedding in a space, some after the other."""
    table, own = schema.items.c, schema.embeddings.c
    first = sa.select(sa.func.min(own.id)).where(own.item == table.id, own.space == space)
    embedding = first.scalar_subquery()
    query = (
        sa.select(table.id, embedding, schema.assets.c.path, schema.assets.c.size, table.digest)
        .add_columns(sa.case((is_hash(table.phash), table.phash), else_=sa.null()))
        .join(schema.assets, schema.assets.c.id == table.asset)
        .where(is_photo(schema.items))
        .order_by(table.id)
        .limit(_ON_A_PAGE)
    )
    after = -1
    while rows := catalog.rows(query.where(table.id > after)):
        after = rows[-1][0]
        with understood(catalog.path):
            for _, number, path, size, digest, phash in rows:
                if number is not None:
                    yield Picture(number, text_of(path), int(size), text_of(digest), phash)


def inputs(
    catalog: Catalog, space: int, after: int, count: int
) -> Sequence[tuple[int, bytes, bytes | None]]:
    """The next `count` pictures of a space by the ids of their embeddings: these, vectors and
    features.
    """
    table = schema.embeddings.c
    features = whole(table.features, MAX_FEATURES)
    query = sa.select(table.id, whole(table.vector, 2 * MAX_DIM), features)
    # With a sum in it SQLite goes on by the ids, and doesn't sort all of a space for each page.
    query = query.where(table.space + 0 == space, table.modality.in_(SEEN))
    rows = catalog.rows(query.where(table.id > after).order_by(table.id).limit(count))
    with understood(catalog.path):
        if not all(isinstance(blob or b"", bytes) for row in rows for blob in row[1:]):
            raise TypeError("a vector is a blob")
        return [(int(row[0]), row[1], row[2]) for row in rows]


def feature_bytes(catalog: Catalog, space: int) -> set[int]:
    """The lengths in bytes of the features of a space's pictures; 0 for none."""
    table = schema.embeddings.c
    length = sa.func.coalesce(sa.func.length(table.features), 0)
    query = sa.select(length).where(table.space == space, table.modality.in_(SEEN))
    return {int(row[0]) for row in catalog.rows(query.distinct())}
