"""The index of a store whose vectors a server searches: it names candidates, compared exactly here.

What a view knows says what may be found, so that a server that has more, or something else, gives
no other answers. A search that a server can't do, as for more than it gives at once, is done here.
"""

# Tested by tests/unit/cmsearch/store/index/test_served.py

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cmsearch.errors import StoreError
from cmsearch.protocols import (
    FormerRows,
    Kept,
    Numbers,
    VectorCollection,
    VectorRows,
)
from cmsearch.store.index.exact import ExactIndex
from cmsearch.store.index.laid_out import COMPARED, LaidOut
from cmsearch.store.index.rows import HeldRows, nearest
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
_REMEMBERED = 4
_NOBODY = "no index"
"""The mark of a collection that is no store's."""


class _Wanted(NamedTuple):
    """What a search may find of what is laid out, and among what came after it."""

    total: int
    mask: NDArray[np.bool_] | None
    among: Numbers | None
    """The same for the server, where it can be said shortly."""
    newer: ExactIndex


class ServedIndex:
    """Rows that lie on a server, and a small exact index of what came after them.

    What is deleted is hidden here. Changed copies share what is on the server, which none of them
    writes; the first vectors that an index of no store is given are laid out there.
    """

    def __init__(
        self,
        dim: int,
        collection: VectorCollection,
        last: int = 0,
        *,
        main: LaidOut | None = None,
        alive: NDArray[np.bool_] | None = None,
        delta: ExactIndex | None = None,
    ) -> None:
        """Up to the id `last` the collection has all rows."""
        self._dim, self._collection, self._last = dim, collection, last
        self._main, self._alive = main, alive
        count = 0 if main is None else len(main)
        self._shown = count if alive is None else int(alive.sum())
        self._delta = ExactIndex(dim) if delta is None else delta
        self._filters: tuple[tuple[weakref.ref[IdArray], _Wanted], ...] = ()
        self._all: _Wanted | None = None

    def __len__(self) -> int:
        return self._shown + len(self._delta)

    def changed(self, upserts: tuple[IdArray, FloatArray], deletes: IdArray) -> ServedIndex:
        """Give one with vectors under their ids, and without the ids to delete."""
        if self._main is None:
            return self._begun(upserts, deletes)
        alive, hidden = self._alive, self._main.places(np.concatenate([deletes, upserts[0]]))
        if len(hidden):
            alive = np.ones(len(self._main), bool) if alive is None else alive.copy()
            alive[hidden] = False
        delta = self._delta.changed(upserts, deletes)
        if alive is self._alive and delta is self._delta:
            return self
        return ServedIndex(
            *(self._dim, self._collection, self._last), main=self._main, alive=alive, delta=delta
        )

    def _begun(self, upserts: tuple[IdArray, FloatArray], deletes: IdArray) -> ServedIndex:
        """One whose first vectors are laid out in a collection that is no index's."""
        order = np.argsort(upserts[0])
        order = order[~np.isin(upserts[0][order], deletes)]
        if not len(order):
            return self
        if self._collection.mark() not in (None, _NOBODY):
            raise StoreError("The collection has vectors of somebody's. Name another one.")
        ids, none = upserts[0][order], np.empty(0, np.int64)
        rows = HeldRows(upserts[1][order].astype(np.float16))
        self._collection.begin(self._dim)
        self._collection.write(none, np.empty((0, self._dim), np.float32), none, _NOBODY)
        fill(self._collection, (ids, rows), np.arange(len(ids)))
        self._collection.write(none, np.empty((0, self._dim), np.float32), none, _NOBODY)
        main = LaidOut(ids, rows)
        return ServedIndex(self._dim, self._collection, int(ids[-1]), main=main)

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
        main = LaidOut(ids[:count], rows)
        return ServedIndex(self._dim, self._collection, self._last, main=main, delta=delta)

    def search(
        self, queries: FloatArray, k: int, *, allow: IdArray | None = None
    ) -> tuple[FloatArray, IdArray]:
        """Give the best scores and ids for each query; raises `StoreError` without the server."""
        wanted = self._wanted(allow)
        newer = wanted.newer.search(queries, k)
        count = min(k, wanted.total)
        if self._main is None or not count:
            return newer
        queries = np.ascontiguousarray(queries, np.float32)
        scores = np.full((len(queries), count), -np.inf, np.float32)
        ids = np.full((len(queries), count), -1, np.int64)
        for number, rows in enumerate(self._candidates(queries, count, wanted)):
            own, found = nearest(self._main.rows, queries[number], count, rows)
            scores[number, : len(own)], ids[number, : len(own)] = own, self._main.ids[found]
        if not newer[0].shape[1]:
            return scores, ids
        scores, ids = np.concatenate([scores, newer[0]], 1), np.concatenate([ids, newer[1]], 1)
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(scores, best, 1), np.take_along_axis(ids, best, 1)

    def _candidates(self, queries: FloatArray, k: int, wanted: _Wanted) -> list[IdArray]:
        """The rows to compare with each query, in order: the server's nearest, k of which pass.

        All that pass where there are no more, or where the server can't be asked for so many.
        """
        assert self._main is not None
        found = list[IdArray | None]([None] * len(queries))
        depth = (k if wanted.mask is None else _AMONG * k) + _MORE
        if wanted.mask is not None and wanted.among is None:
            depth += int(k * len(self._main) / wanted.total)
        if wanted.mask is not None and _LISTED < wanted.total <= COMPARED:
            depth = MOST + 1  # a graph loses some of them, and all are soon compared
        while depth <= MOST and (left := [n for n, rows in enumerate(found) if rows is None]):
            asked = self._collection.search(queries[left], depth, wanted.among)
            for number, ids in zip(left, asked, strict=True):
                rows = self._passing(ids, wanted.mask)
                if len(rows) >= k:
                    found[number] = rows
            if depth >= len(self._main) + _MORE:
                break
            depth = min(4 * depth, max(MOST, depth + 1))
        every = np.arange(len(self._main)) if wanted.mask is None else np.flatnonzero(wanted.mask)
        return [every if rows is None else rows for rows in found]

    def _passing(self, ids: IdArray, mask: NDArray[np.bool_] | None) -> IdArray:
        """The rows of ids that a server gave, as far as they are here and wanted, in order."""
        assert self._main is not None
        rows = np.unique(self._main.places(np.sort(ids[ids > 0])))
        return rows if mask is None else rows[mask[rows]]

    def _wanted(self, allow: IdArray | None) -> _Wanted:
        """What may be found with the ids to `allow`; that of an array is remembered with it."""
        if allow is None:
            self._all = self._all or self._scope(None)
            return self._all
        for known, scope in self._filters:
            if known() is allow:
                return scope
        scope = self._scope(allow)
        kept = [one for one in self._filters if one[0]() is not None][1 - _REMEMBERED :]
        self._filters = (*kept, (weakref.ref(allow), scope))
        return scope

    def _scope(self, allow: IdArray | None) -> _Wanted:
        newer = self._delta if allow is None else self._delta.among(allow)
        if self._main is None:
            return _Wanted(0, None, None, newer)
        mask = self._alive
        if allow is not None:
            mask = np.zeros(len(self._main), bool)
            mask[self._main.places(allow)] = True
            if self._alive is not None:
                mask &= self._alive
        if mask is None or mask.all():
            return _Wanted(len(self._main), None, None, newer)
        return _Wanted(int(mask.sum()), mask, said(self._main.ids, mask), newer)


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
