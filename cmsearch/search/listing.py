"""The files of a store by their days, as hits that nothing asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from cmsearch.search.facets import Counting
from cmsearch.search.hits import plain
from cmsearch.store.catalog import first_items, items, notes
from cmsearch.store.catalog import hashes as catalog_hashes
from cmsearch.store.store import Store
from cmsearch.store.view import View
from cmsearch.types import Filter, Hit, IdArray, Item, Listing

MOST = 1000
"""Files of one part of a list."""
MOST_HASHES = 10_000
"""Hashes of one part of a list."""


class Part(NamedTuple):
    """Which part of a list is wanted."""

    newest: bool
    """Whether the newest come first."""
    offset: int
    """How many come before it."""
    limit: int
    """How many are wanted."""


def listed(
    store: Store, counting: Counting, view: View, where: Filter, target: str, part: Part
) -> Listing:
    """A part of the files that pass a filter and have items of a target, by when they were taken.

    Those without a time come last. Of each file its first item is given.
    """
    total, chosen = _files(store, counting, view, where, target, part)
    found = first_items.of_files(store.catalog, chosen)
    return Listing(total, part.offset, tuple(_plain(store, found, chosen, part.offset + 1)))


def hashes(
    store: Store, counting: Counting, view: View, where: Filter, target: str, part: Part
) -> list[bytes]:
    """Of a part of the same list the perceptual hashes of the first items; empty without one."""
    _, chosen = _files(store, counting, view, where, target, part)
    known = catalog_hashes.of_files(store.catalog, chosen)
    return [known.get(one, b"") for one in chosen]


def _files(
    store: Store, counting: Counting, view: View, where: Filter, target: str, part: Part
) -> tuple[int, list[int]]:
    """How many files a list has, and those of a part of it."""
    things = counting.things(view)
    order = things.newest if part.newest else things.oldest
    rows = order[counting.passing(view, where, target)[order]]
    ids, days = (one[rows].astype(np.int64) for one in (things.table.ids, things.table.days))
    return len(ids), _exact(store, ids, days, part)


def _exact(store: Store, ids: IdArray, days: IdArray, part: Part) -> list[int]:
    """The files of a part, those of one day by their times: whole days are put in order."""
    own = days[part.offset : part.offset + part.limit]
    if not len(own):
        return []
    first, last = np.flatnonzero(days == own[0])[0], np.flatnonzero(days == own[-1])[-1]
    whole = ids[first : last + 1].tolist()
    times = first_items.times(store.catalog, whole)
    # The sort is stable, so that the numbers decide between equal times either way.
    dated = sorted(
        (one for one in whole if one in times), key=times.__getitem__, reverse=part.newest
    )
    found = [*dated, *(one for one in whole if one not in times)]
    return found[part.offset - first :][: len(own)]


def picked(store: Store, numbers: Sequence[int]) -> list[Hit]:
    """The items of some numbers as hits, in this order; those that are gone are missing."""
    found = items.numbered(store.catalog, numbers)
    return _plain(store, found, [number for number in numbers if number in found], 1)


def _plain(store: Store, found: Mapping[int, Item], order: Sequence[int], first: int) -> list[Hit]:
    """Items as hits in the order of their keys, ranked from a place on; some may be missing."""
    paths = {key: item.about or item.path for key, item in found.items()}
    noted = notes.of_files(store.catalog, paths.values())
    return [
        replace(
            plain(store, found[key], paths[key], noted.get(paths[key], notes.NOTHING)), rank=rank
        )
        for rank, key in enumerate(order, first)
        if key in found
    ]
