"""Items and their embeddings: which belong together, and the vectors and tokens of these."""

# Tested by tests/unit/cmsearch/store/catalog/test_catalog.py

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import sqlalchemy as sa

from cmsearch.common.numbers import are_unit
from cmsearch.store.catalog import schema
from cmsearch.store.catalog.blobs import unpack_tokens
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.catalog.columns import (
    PAGE,
    is_hash,
    is_photo,
    is_vector,
    of_photos,
    shortened,
    whole,
)
from cmsearch.store.catalog.filters import conditions, is_near
from cmsearch.store.catalog.schema import chunks, understood
from cmsearch.types import MAX_TOKENS, Filter, FloatArray, IdArray, Item, Modality

MAX_LOCATOR = 100
LAST = 2**63 - 1
"""The highest id that there can be."""


def of_embeddings(catalog: Catalog, embeddings: Iterable[int]) -> dict[int, Item]:
    """The items of embeddings, by the embedding's id; ids that are gone are missing."""
    described = schema.assets.alias()
    query = (
        sa.select(
            schema.embeddings.c.id,
            schema.items.c.id,
            schema.assets.c.path,
            schema.items.c.modality,
            schema.items.c.kind,
            shortened(schema.items.c.text),
            described.c.path,
            schema.items.c.locator,
            schema.items.c.digest,
            sa.func.coalesce(described.c.taken, schema.assets.c.taken),
        )
        .join(schema.items, schema.embeddings.c.item == schema.items.c.id)
        .join(schema.assets, schema.items.c.asset == schema.assets.c.id)
        .join(described, schema.items.c.about == described.c.id, isouter=True)
    )
    found: dict[int, Item] = {}
    for chunk in chunks(sorted(set(embeddings))):
        rows = catalog.rows(query.where(schema.embeddings.c.id.in_(chunk)))
        with understood(catalog.path):
            found |= {row[0]: _item(row) for row in rows}
    return found


def embedding_ids(
    catalog: Catalog,
    space: int,
    modality: Modality,
    kind: str | None,
    wanted: Filter,
    of: Sequence[str] | None = None,
) -> IdArray:
    """The embeddings of a modality whose items are of one kind, if given, and as wanted; and
    in the files at the paths `of`, if given, about nothing but these.
    """
    subject = sa.func.coalesce(schema.items.c.about, schema.items.c.asset)
    query = (
        sa.select(schema.embeddings.c.id, schema.assets.c.latitude, schema.assets.c.longitude)
        .join(schema.items, schema.embeddings.c.item == schema.items.c.id)
        .join(schema.assets, schema.assets.c.id == subject)
        .where(schema.embeddings.c.space == space, schema.embeddings.c.modality == modality)
        .where(*conditions(wanted))
    )
    if kind is not None:
        query = query.where(schema.items.c.kind == kind)
    if of is not None:
        query = query.where(schema.assets.c.path.in_(of), schema.items.c.about.is_(None))
    rows = catalog.rows(query)
    return np.array([row[0] for row in rows if is_near(wanted, row[1], row[2])], np.int64)


def images_at(catalog: Catalog, space: int, paths: Iterable[str]) -> dict[str, int]:
    """By the path of an asset the first embedding of the photo that it is."""
    return _first_embeddings(catalog, space, schema.assets.c.path, sorted(set(paths)))


def pages_of(catalog: Catalog, space: int, paths: Iterable[str]) -> list[int]:
    """The embeddings of the pages of documents."""
    query = (
        sa.select(schema.embeddings.c.id)
        .join(schema.items, schema.embeddings.c.item == schema.items.c.id)
        .join(schema.assets, schema.items.c.asset == schema.assets.c.id)
        .where(schema.embeddings.c.space == space, schema.items.c.kind == PAGE)
    )
    found, wanted = list[int](), list[Any](sorted(set(paths)))
    for chunk in chunks(wanted):
        rows = catalog.rows(query.where(schema.assets.c.path.in_(chunk)))
        found += [int(row[0]) for row in rows]
    return found


def embeddings_of(catalog: Catalog, space: int, items: Iterable[int]) -> dict[int, int]:
    """By item its first embedding in a space."""
    return _first_embeddings(catalog, space, schema.items.c.id, sorted(set(items)))


def _first_embeddings(
    catalog: Catalog, space: int, key: sa.ColumnElement[Any], values: Sequence[Any]
) -> dict[Any, int]:
    query = (
        sa.select(key, sa.func.min(schema.embeddings.c.id))
        .join(schema.items, schema.embeddings.c.item == schema.items.c.id)
        .join(schema.assets, schema.items.c.asset == schema.assets.c.id)
        .where(schema.embeddings.c.space == space)
        .group_by(key)
    )
    if key is schema.assets.c.path:
        query = query.where(is_photo(schema.items))
    found: dict[Any, int] = {}
    for chunk in chunks(values):
        found |= {row[0]: row[1] for row in catalog.rows(query.where(key.in_(chunk)))}
    return found


def embeddings_with_digest(catalog: Catalog, space: int, digest: str) -> IdArray:
    """The embeddings of the items of assets whose content has this digest."""
    query = (
        sa.select(schema.embeddings.c.id)
        .join(schema.items, schema.embeddings.c.item == schema.items.c.id)
        .join(schema.assets, schema.items.c.asset == schema.assets.c.id)
        .where(schema.embeddings.c.space == space, schema.assets.c.digest == digest)
    )
    return np.array([row[0] for row in catalog.rows(query)], np.int64)


def pictures_with_digest(catalog: Catalog, digest: str) -> set[int]:
    """The items that are pictures in files whose content has this digest."""
    query = (
        sa.select(schema.items.c.id)
        .join(schema.assets, schema.items.c.asset == schema.assets.c.id)
        .where(schema.assets.c.digest == digest, schema.items.c.modality == Modality.IMAGE)
    )
    return {row[0] for row in catalog.rows(query)}


def about_same(catalog: Catalog, items: Iterable[int]) -> set[int]:
    """The items themselves, and the pictures and captions of the pictures they are about.

    What a subtitle says is about a moment, not about its film.
    """
    of, table = schema.items.alias(), schema.items
    pictured = sa.or_(is_photo(of), of.c.kind == "caption")
    subject = sa.select(sa.func.coalesce(of.c.about, of.c.asset)).where(pictured)
    found = set(items)
    for chunk in chunks(sorted(found)):
        subjects = subject.where(of.c.id.in_(chunk)).scalar_subquery()
        same = sa.or_(table.c.about.in_(subjects), table.c.asset.in_(subjects))
        found |= {row[0] for row in catalog.rows(sa.select(table.c.id).where(same))}
    return found


def hashes(catalog: Catalog, embeddings: Iterable[int]) -> dict[int, bytes]:
    """By id of embeddings the perceptual hash of their item; those without one are missing."""
    table = schema.embeddings.c
    query = (
        sa.select(table.id, schema.items.c.phash)
        .join(schema.items, table.item == schema.items.c.id)
        .where(is_hash(schema.items.c.phash))
    )
    found: dict[int, bytes] = {}
    for chunk in chunks(sorted(set(embeddings))):
        found |= {row[0]: row[1] for row in catalog.rows(query.where(table.id.in_(chunk)))}
    return found


def embeddings(
    catalog: Catalog, space: int, modality: Modality, dim: int, after: int = 0
) -> tuple[IdArray, FloatArray]:
    """Ids `(n,)`, in order, and vectors `(n, dim)` of embeddings with an id above `after`.

    A vector of another form or length than 1, which is damaged, is left out.
    """
    table = schema.embeddings.c
    query = (
        sa.select(table.id, table.vector)
        .where(table.space == space, table.modality == modality, table.id > after)
        .where(is_vector(table.vector, dim))
        .order_by(table.id)
    )
    return _matrix(catalog.rows(query), dim)


def vectors(catalog: Catalog, embeddings: Iterable[int], dim: int) -> dict[int, FloatArray]:
    """By id the vector `(dim,)` of embeddings; those that are damaged are missing."""
    table = schema.embeddings.c
    query = sa.select(table.id, table.vector).where(is_vector(table.vector, dim))
    found: dict[int, FloatArray] = {}
    for chunk in chunks(sorted(set(embeddings))):
        ids, rows = _matrix(catalog.rows(query.where(table.id.in_(chunk))), dim)
        found |= dict(zip(ids.tolist(), rows, strict=True))
    return found


def item_pictures(
    catalog: Catalog, space: int, items: Iterable[int], dim: int
) -> dict[int, FloatArray]:
    """By item the vectors `(n, dim)` that it has in a space, without those that are damaged."""
    table = schema.embeddings.c
    query = (
        sa.select(table.item, table.vector)
        .where(table.space == space, is_vector(table.vector, dim))
        .order_by(table.item, table.part)
    )
    found: dict[int, list[FloatArray]] = {}
    for chunk in chunks(sorted(set(items))):
        numbers, rows = _matrix(catalog.rows(query.where(table.item.in_(chunk))), dim)
        for number, row in zip(numbers.tolist(), rows, strict=True):
            found.setdefault(number, []).append(row)
    return {number: np.stack(rows) for number, rows in found.items()}


def contents(
    catalog: Catalog, embeddings: Sequence[int], dim: int
) -> dict[int, tuple[FloatArray, tuple[FloatArray, FloatArray]]]:
    """By id the vector `(dim,)` of embeddings, and their tokens `(t, dim)` with weights.

    Raises `StoreError` for any that are damaged.
    """
    table = schema.embeddings.c
    tokens = whole(table.tokens, MAX_TOKENS * (dim + 4))
    query = sa.select(table.id, whole(table.vector, 2 * dim), tokens)
    found = {}
    for chunk in chunks(embeddings):
        rows = catalog.rows(query.where(table.id.in_(chunk)))
        with understood(catalog.path):
            for number, vector, tokens in rows:
                found[number] = _content(vector, b"" if tokens is None else tokens, dim)
    return found


def sample(
    catalog: Catalog, space: int, modality: Modality, dim: int, count: int, last: int = LAST
) -> tuple[IdArray, FloatArray]:
    """Ids `(m,)` and vectors `(m, dim)` of at most `count` embeddings, spread by chance, with ids
    up to `last`.

    The same ones each time, as long as nothing changes among these.
    """
    table = schema.embeddings.c
    return _sample(catalog, (table.modality == modality) & (table.id <= last), space, dim, count)


def photos(
    catalog: Catalog, space: int, dim: int, count: int, last: int = LAST
) -> tuple[IdArray, FloatArray]:
    """The same of photos."""
    return _sample(catalog, of_photos() & (schema.embeddings.c.id <= last), space, dim, count)


def _sample(
    catalog: Catalog, wanted: sa.ColumnElement[bool], space: int, dim: int, count: int
) -> tuple[IdArray, FloatArray]:
    """Those of which Knuth's multiplicative hash of the id is the lowest."""
    table = schema.embeddings.c
    chosen = sa.select(table.id).where(table.space == space, wanted)
    chosen = chosen.order_by((table.id * 2654435761) % 2**32).limit(count)
    query = sa.select(table.id, table.vector).where(table.id.in_(chosen))
    return _matrix(catalog.rows(query.where(is_vector(table.vector, dim))), dim)


def _matrix(rows: Sequence[Any], dim: int) -> tuple[IdArray, FloatArray]:
    """Rows of (id, vector's bytes) as ids `(n,)` and vectors `(n, dim)`, without damaged ones."""
    ids = np.array([row[0] for row in rows], np.int64)
    halves = np.frombuffer(b"".join(row[1] for row in rows), "<f2").reshape(len(ids), dim)
    vectors = halves.astype(np.float32)
    sound = are_unit(vectors)
    return ids[sound], vectors[sound]


def _content(vector: Any, blob: Any, dim: int) -> tuple[FloatArray, tuple[FloatArray, FloatArray]]:
    if not (isinstance(vector, bytes) and isinstance(blob, bytes)):
        raise TypeError("an embedding is blobs of the lengths that its space says")
    values = np.frombuffer(vector, "<f2").astype(np.float32)
    tokens, weights = unpack_tokens(blob, dim)
    if len(values) != dim or not all(np.isfinite(one).all() for one in (values, tokens, weights)):
        raise ValueError("an embedding is finite numbers, as many as its space has dimensions")
    return values, (tokens, weights)


def _item(row: Sequence[Any]) -> Item:
    number, path, modality, kind, text, about, locator, digest = row[1:9]
    taken = row[9] and datetime.fromisoformat(row[9])
    if not all(isinstance(one, str) for one in (path, kind, text or "", about or "", locator)):
        raise TypeError("a text is a string")
    if len(locator) > MAX_LOCATOR:
        raise ValueError("a place in a file is a few numbers")
    return Item(number, path, Modality(modality), kind, text, about, locator, digest, taken)
