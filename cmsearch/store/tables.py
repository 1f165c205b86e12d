"""The tables of rows and of assets beside a catalog: how they are made, and opened when asked."""

# Tested by tests/unit/cmsearch/store/test_tables.py

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

import numpy as np

from cmsearch.errors import StoreError
from cmsearch.store.catalog import asset_rows, embeddings
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.index import asset_table, row_table, snapshot
from cmsearch.store.index.asset_table import AssetTable
from cmsearch.store.index.manifest import IndexFiles, Manifest
from cmsearch.store.index.row_table import RowTable
from cmsearch.types import IdArray, Modality

_AT_ONCE = 10_000
log = logging.getLogger("cmsearch")


class Tables:
    """The tables of a publication, each opened when it is first asked for. Safe from threads: what
    two open at once is alike.
    """

    def __init__(self, place: Path, manifest: Manifest) -> None:
        self._place, self.manifest = place, manifest
        self._rows: dict[Modality, tuple[IdArray, RowTable] | None] = {}
        self._assets: list[AssetTable | None] = []

    def rows(self, modality: Modality) -> tuple[IdArray, RowTable] | None:
        """The ids `(n,)` of the published rows of a modality, in order, and what each is of; None
        where that isn't known.
        """
        if modality not in self._rows:
            found, files = None, self.manifest.of(modality)
            try:
                found = snapshot.open_table(self._place, files) if files else None
            except StoreError as error:
                _tell(error)
            self._rows[modality] = found
        return self._rows[modality]

    def items(self, modality: Modality, embeddings: Collection[int]) -> dict[int, int]:
        """The items of embeddings by their ids, as far as they are published."""
        found = self.rows(modality)
        if found is None or not len(found[0]):
            return {}
        ids, wanted = found[0], np.array(list(embeddings), np.int64)
        places = np.searchsorted(ids, wanted).clip(max=len(ids) - 1)
        here = ids[places] == wanted
        numbers = found[1].items[places[here]].tolist()
        return dict(zip(wanted[here].tolist(), numbers, strict=True))

    def assets(self) -> AssetTable | None:
        """The assets as they were after the `changes` of the manifest; None without a table."""
        if not self._assets:
            found = None
            try:
                found = snapshot.open_assets(self._place, self.manifest)
            except StoreError as error:
                _tell(error)
            self._assets.append(found)
        return self._assets[0]


def assets(catalog: Catalog, place: Path, former: Manifest | None) -> AssetTable | None:
    """The table of all assets as they are now, which goes on from the `former` one if it can; None
    where a table of them is of no use.
    """
    try:
        known = None if former is None else snapshot.open_assets(place, former)
        if former is not None and known is not None:
            changed = asset_rows.changed(catalog, former.changes)
            if changed is not None:
                return known.updated(changed, asset_rows.some(catalog, changed))
        return asset_table.made(asset_rows.pages(catalog))
    except (StoreError, ValueError, TypeError):  # damaged, or crafted
        return None


def describing(
    catalog: Catalog, place: Path, former: Sequence[IndexFiles]
) -> Callable[[IdArray], RowTable | None]:
    """What tells of embeddings what they are of: from the tables of former segments, and of those
    that aren't there from the catalog.
    """
    try:
        known = snapshot.open_table(place, former) if former else None
    except StoreError:
        known = None

    def described(ids: IdArray) -> RowTable | None:
        if known is not None and len(known[0]):
            places = np.searchsorted(known[0], ids).clip(max=len(known[0]) - 1)
            if (known[0][places] == ids).all():
                return known[1].at(places)
        return row_table.made(ids, asset_rows.described(catalog, ids))

    return described


def _tell(error: StoreError) -> None:
    log.warning("%s The catalog is used in its place; `cmsearch doctor --repair` mends it.", error)


def differing(catalog: Catalog, place: Path, manifest: Manifest) -> Iterator[str]:
    """What tables that are whole say otherwise than the catalog, in the words of a finding."""
    tables, gone = Tables(place, manifest), embeddings.tombstones(catalog)
    for modality in dict.fromkeys(one.modality for one in manifest.indexes):
        found = tables.rows(modality)
        if found is not None and not _agree(catalog, found, gone):
            yield f"the table of the {modality} rows is not what the catalog says of them"
    known, changed = tables.assets(), asset_rows.changed(catalog, manifest.changes)
    if known is not None and changed is not None:
        try:
            now = asset_table.made(asset_rows.pages(catalog))
            is_told = asset_table.are_alike(known.without(changed), now.without(changed))
        except (TypeError, ValueError, OverflowError):  # the catalog is crafted, or damaged
            is_told = False
        if not is_told:
            yield "the table of files is not what the catalog says of them"


def _agree(catalog: Catalog, found: tuple[IdArray, RowTable], gone: IdArray) -> bool:
    """Whether a table says of rows that aren't gone what the catalog says."""
    ids, table = found
    for start in range(0, len(ids), _AT_ONCE):
        rows = start + np.flatnonzero(~np.isin(ids[start : start + _AT_ONCE], gone))
        now = row_table.made(ids[rows], asset_rows.described(catalog, ids[rows]))
        if now is None or not row_table.are_alike(table.at(rows), now):
            return False
    return True
