"""The index of a store whose vectors a server searches: it names candidates, compared exactly here.

What a view knows says what may be found, so that a server that has more, or something else, gives
no other answers. A search that a server can't do, as for more than it gives at once, is done here.
"""

# Tested by tests/unit/cmsearch/store/index/test_served.py

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cmsearch.protocols import (
    FormerRows,
    Kept,
    Numbers,
    VectorCollection,
    VectorRows,
)
from cmsearch.store.index.exact import ExactIndex
from cmsearch.store.index.laid_out import COMPARED, LaidOut
from cmsearch.store.index.layers import Layers
from cmsearch.store.index.rows import nearest
from cmsearch.types import FloatArray, IdArray

MOST = 10_000
"""Candidates that a server is asked for at most."""
_AT_ONCE = 2_000
"""Vectors that are sent together."""
_LISTED = 2_000
"""Ids that a filter names one by one."""
_RANGES = 32
_MORE = 16
"""Candidates more than are wanted: a server may have some that this view doesn't."""
_AMONG = 4
"""How many times as many under a filter, which graphs lose some by."""


class _Wanted(NamedTuple):
    """What a search may find of what is laid out."""

    total: int
    mask: NDArray[np.bool_] | None
    among: Numbers | None
    """The same for the server, where it can be said shortly."""


class ServedIndex:
    """Rows that lie on a server, and a small exact index of what came after them.

    What is deleted is hidden here. Changed copies share what is on the server, which none of them
    writes. One that wasn't opened has all that it is given here.
    """

    def __init__(
        self,
        dim: int,
        collection: VectorCollection,
        last: int = 0,
        layers: Layers[_Wanted] | None = None,
    ) -> None:
        """Up to the id `last` the collection has all rows."""
        self._dim, self._collection, self._last = dim, collection, last
        self._layers = Layers(dim, _judged) if layers is None else layers

    def __len__(self) -> int:
        return len(self._layers)

    def changed(self, upserts: tuple[IdArray, FloatArray], deletes: IdArray) -> ServedIndex:
        """Give one with vectors under their ids, and without the ids to delete."""
        layers = self._layers.changed(upserts, deletes)
        if layers is self._layers:
            return self
        return ServedIndex(self._dim, self._collection, self._last, layers)

    def built(
        self, rows: VectorRows, queries: FloatArray, former: FormerRows | None = None
    ) -> NDArray[np.uint8] | None:
        """Nothing is kept in a file."""
        return None

    def opened(self, ids: IdArray, rows: VectorRows, kept: Sequence[Kept]) -> ServedIndex:
        """One of rows of which the collection has those up to its last id; the others wait here."""
        count = int(np.searchsorted(ids, self._last, side="right"))
        newer = rows.between(count, len(ids)).astype(np.float32)
        delta = ExactIndex(self._dim).changed((ids[count:], newer), np.empty(0, np.int64))
        layers = self._layers.laid(LaidOut(ids[:count], rows), delta)
        return ServedIndex(self._dim, self._collection, self._last, layers)

    def search(
        self, queries: FloatArray, k: int, *, allow: IdArray | None = None
    ) -> tuple[FloatArray, IdArray]:
        """Give the best scores and ids for each query; raises `StoreError` without the server."""
        return self._layers.search(queries, k, allow, self._nearest)

    def _nearest(
        self, main: LaidOut, queries: FloatArray, k: int, wanted: _Wanted
    ) -> Iterator[tuple[FloatArray, IdArray]]:
        for query, rows in zip(queries, self._candidates(main, queries, k, wanted), strict=True):
            yield nearest(main.rows, query, k, rows)

    def _candidates(
        self, main: LaidOut, queries: FloatArray, k: int, wanted: _Wanted
    ) -> list[IdArray]:
        """The rows to compare with each query, in order: the server's nearest, k of which pass.

        All that pass where there are no more, or where the server can't be asked for so many.
        """
        found = list[IdArray | None]([None] * len(queries))
        depth = (k if wanted.mask is None else _AMONG * k) + _MORE
        if wanted.mask is not None and wanted.among is None:
            depth += int(k * len(main) / wanted.total)
        if wanted.mask is not None and _LISTED < wanted.total <= COMPARED:
            depth = MOST + 1  # a graph loses some of them, and all are soon compared
        while depth <= MOST and (left := [n for n, rows in enumerate(found) if rows is None]):
            asked = self._collection.search(queries[left], depth, wanted.among)
            for number, ids in zip(left, asked, strict=True):
                rows = _passing(main, ids, wanted.mask)
                if len(rows) >= k:
                    found[number] = rows
            if depth >= len(main) + _MORE:
                break
            depth = min(4 * depth, max(MOST, depth + 1))
        every = np.arange(len(main)) if wanted.mask is None else np.flatnonzero(wanted.mask)
        return [every if rows is None else rows for rows in found]


def _passing(main: LaidOut, ids: IdArray, mask: NDArray[np.bool_] | None) -> IdArray:
    """The rows of ids that a server gave, as far as they are here and wanted, in order."""
    rows = np.unique(main.places(np.sort(ids[ids > 0])))
    return rows if mask is None else rows[mask[rows]]


def _judged(main: LaidOut, mask: NDArray[np.bool_] | None) -> _Wanted:
    if mask is None or mask.all():
        return _Wanted(len(main), None, None)
    return _Wanted(int(mask.sum()), mask, said(main.ids, mask))


def said(ids: IdArray, mask: NDArray[np.bool_]) -> Numbers | None:
    """Which of ascending ids a mask lets pass, as short as it can be said; None if that is long."""
    edges = np.flatnonzero(np.diff(mask, prepend=False, append=False))
    ranges = edges.reshape(-1, 2)
    if len(ranges) <= _RANGES:
        return Numbers("ranges", np.stack([ids[ranges[:, 0]], ids[ranges[:, 1] - 1]], 1))
    count = int(mask.sum())
    if count <= _LISTED:
        return Numbers("in", ids[mask])
    if len(mask) - count <= _LISTED:
        return Numbers("not in", ids[~mask])
    return None


def fill(collection: VectorCollection, laid: tuple[IdArray, VectorRows], numbers: IdArray) -> None:
    """Send some rows by their numbers, some after the other."""
    ids, rows = laid
    for start in range(0, len(numbers), _AT_ONCE):
        some = numbers[start : start + _AT_ONCE]
        vectors = np.nan_to_num(rows.at(some).astype(np.float32), posinf=0, neginf=0)
        collection.write(ids[some], vectors, np.empty(0, np.int64))
