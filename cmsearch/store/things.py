"""The files that searches can find, as columns: what each has, for those who count them."""

# Tested by tests/unit/cmsearch/store/test_things.py

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cmsearch.common.kinds import KINDS, wants
from cmsearch.models.gazetteer import Town, gazetteer
from cmsearch.store.catalog import asset_rows, embeddings, sqlite_notes
from cmsearch.store.catalog.asset_rows import among
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.catalog.schema import understood
from cmsearch.store.filtering import cells
from cmsearch.store.index import asset_table
from cmsearch.store.index.asset_table import AssetTable
from cmsearch.store.view import View
from cmsearch.types import IdArray, Modality

NOWHERE = -1
_PLACES = 65_536
"""Places, of a kilometre each, of which the nearest town is remembered."""
_MOST_PLACES = 20_000
"""Places of a store above which they are told apart by 10 kilometres each: each takes 0.1 ms."""
Mask = NDArray[np.bool_]


class Column(NamedTuple):
    """What each of n files has of something: one value, or none."""

    values: Sequence[Any]
    """The different values."""
    codes: IdArray
    """The place of the value of each file among these `(n,)`; −1 for one without."""

    def counts(self, passing: Mask) -> list[int]:
        """How many of the files that pass have each value."""
        codes = self.codes[passing] + 1
        found: list[int] = np.bincount(codes, minlength=len(self.values) + 1)[1:].tolist()
        return found


class Pairs(NamedTuple):
    """What files have of something of which each may have several."""

    values: Sequence[str]
    """The different values."""
    rows: IdArray
    """Of each pair of a file and a value the place of the file `(m,)`."""
    codes: IdArray
    """The place of the value."""

    def counts(self, passing: Mask) -> list[int]:
        """How many of the files that pass have each value."""
        codes = self.codes[passing[self.rows]]
        found: list[int] = np.bincount(codes, minlength=len(self.values)).tolist()
        return found


class Things:
    """The files of one view, in the order of their numbers. Safe from threads: what two make at
    once is alike.
    """

    def __init__(self, catalog: Catalog, view: View) -> None:
        """Read what is read of all; columns are made when they are first asked for, within the
        same `Store.reading`.
        """
        self._catalog = catalog
        self._noted: dict[Any, Pairs] = {}
        self.table = _table(catalog, view)
        self._kinds = _kinds(catalog, view, self.table)

    @property
    def kinds(self) -> dict[str, Mask]:
        """Which files have, or are described by, an item of each kind `(n,)`."""
        found: dict[str, Mask] = {}
        for (_, kind), own in self._kinds.items():
            found[kind] = found[kind] | own if kind in found else own
        return found

    def of(self, target: str) -> Mask:
        """Which files have an item that a search for a target may find."""
        found = np.zeros(len(self.table.ids), bool)
        for (own, kind), mask in self._kinds.items():
            if wants(target, own) and (target not in KINDS or kind == target):
                found |= mask
        return found

    @cached_property
    def days(self) -> Column:
        """The day of each, as the number 20240531; in order."""
        values, codes = np.unique(self.table.days, return_inverse=True)
        first = int(np.searchsorted(values, 1))  # without those of no time, or of an odd one
        return Column(values[first:].tolist(), codes - first)

    @cached_property
    def newest(self) -> IdArray:
        """Their places by day, the newest first, without a time last; of one day by number."""
        return self._by_day(-1)

    @cached_property
    def oldest(self) -> IdArray:
        """The same with the oldest first."""
        return self._by_day(1)

    def _by_day(self, turn: int) -> IdArray:
        days = self.table.days
        order: IdArray = np.lexsort((self.table.ids, turn * days, days <= 0))
        return order

    @cached_property
    def cameras(self) -> Column:
        """The camera of each."""
        return Column(self.table.names.cameras, self.table.cameras.astype(np.int64))

    def folders(self, passing: Mask) -> dict[str, int]:
        """How many of the files that pass are below each folder."""
        direct = np.bincount(self.table.folders[passing], minlength=len(self.table.names.folders))
        values, rows, codes = self._lineages
        below = np.bincount(codes, direct[rows], len(values)).astype(np.int64).tolist()
        return dict(zip(values, below, strict=True))

    @cached_property
    def _lineages(self) -> Pairs:
        """Of each folder the folders that it is in, and itself: `rows` are places of the names of
        folders in the table, and not files.
        """
        places: dict[str, int] = {}
        pairs = [
            (row, places.setdefault(folder, len(places)))
            for row, name in enumerate(self.table.names.folders)
            for folder in _lineage(name)
        ]
        rows, codes = np.array(pairs, np.int64).reshape(-1, 2).T
        return Pairs(list(places), rows, codes)

    @cached_property
    def towns(self) -> Column:
        """The town that is nearest to where each was taken; of none without the extra `places`."""
        table, codes = self.table, np.full(len(self.table.ids), NOWHERE)
        towns: dict[Town, int] = {}
        if len(table.north) and gazetteer() is not None:
            placed = np.flatnonzero(np.isfinite(table.north) & np.isfinite(table.east))
            pairs = [cells(one[placed]) for one in (table.north, table.east)]
            keys, own = _unique(pairs)
            if len(keys) > _MOST_PLACES:
                keys, own = _unique([10 * (one // 10) for one in pairs])
            found = [_town(int(north), int(east)) for north, east in keys]
            known = [
                NOWHERE if town is None else towns.setdefault(town, len(towns)) for town in found
            ]
            codes[placed] = np.array(known, np.int64)[own]
        return Column(list(towns), codes)

    def noted(self, kinds: Collection[str], *, first: bool = False) -> Pairs:
        """The values of some kinds of notes, without case; with `first` those of the source alone
        that comes first.
        """
        key = (*kinds, first)
        if key not in self._noted:
            names, codes, abouts = sqlite_notes.values(self._catalog, kinds, first=first)
            rows = np.searchsorted(self.table.ids, abouts).clip(max=max(len(self.table.ids) - 1, 0))
            here = self.table.ids[rows] == abouts if len(self.table.ids) else rows < 0
            count = max(len(names), 1)  # each pair as one number sorts sooner
            pairs = np.unique(rows[here] * count + codes[here])
            self._noted[key] = Pairs(names, pairs // count, pairs % count)
        return self._noted[key]


def _table(catalog: Catalog, view: View) -> AssetTable:
    """The assets as they are now, by what was published of them if that is of use."""
    known = None if view.tables is None else view.tables.assets()
    if view.tables is not None and known is not None:
        changed = asset_rows.changed(catalog, view.tables.manifest.changes)
        if changed is not None:
            with understood(catalog.path):
                return known.updated(changed, asset_rows.some(catalog, changed))
    with understood(catalog.path):
        return asset_table.made(asset_rows.pages(catalog))


def _kinds(catalog: Catalog, view: View, table: AssetTable) -> dict[tuple[Modality, str], Mask]:
    """Which assets have items of each modality and kind."""
    gone = embeddings.tombstones(catalog)
    found: dict[tuple[Modality, str], Mask] = {}
    for modality, kind, subjects in _subjects(catalog, view, gone):
        own = among(subjects, table.ids)
        found[modality, kind] = found[modality, kind] | own if (modality, kind) in found else own
    return found


def _subjects(
    catalog: Catalog, view: View, gone: IdArray
) -> Iterator[tuple[Modality, str, IdArray]]:
    """Modalities, kinds, and the assets that items of both are in or about."""
    for modality in view.indexes:
        last, rows = 0, None if view.tables is None else view.tables.rows(modality)
        if view.tables is not None and rows is not None:
            last, (ids, own) = view.tables.manifest.last_embedding, rows
            left = ~np.isin(ids, gone) if len(gone) else np.ones(len(ids), bool)
            for kind in own.names:
                subjects = own.subjects[own.of_kind(kind) & left].astype(np.int64)
                if len(subjects):
                    yield modality, kind, subjects
        if view.last_embedding > last:
            yield from asset_rows.subjects(catalog, view.space_id, modality, last)
    if view.sounds is not None:
        yield from _subjects(catalog, view.sounds, gone)


def _lineage(folder: str) -> Iterator[str]:
    """The folders that one with a slash at its end is in, and itself; not the root."""
    end = folder.find("/")
    while end >= 0:
        yield folder[:end]
        end = folder.find("/", end + 1)


def _unique(columns: Sequence[IdArray]) -> tuple[IdArray, IdArray]:
    """The different rows of columns, and which of them each row is."""
    found, own = np.unique(np.stack(columns, 1), axis=0, return_inverse=True)
    return found, own.reshape(-1)


@lru_cache(_PLACES)
def _town(north: int, east: int) -> Town | None:
    """The town nearest to a place in hundredths of degrees."""
    towns = gazetteer()
    return None if towns is None else towns.at(north / 100, east / 100)
