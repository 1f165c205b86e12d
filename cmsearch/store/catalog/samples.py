"""Some of the embeddings of a catalog, spread by chance, and the same ones each time."""

# Tested by tests/unit/cmsearch/store/catalog/test_catalog.py

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa

from cmsearch.store.catalog import schema, statements
from cmsearch.store.catalog.blobs import matrix, shaped
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.catalog.columns import of_photos
from cmsearch.store.catalog.embeddings import last_embedding
from cmsearch.store.catalog.prepared import Prepared, listing
from cmsearch.types import FloatArray, IdArray, Modality

LAST = 2**63 - 1  # the highest id that there can be
_KNUTH = 2654435761
_TRIED = 8  # times as many ids as are wanted: most are of what is asked for
_MOST_IDS = 2**24


def sample(
    catalog: Catalog, space: int, modality: Modality, dim: int, count: int, last: int = LAST
) -> tuple[IdArray, FloatArray]:
    """Ids `(m,)` and vectors `(m, dim)` of at most `count` embeddings, spread by chance, with ids
    up to `last`.

    The same ones each time, as long as nothing changes among these.
    """
    table, given = schema.embeddings.c, {"space": space, "modality": str(modality)}
    first = catalog.run(statements.FIRST_OF_MODALITY, **given, last=last, most=count + 1)
    rows: Sequence[Any] | None
    if len(first) <= count:  # few are found quickly where they are, and not among all ids
        few = listing(row[0] for row in first)
        rows = sorted(catalog.run(statements.SOME, **given, ids=few))
    else:
        rows = _sampled(catalog, statements.SOME, space, modality, count, last)
    if rows is None:
        wanted = (table.modality == modality) & (table.id <= last)
        rows = _lowest(catalog, wanted, space, count)
    return matrix(shaped(rows, dim), dim)


def photos(
    catalog: Catalog, space: int, dim: int, count: int, last: int = LAST
) -> tuple[IdArray, FloatArray]:
    """The same of photos."""
    rows = _sampled(catalog, statements.SOME_PHOTOS, space, Modality.IMAGE, count, last)
    if rows is None:
        rows = _lowest(catalog, of_photos() & (schema.embeddings.c.id <= last), space, count)
    return matrix(shaped(rows, dim), dim)


def _sampled(
    catalog: Catalog, some: Prepared, space: int, modality: Modality, count: int, last: int
) -> Sequence[Any] | None:
    """The embeddings of which Knuth's multiplicative hash of the id is the lowest, without a look
    at all of them; None where too few ids are theirs.
    """
    last = min(last, last_embedding(catalog))
    if last > _MOST_IDS:
        return None
    ids = np.arange(1, last + 1, dtype=np.uint64)
    keys = (ids * np.uint64(_KNUTH)) % np.uint64(2**32)
    ids = ids[np.argsort(keys, kind="stable")[: _TRIED * count]].astype(np.int64)
    found: list[Any] = []
    start, size = 0, count
    while start < len(ids) and len(found) < count:
        piece = ids[start : start + size].tolist()
        rows = catalog.run(some, ids=listing(piece), space=space, modality=str(modality))
        by_id = {row[0]: row for row in rows}
        found += [by_id[one] for one in piece if one in by_id]
        start, size = start + size, 2 * (count - len(found)) + _TRIED
    if len(found) < count and len(ids) < last:
        return None
    return sorted(found[:count])


def _lowest(
    catalog: Catalog, wanted: sa.ColumnElement[bool], space: int, count: int
) -> Sequence[Any]:
    """The same by a look at all of them."""
    own = schema.embeddings.c
    chosen = sa.select(own.id).where(own.space == space, wanted).limit(count)
    is_chosen = own.id.in_(chosen.order_by((own.id * _KNUTH) % 2**32))
    return catalog.rows(sa.select(own.id, own.vector).where(is_chosen).order_by(own.id))
