"""The files of a store by their days, as hits that nothing asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from cmsearch.search.facets import Counting
from cmsearch.search.hits import plain
from cmsearch.store.catalog import first_items, notes
from cmsearch.store.store import Store
from cmsearch.store.view import View
from cmsearch.types import Filter, Hit, IdArray, Listing

MOST = 1000
"""Files of one part of a list."""


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
    table = counting.things(view).table
    rows = np.flatnonzero(counting.passing(view, where, target))
    ids, days = (one[rows].astype(np.int64) for one in (table.ids, table.days))
    order = np.lexsort((ids, -days if part.newest else days, days <= 0))
    chosen = _exact(store, ids[order], days[order], part)
    return Listing(len(ids), part.offset, tuple(_hits(store, chosen, part)))


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


def _hits(store: Store, assets: list[int], part: Part) -> list[Hit]:
    own = first_items.of_files(store.catalog, assets)
    noted = notes.of_files(store.catalog, [one.path for one in own.values()])
    return [
        replace(
            plain(store, own[asset], own[asset].path, noted.get(own[asset].path, notes.NOTHING)),
            rank=rank,
        )
        for rank, asset in enumerate(assets, part.offset + 1)
        if asset in own
    ]


def picked(store: Store, numbers: Sequence[int]) -> list[Hit]:
    """The items of some numbers as hits, in this order; those that are gone are missing."""
    found = first_items.numbered(store.catalog, numbers)
    own = [found[number] for number in numbers if number in found]
    noted = notes.of_files(store.catalog, [one.about or one.path for one in own])
    return [
        replace(plain(store, one, path, noted.get(path, notes.NOTHING)), rank=rank)
        for rank, one in enumerate(own, 1)
        for path in (one.about or one.path,)
    ]
