"""Assets as rows: which of them pass a filter, and what a table of them is made from."""

# Tested by tests/unit/cmsearch/store/test_filtering.py

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from cmsearch.store.catalog import schema, statements
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.catalog.filters import conditions, has_camera, is_near, lies_at
from cmsearch.store.catalog.prepared import listing, valued
from cmsearch.store.catalog.schema import understood
from cmsearch.types import Filter, IdArray, Modality

MOST_CHANGED = 50_000
"""Changed assets up to which a table of all of them is worth being used."""
_ON_A_PAGE = 10_000
_NAMES = 20_000  # that are one parameter
_MOST_BITS = 2**28
_columns = [
    schema.assets.c[name] for name in ("id", "path", "taken", "camera", "latitude", "longitude")
]


def passing(catalog: Catalog, wanted: Filter, among: IdArray | None = None) -> IdArray:
    """The ids of the assets that pass a filter, or of some of them."""
    columns = [schema.assets.c.id]
    is_placed = wanted.near is not None or wanted.area is not None
    if is_placed:
        columns += [schema.assets.c.latitude, schema.assets.c.longitude]
    query = sa.select(*columns).where(*conditions(wanted))
    if among is not None:
        query = query.where(_is_in(among))
    rows = catalog.rows(query)
    if is_placed:
        rows = [row for row in rows if is_near(wanted, row[1], row[2])]
    return _ids(catalog, rows)


def pages(catalog: Catalog) -> Iterator[Sequence[Any]]:
    """All assets by their ids, some after the other: id, path, taken, camera, north, east."""
    query = sa.select(*_columns).order_by(schema.assets.c.id).limit(_ON_A_PAGE)
    after = -1
    while rows := catalog.rows(query.where(schema.assets.c.id > after)):
        after = int(rows[-1][0])
        yield rows


def some(catalog: Catalog, ids: IdArray) -> Sequence[Any]:
    """The same of some assets that are still there, in order."""
    return catalog.rows(sa.select(*_columns).where(_is_in(ids)).order_by(schema.assets.c.id))


def _is_in(ids: IdArray) -> sa.ColumnElement[bool]:
    return schema.assets.c.id.in_(sa.select(valued(ids.tolist(), int).c.value))


def last_change(catalog: Catalog) -> int:
    """The number of the last transaction that changed assets; 0 for none."""
    return int(catalog.scalar(sa.select(sa.func.max(schema.changes.c.id))) or 0)


def changed(catalog: Catalog, since: int) -> IdArray | None:
    """The ids of the assets that were changed after the transaction of a number, in order; None
    for more than `MOST_CHANGED`.
    """
    most = 8 * MOST_CHANGED
    size = sa.func.sum(sa.func.length(schema.changes.c.assets))
    if (catalog.scalar(sa.select(size).where(schema.changes.c.id > since)) or 0) > most:
        return None
    query = sa.select(schema.changes.c.assets).where(schema.changes.c.id > since)
    with understood(catalog.path):
        blobs = [row[0] for row in catalog.rows(query)]
        return np.array(sorted(set(np.frombuffer(b"".join(blobs), "<i8").tolist())), np.int64)


def described(catalog: Catalog, embeddings: IdArray) -> Sequence[Any]:
    """Of embeddings the id, the item, the asset that this is about or else stands in, its kind."""
    return catalog.run(statements.SUBJECTS, ids=listing(embeddings.tolist()))


def subjects(
    catalog: Catalog, space: int, modality: Modality, after: int
) -> Iterator[tuple[Modality, str, IdArray]]:
    """Of the embeddings of a modality with ids above one, for each kind of their items: these
    both, and the assets that such items are about or else stand in.
    """
    table, own = schema.embeddings.c, schema.items.c
    # With a sum in it SQLite begins with the new ids, of which there are few, unless all are.
    is_in = (table.space + 0 if after else table.space) == space
    subject = sa.func.coalesce(own.about, own.asset)
    query = (
        sa.select(own.kind, subject)
        .join(schema.items, own.id == table.item)
        .where(is_in, table.modality == modality, table.id > after)
        .distinct()
    )
    found: dict[str, list[Any]] = {}
    for kind, number in catalog.rows(query.select_from(schema.embeddings)):
        found.setdefault(str(kind), []).append(number)
    with understood(catalog.path):
        for kind, numbers in found.items():
            yield modality, kind, np.fromiter(numbers, np.int64, len(numbers))


def at(catalog: Catalog, paths: Iterable[str]) -> IdArray:
    """The ids of the assets at some paths."""
    query = sa.select(schema.assets.c.id)
    query = query.where(schema.assets.c.path.in_(sa.select(valued(list(paths), str).c.value)))
    return _ids(catalog, catalog.rows(query))


def cameras(catalog: Catalog, names: Sequence[str], part: str) -> Iterator[int]:
    """The places of the names of cameras that have a part in them, as SQLite understands it."""
    return _names(catalog, names, lambda name: has_camera(name, part))


def folders(catalog: Catalog, names: Sequence[str], glob: str) -> Iterator[int]:
    """The places of the names of folders, which end with a slash, that are as a glob says."""
    return _names(catalog, names, lambda name: lies_at(name, [glob]))


def _names(
    catalog: Catalog,
    names: Sequence[str],
    asked: Callable[[sa.ColumnElement[str]], sa.ColumnElement[bool]],
) -> Iterator[int]:
    for start in range(0, len(names), _NAMES):
        table = valued(names[start : start + _NAMES], str)
        query = sa.select(table.c.key).where(asked(table.c.value))
        yield from (start + int(row[0]) for row in catalog.rows(query))


def at_globs(catalog: Catalog, globs: Sequence[str], *, is_ascii: bool) -> IdArray:
    """The ids of the assets whose path is as a glob says; `is_ascii` where all these are."""
    query = sa.select(schema.assets.c.id)
    return _ids(
        catalog, catalog.rows(query.where(lies_at(schema.assets.c.path, globs, is_ascii=is_ascii)))
    )


def captioned(catalog: Catalog) -> IdArray:
    """The ids of the assets that a caption describes."""
    about = schema.items.c.about
    query = sa.select(about).where(about.is_not(None), schema.items.c.kind == "caption")
    return _ids(catalog, catalog.rows(query.distinct()))


def among(some: IdArray, ids: NDArray[Any]) -> NDArray[np.bool_]:
    """Which ids `(n,)` are among some; none below 0 is."""
    some = some[some >= 0]
    top = int(some.max(initial=0))
    if top > _MOST_BITS:
        return np.isin(ids, some)
    here = np.zeros(top + 2, bool)
    here[some] = True
    found: NDArray[np.bool_] = here[np.minimum(ids, top + 1)]
    return found


def _ids(catalog: Catalog, rows: Sequence[Any]) -> IdArray:
    with understood(catalog.path):
        return np.fromiter((row[0] for row in rows), np.int64, len(rows))
