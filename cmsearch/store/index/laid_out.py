"""Rows that are laid out under ascending ids, and what of them a search may find."""

# Tested by tests/unit/cmsearch/store/index/test_faiss_index.py

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cmsearch.protocols import VectorRows
from cmsearch.store.index.ivf import MOST_CANDIDATES, Depth, Searcher
from cmsearch.store.index.rows import nearest
from cmsearch.types import FloatArray, IdArray

COMPARED = 20_000
"""Rows that may be found up to which a query is compared with every one of these."""
_ELSEWHERE = Depth(0, 2, 4)
"""How many times the codes and rows a search looks at, under a filter that lets nothing near pass.
"""
_SPREAD = Depth(0, 4, 2)
"""How many times the share of the codes, and the rows, where what is near passes, too."""
_SPAN = 4
"""Ids at most for each row, up to which a table gives the row of an id."""
_NONE = np.empty(0, np.int64)


class Wanted(NamedTuple):
    """The rows that a search may find."""

    total: int
    numbers: IdArray | None
    """Which they are, if they are few; None for all, and for many."""
    bits: NDArray[np.uint8] | None
    """A bit for each row, the lowest first, if they are many and not all."""
    by_list: IdArray | None
    """How many of them each list has, if these are told."""


class LaidOut:
    """Rows with their ids, and lists of codes to search them by where they are many."""

    def __init__(self, ids: IdArray, rows: VectorRows, searcher: Searcher | None = None) -> None:
        self.ids, self.rows, self.searcher = ids, rows, searcher
        self._table: NDArray[np.int32] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def places(self, ids: IdArray) -> IdArray:
        """The rows of those of some ids that are here."""
        if not len(self.ids) or not len(ids):
            return _NONE
        first, last = int(self.ids[0]), int(self.ids[-1])
        if len(ids) > len(self.ids) // 100 and last - first < _SPAN * len(self.ids):
            if self._table is None:
                table = np.full(last - first + 1, -1, np.int32)
                table[self.ids - first] = np.arange(len(self.ids), dtype=np.int32)
                self._table = table
            inside = ids[(ids >= first) & (ids <= last)] - first
            found = self._table[inside].astype(np.int64)
            return found[found >= 0]
        places = np.searchsorted(self.ids, ids).clip(max=len(self.ids) - 1)
        here: IdArray = places[self.ids[places] == ids]
        return here

    def wanted(self, mask: NDArray[np.bool_] | None) -> Wanted:
        """The rows of a mask `(rows,)`; all without one."""
        count = len(self.ids) if mask is None else int(mask.sum())
        if mask is None or count == len(self.ids):
            return Wanted(count, None, None, None)
        if self.searcher is None or count <= COMPARED:
            return Wanted(count, np.flatnonzero(mask), None, None)
        by_list = self.searcher.counted(mask)
        return Wanted(count, None, np.packbits(mask, bitorder="little"), by_list)

    def nearest(self, query: FloatArray, k: int, wanted: Wanted) -> tuple[FloatArray, IdArray]:
        """Scores and rows of the k nearest of the wanted rows to a query `(dim,)`."""
        if self.searcher is None or wanted.numbers is not None or 4 * k >= wanted.total:
            return nearest(self.rows, query, k, self._numbers(wanted))
        turned = self.searcher.turned(query[None])
        depth = self._depth(turned[0], k, wanted)
        rows = self.searcher.candidates(turned, depth, wanted.bits)[0]
        return nearest(self.rows, query, k, np.sort(rows[rows >= 0]))

    def _numbers(self, wanted: Wanted) -> IdArray | None:
        if wanted.bits is None:
            return wanted.numbers
        bits = np.unpackbits(wanted.bits, count=len(self.ids), bitorder="little")
        return np.flatnonzero(bits)

    def _depth(self, turned: FloatArray, k: int, wanted: Wanted) -> Depth:
        """How far to go for k rows: among fewer rows through more lists.

        What passes a filter may lie elsewhere than what is like a query, where one row is hardly
        nearer than the next: then twice as many of its rows are looked at as of all without one.
        Where the nearest lists have their share of it, or half of that, a share is enough.
        """
        assert self.searcher is not None
        lists = self.searcher.lists
        depth = next((one for one in lists.depths if one.k >= k), None)
        if depth is None:
            last = lists.depths[-1]
            by = -(-k // last.k)
            depth = Depth(k, last.lists * by, last.rows * by)
        number, rows = depth.lists, depth.rows
        if wanted.by_list is not None:
            number = min(number, len(lists.sizes))
            share = number / len(lists.sizes)
            seen = np.cumsum(wanted.by_list[self.searcher.nearest_lists(turned)])
            enough, by = _ELSEWHERE.lists * share * len(self.ids), _ELSEWHERE.rows
            if 2 * seen[number - 1] >= share * wanted.total:
                enough = min(enough, max(_SPREAD.lists * share * wanted.total, COMPARED))
                by = _SPREAD.rows
            number, rows = int(np.searchsorted(seen, enough)) + 1, by * rows
        return Depth(k, number, min(max(rows, k), MOST_CANDIDATES))
