"""Which embeddings a search may find: those of a kind, of assets that pass a filter.

What is published is told by tables in the order of the rows; what came later, and what no table
tells, is asked of the catalog.
"""

# Tested by tests/unit/cmsearch/store/test_filtering.py

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np
from numpy.typing import NDArray

from cmsearch.models.gazetteer import distances
from cmsearch.store.catalog import asset_rows, embeddings, items
from cmsearch.store.catalog.asset_rows import among
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.catalog.filters import EVERYTHING, is_near
from cmsearch.store.catalog.noted_filters import noted
from cmsearch.store.filtered_paths import at_path
from cmsearch.store.index.asset_table import ODD, AssetTable
from cmsearch.store.tables import Tables
from cmsearch.store.view import View
from cmsearch.types import Filter, IdArray, Modality

_NEARLY = 1e-6
"""The share of a distance within which NumPy and Python may disagree."""
_Mask = NDArray[np.bool_]


def allowed(
    catalog: Catalog, view: View, modality: Modality, kind: str | None, wanted: Filter
) -> IdArray | None:
    """The ids of the embeddings of a modality whose items are of a kind, if one is given, and as
    wanted, in order; None for all. Some of what was deleted may be among them.
    """
    space, last = view.space_id, 0
    table = None if view.tables is None else view.tables.rows(modality)
    published = np.empty(0, np.int64)
    if view.tables is not None and table is not None:
        last, (ids, rows) = view.tables.manifest.last_embedding, table
        here = np.ones(len(ids), bool) if kind is None else rows.of_kind(kind)
        if wanted != EVERYTHING:
            here &= among(passing(catalog, view.tables, wanted), rows.subjects)
        published = ids if here.all() else ids[here]
    newer = np.empty(0, np.int64)
    if view.last_embedding > last:
        newer = items.embedding_ids(catalog, space, modality, kind, wanted, after=last)
    found = np.concatenate([published, newer]) if len(newer) else published
    if len(found) < len(view.indexes[modality]):  # counting takes long
        return found
    count = embeddings.count(catalog, space, modality, last) + (len(table[0]) if table else 0)
    return None if len(found) == count else found


def is_any(catalog: Catalog, view: View, wanted: Filter) -> bool:
    """Whether any file passes a filter."""
    if view.tables is None:
        return len(asset_rows.passing(catalog, wanted)) > 0
    return len(passing(catalog, view.tables, wanted)) > 0


def passing(catalog: Catalog, tables: Tables, wanted: Filter) -> IdArray:
    """The ids of the assets that pass a filter."""
    table = tables.assets()
    changed = None if table is None else asset_rows.changed(catalog, tables.manifest.changes)
    if table is None or changed is None:
        return asset_rows.passing(catalog, wanted)
    found: IdArray = table.ids[mask(catalog, table, wanted)].astype(np.int64)
    if len(changed):
        found = found[~among(changed, found)]
        found = np.concatenate([found, asset_rows.passing(catalog, wanted, changed)])
    return found


def mask(catalog: Catalog, table: AssetTable, wanted: Filter) -> _Mask:
    """Which assets of a table `(n,)`, as it has them, pass a filter."""
    found = np.ones(len(table.ids), bool)
    for own in _columns(catalog, table, wanted):
        found &= own
    return found


def _columns(catalog: Catalog, table: AssetTable, wanted: Filter) -> Iterator[_Mask]:
    """For each part of a filter which assets of a table pass it."""
    days = Filter(since=wanted.since, until=wanted.until, days=wanted.days)
    if days != EVERYTHING and (table.days == ODD).any():
        yield among(asset_rows.passing(catalog, days), table.ids)
    elif days != EVERYTHING:
        yield _between(table.days, wanted.since, wanted.until)
        if wanted.days:
            yield np.any([_between(table.days, *pair) for pair in wanted.days], axis=0)
    if wanted.camera is not None:
        names = table.names.cameras
        has = np.zeros(len(names) + 1, bool)  # the last is that of none
        has[list(asset_rows.cameras(catalog, names, wanted.camera))] = True
        yield has[table.cameras]
    if wanted.near is not None:
        yield _near(table, wanted)
    if wanted.area is not None:
        yield _in_area(table, wanted.area)
    if wanted.path is not None:
        yield at_path(catalog, table, wanted.path)
    if (own := noted(wanted)) != EVERYTHING:
        yield among(asset_rows.passing(catalog, own), table.ids)
    if wanted.has_caption is not None:
        yield among(asset_rows.captioned(catalog), table.ids) == wanted.has_caption


def _between(days: NDArray[np.int32], since: date | None, until: date | None) -> _Mask:
    first, last = (None if day is None else _number(day) for day in (since, until))
    found: _Mask = days >= (1 if first is None else first)
    return found if last is None else found & (days <= last)


def _number(day: date) -> int:
    return 10_000 * day.year + 100 * day.month + day.day


def _near(table: AssetTable, wanted: Filter) -> _Mask:
    """Which assets are within the wanted distance: as `is_near` says it of each."""
    assert wanted.near is not None
    if not len(table.north):
        return np.zeros(len(table.ids), bool)
    north, east, kilometres = wanted.near
    apart = distances(north, east, table.north, table.east)
    found: _Mask = apart <= kilometres
    exact = Filter(near=wanted.near)
    for row in np.flatnonzero(np.abs(apart - kilometres) <= _NEARLY * (1 + kilometres)):
        found[row] = is_near(exact, float(table.north[row]), float(table.east[row]))
    return found


def _in_area(table: AssetTable, area: tuple[str, str]) -> _Mask:
    """Which assets are in a country: of each place, as exact as `is_near` looks at it, one."""
    found = np.zeros(len(table.ids), bool)
    placed = np.flatnonzero(np.isfinite(table.north) & np.isfinite(table.east))
    if len(placed):
        keys = cells(table.north[placed]) * 2**20 + cells(table.east[placed])
        order = np.argsort(keys, kind="stable")
        is_first = np.diff(keys[order], prepend=keys[order][0] - 1) != 0
        ones = placed[order[is_first]]
        wanted = Filter(area=area)
        inside = [is_near(wanted, float(table.north[one]), float(table.east[one])) for one in ones]
        found[placed[order]] = np.array(inside)[np.cumsum(is_first) - 1]
    return found


def cells(degrees: NDArray[np.float64]) -> IdArray:
    """Degrees in hundredths, rounded as Python does."""
    scaled = (100 * degrees).clip(-(2.0**18), 2.0**18)
    found: IdArray = np.rint(scaled).astype(np.int64)
    for row in np.flatnonzero(np.abs(scaled - np.floor(scaled) - 0.5) < _NEARLY):
        found[row] = round(100 * round(float(degrees[row]), 2))
    return found
