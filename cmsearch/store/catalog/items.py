"""Items and their embeddings: which belong together, and the vectors and tokens of these."""

# Tested by tests/unit/cmsearch/store/catalog/test_catalog.py

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

import numpy as np
import sqlalchemy as sa

from cmsearch.store.catalog import schema, statements
from cmsearch.store.catalog.blobs import matrix, shaped, unpack_all_tokens
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.catalog.columns import is_vector
from cmsearch.store.catalog.filters import conditions, is_near
from cmsearch.store.catalog.prepared import listing
from cmsearch.store.catalog.schema import understood
from cmsearch.types import MAX_TOKENS, Filter, FloatArray, IdArray, Item, Modality

MAX_LOCATOR = 100
_SHORT = 1000  # characters of a text up to which its item is kept for the next search
_ON_A_PAGE = 10_000


def of_embeddings(
    catalog: Catalog, embeddings: Iterable[int], items: Mapping[int, int] = MappingProxyType({})
) -> dict[int, Item]:
    """The items of embeddings, by the embedding's id; ids that are gone are missing.

    Of embeddings of which it is known which `items` they have, these alone are looked up.
    """
    known, wanted = catalog.known_items(), set(embeddings)
    found = {number: known[number] for number in wanted if number in known}
    wanted -= found.keys()
    own = {number: items[number] for number in wanted if number in items}
    rows = catalog.run(statements.ITEMS, items=listing(set(own.values()))) if own else []
    by_item = {row[0]: row for row in rows}
    told = {number: by_item[item] for number, item in own.items() if item in by_item}
    if wanted := wanted - own.keys():
        rows = catalog.run(statements.DESCRIBED, ids=listing(wanted))
        told |= {row[0]: row for row in rows}
    return found | _described(catalog, told)


def numbered(catalog: Catalog, numbers: Iterable[int]) -> dict[int, Item]:
    """Items by their numbers, as in `Hit.item`; those that are gone are missing."""
    with understood(catalog.path):
        rows = catalog.run(statements.ITEMS, items=listing(set(numbers)))
        return {row[0]: item_of_row(row) for row in rows}


def _described(catalog: Catalog, rows: Mapping[int, Sequence[Any]]) -> dict[int, Item]:
    """The items of rows by their embeddings, which are kept for the next who reads this state."""
    known = catalog.known_items()
    with understood(catalog.path):
        found = {number: known.get(number) or item_of_row(row) for number, row in rows.items()}
    known |= {one: item for one, item in found.items() if len(item.text or "") <= _SHORT}
    return found


def firsts(
    catalog: Catalog, space: int, items: Iterable[int], dim: int
) -> dict[int, tuple[Item, FloatArray]]:
    """By the id of their first embedding in a space the items of these numbers, with its vector
    `(dim,)`. Those of which it is damaged are missing.
    """
    first: dict[int, Any] = {}
    for row in catalog.run(
        statements.WITH_VECTORS, items=listing(set(items)), space=space, dim=dim
    ):
        first.setdefault(row[1], row)
    pairs = shaped([(row[0], row[-1]) for row in first.values()], dim)
    ids, vectors = matrix(pairs, dim)
    sound = dict(zip(ids.tolist(), vectors, strict=True))
    rows = {row[0]: row for row in first.values() if row[0] in sound}
    described = _described(catalog, rows)
    return {number: (described[number], sound[number]) for number in rows}


def embedding_ids(
    catalog: Catalog,
    space: int,
    modality: Modality,
    kind: str | None,
    wanted: Filter,
    of: Sequence[str] | None = None,
    after: int = 0,
) -> IdArray:
    """The embeddings of a modality whose items are of one kind, if given, and as wanted; and
    in the files at the paths `of`, if given, about nothing but these. Those with an id above
    `after`.
    """
    table, about = schema.embeddings.c, schema.items.c.about
    # With a sum in it SQLite begins with the files, and not, by its index, with all of a space.
    own_file = (schema.items.c.asset == schema.assets.c.id) & (about + 0).is_(None)
    asked: list[sa.ColumnElement[bool]] = [*conditions(wanted)]
    subjects: list[sa.ColumnElement[bool]] = [own_file]
    in_space = table.space + 0 == space
    if kind is not None:
        asked.append(schema.items.c.kind == kind)
    if of is not None:
        asked.append(schema.assets.c.path.in_(of))
    elif not after and (wanted.since or wanted.until or wanted.days):  # which has an index
        subjects.append(about == schema.assets.c.id)
    else:
        subjects = [sa.func.coalesce(about, schema.items.c.asset) == schema.assets.c.id]
        in_space = in_space & (table.id > after) if after else table.space == space
    query = (
        sa.select(table.id, schema.assets.c.latitude, schema.assets.c.longitude)
        .join(schema.items, table.item == schema.items.c.id)
        .where(in_space, table.modality == modality, *asked)
    )
    rows = [row for own in subjects for row in catalog.rows(query.join(schema.assets, own))]
    return np.array(sorted(row[0] for row in rows if is_near(wanted, row[1], row[2])), np.int64)


def images_at(catalog: Catalog, space: int, paths: Iterable[str]) -> dict[str, int]:
    """By the path of an asset the first embedding of the photo that it is."""
    rows = catalog.run(statements.PHOTOS, paths=listing(set(paths)), space=space)
    return {path: embedding for path, embedding, _ in reversed(rows)}


def photos_of(catalog: Catalog, space: int, captions: Iterable[int]) -> dict[int, int]:
    """By item that describes a photo the item that this is, if it has an embedding in a space."""
    rows = catalog.run(statements.PHOTOS_OF, items=listing(set(captions)), space=space)
    return dict(reversed(rows))


def photos_with(catalog: Catalog, space: int, items: Iterable[int]) -> dict[int, int]:
    """By item that was read in a photo the item that this is, if it has an embedding in a space."""
    rows = catalog.run(statements.PHOTOS_WITH, items=listing(set(items)), space=space)
    return dict(reversed(rows))


def pages_of(catalog: Catalog, space: int, paths: Iterable[str]) -> list[int]:
    """The embeddings of the pages of documents."""
    rows = catalog.run(statements.PAGES, paths=listing(set(paths)), space=space)
    return [int(row[1]) for row in rows]


def with_digest(catalog: Catalog, digest: str, modality: Modality) -> set[int]:
    """The items of a modality in files whose content has this digest."""
    query = (
        sa.select(schema.items.c.id)
        .join(schema.assets, schema.items.c.asset == schema.assets.c.id)
        .where(schema.assets.c.digest == digest, schema.items.c.modality == modality)
    )
    return {row[0] for row in catalog.rows(query)}


def about_same(catalog: Catalog, items: Iterable[int]) -> set[int]:
    """The items themselves, and the pictures and captions of the pictures they are about.

    What a subtitle says is about a moment, not about its film.
    """
    found = set(items)
    if not found:
        return found
    return found | {row[0] for row in catalog.run(statements.ABOUT_SAME, items=listing(found))}


def hashes(catalog: Catalog, embeddings: Iterable[int]) -> dict[int, bytes]:
    """By id of embeddings the perceptual hash of their item; those without one are missing."""
    return dict(catalog.run(statements.HASHES, ids=listing(set(embeddings))))


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
    return matrix(catalog.rows(query), dim)


def pages(
    catalog: Catalog, space: int, modality: Modality, dim: int, after: int = 0
) -> Iterator[tuple[IdArray, FloatArray]]:
    """What `embeddings` gives, some after the other, so that memory doesn't grow with them."""
    table = schema.embeddings.c
    query = (
        sa.select(table.id, table.vector)
        .where(table.space == space, table.modality == modality)
        .where(is_vector(table.vector, dim))
        .order_by(table.id)
        .limit(_ON_A_PAGE)
    )
    while rows := catalog.rows(query.where(table.id > after)):
        after = int(rows[-1][0])
        yield matrix(rows, dim)


def vectors(catalog: Catalog, embeddings: Iterable[int], dim: int) -> dict[int, FloatArray]:
    """By id the vector `(dim,)` of embeddings; those that are damaged are missing."""
    ids, rows = matrix(catalog.run(statements.VECTORS, ids=listing(set(embeddings)), dim=dim), dim)
    return dict(zip(ids.tolist(), rows, strict=True))


def item_pictures(
    catalog: Catalog, space: int, items: Iterable[int], dim: int
) -> dict[int, FloatArray]:
    """By item the vectors `(n, dim)` that it has in a space, without those that are damaged."""
    rows = catalog.run(statements.PICTURES, items=listing(set(items)), space=space, dim=dim)
    numbers, vectors = matrix(rows, dim)
    found: dict[int, list[FloatArray]] = {}
    for number, vector in zip(numbers.tolist(), vectors, strict=True):
        found.setdefault(number, []).append(vector)
    return {number: np.stack(own) for number, own in found.items()}


def captions_of(
    catalog: Catalog, space: int, photos: Iterable[int], dim: int, left_out: Collection[int] = ()
) -> tuple[list[int], IdArray, FloatArray]:
    """The captions of items that are photos, but for those that are left out or damaged: of each
    the photo, its first embedding in a space `(n,)`, and the vector of that `(n, dim)`.
    """
    rows = catalog.run(statements.CAPTIONS, items=listing(set(photos)), space=space, dim=dim)
    rows = [row for row in rows if row[3] not in left_out]
    ids, vectors = matrix(rows, dim)
    photo_of = {row[0]: row[2] for row in rows}
    return [photo_of[number] for number in ids.tolist()], ids, vectors


def contents(
    catalog: Catalog, embeddings: Sequence[int], dim: int
) -> dict[int, tuple[FloatArray, tuple[FloatArray, FloatArray]]]:
    """By id the vector `(dim,)` of embeddings, and their tokens `(t, dim)` with weights.

    Raises `StoreError` for any that are damaged.
    """
    rows = catalog.run(statements.CONTENTS, ids=listing(set(embeddings)), dim=dim, most=MAX_TOKENS)
    with understood(catalog.path):
        vectors = _decoded([row[1] for row in rows], dim)
        tokens = unpack_all_tokens([b"" if row[2] is None else row[2] for row in rows], dim)
    ids = (row[0] for row in rows)
    return dict(zip(ids, zip(vectors, tokens, strict=True), strict=True))


def _decoded(blobs: Sequence[Any], dim: int) -> FloatArray:
    """Vectors `(n, dim)` of their bytes; raises `TypeError` and `ValueError` for damaged ones."""
    if not all(isinstance(blob, bytes) for blob in blobs):
        raise TypeError("an embedding is blobs of the lengths that its space says")
    vectors = np.frombuffer(b"".join(blobs), "<f2").astype(np.float32)
    if any(len(blob) != 2 * dim for blob in blobs) or not np.isfinite(vectors).all():
        raise ValueError("an embedding is finite numbers, as many as its space has dimensions")
    return vectors.reshape(len(blobs), dim)


def item_of_row(row: Sequence[Any]) -> Item:
    """The item of a row as `statements.ITEMS` has it. Raises `TypeError`, `ValueError`."""
    number, path, modality, kind, text, about, locator, digest, taken = row[1:10]
    if not all(isinstance(one, str) for one in (path, kind, locator, text or "", about or "")):
        raise TypeError("a text is a string")
    if len(locator) > MAX_LOCATOR:
        raise ValueError("a place in a file is a few numbers")
    day = taken and datetime.fromisoformat(taken)
    return Item(number, path, Modality(modality), kind, text, about, locator, digest, day)
