"""When and where the pictures of a store were taken, counted."""

# Tested by tests/unit/cmsearch/store/test_whereabouts.py

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cmsearch.common.kinds import SUBJECTS
from cmsearch.media.readers import suffixes
from cmsearch.models.areas import area_names
from cmsearch.models.gazetteer import gazetteer
from cmsearch.store import tables
from cmsearch.store.catalog import files
from cmsearch.store.index.asset_table import AssetTable
from cmsearch.store.store import Store

_CELLS = 10  # a degree
_MANY = 50_000


def table(store: Store) -> AssetTable | None:
    """The files of a store as they are now; None for many that were published without a table."""
    space = store.catalog.space()
    former = store.published(space[0]) if space else None
    is_told = former is not None and former.assets is not None
    if not is_told and sum(files.counts(store.catalog).values()) > _MANY:
        return None
    return tables.assets(store.catalog, store.path, former)


def years(assets: AssetTable) -> dict[str, int]:
    """How many pictures and films were taken in each year."""
    days = assets.days[_seen(assets)]
    found, counts = np.unique(days[days > 0] // 10_000, return_counts=True)
    return {
        f"{year:04}": count for year, count in zip(found.tolist(), counts.tolist(), strict=True)
    }


def countries(assets: AssetTable) -> dict[str, int]:
    """How many were taken in each country, the most first, by the towns that are nearest; nothing
    without the extra `places`.
    """
    mask = _seen(assets)
    if not len(assets.north) or not np.isfinite(assets.north[mask]).any():
        return {}
    north, east = assets.north[mask], assets.east[mask]
    here = np.isfinite(north) & np.isfinite(east)
    towns, found = gazetteer(), dict[str, int]()
    cells = np.stack([np.rint(_CELLS * one[here]) for one in (north, east)], 1)
    _, first, counts = np.unique(cells, axis=0, return_index=True, return_counts=True)
    for place, count in zip(first.tolist(), counts.tolist(), strict=True):
        town = towns and towns.at(float(north[here][place]), float(east[here][place]))
        if town:
            name = area_names()[(town.country, "")]
            found[name] = found.get(name, 0) + count
    return dict(sorted(found.items(), key=lambda one: (-one[1], one[0])))


def _seen(assets: AssetTable) -> NDArray[np.bool_]:
    """Which assets are pictures and films."""
    own = suffixes(*SUBJECTS)
    is_seen = np.array([name in own for name in assets.names.suffixes], bool)
    found: NDArray[np.bool_] = is_seen[assets.suffixes] if len(is_seen) else np.zeros(0, bool)
    return found
