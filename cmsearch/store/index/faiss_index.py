"""The index of a store: exact while it is small, then lists of codes whose best are rescored."""

# Tested by tests/unit/cmsearch/store/index/test_faiss_index.py

from __future__ import annotations

import weakref
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cmsearch.protocols import FormerRows, Kept, VectorRows
from cmsearch.store.index import ivf, recall
from cmsearch.store.index.exact import ExactIndex
from cmsearch.store.index.laid_out import LaidOut, Wanted
from cmsearch.store.index.rows import HeldRows
from cmsearch.types import FloatArray, IdArray

EXACT_LIMIT = 20_000
"""Vectors up to which a query is compared with every one."""
_GROWTH = 1.5
"""By as much a store may grow before the centroids of its lists are learned anew."""
_REMEMBERED = 4
"""Filters whose rows are remembered, by the array that gave their ids."""

_Scope = tuple[Wanted, ExactIndex]
"""What a search may find among the rows that are laid out, and among what came after them."""


class FaissIndex:
    """Rows that are laid out once, and a small exact index of what came after them.

    Up to `EXACT_LIMIT` a query is compared with every row. Above that with the codes of the rows in
    some lists, and exactly with the best of these. What is deleted stays laid out and is hidden.
    Changed copies share what is.
    """

    def __init__(
        self,
        dim: int,
        *,
        main: LaidOut | None = None,
        alive: NDArray[np.bool_] | None = None,
        delta: ExactIndex | None = None,
    ) -> None:
        """Without `alive` all that is in `main` is."""
        self._dim = dim
        self._main = main
        self._alive = alive
        count = 0 if main is None else len(main)
        self._shown = count if alive is None else int(alive.sum())
        self._delta = ExactIndex(dim) if delta is None else delta
        self._all: _Scope | None = None
        self._filters: tuple[tuple[weakref.ref[IdArray], _Scope], ...] = ()

    def __len__(self) -> int:
        return self._shown + len(self._delta)

    def changed(self, upserts: tuple[IdArray, FloatArray], deletes: IdArray) -> FaissIndex:
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
        return FaissIndex(self._dim, main=self._main, alive=alive, delta=delta)

    def _begun(self, upserts: tuple[IdArray, FloatArray], deletes: IdArray) -> FaissIndex:
        """One in which the first vectors that it is given are laid out."""
        order = np.argsort(upserts[0])
        order = order[~np.isin(upserts[0][order], deletes)]
        if not len(order):
            return self
        rows = HeldRows(upserts[1][order].astype(np.float16))
        return FaissIndex(self._dim, main=LaidOut(upserts[0][order], rows))

    def built(
        self, rows: VectorRows, queries: FloatArray, former: FormerRows | None = None
    ) -> NDArray[np.uint8] | None:
        """The lists of codes of rows, tuned by queries `(n, dim)`; None for as few as are compared.

        Those of `former` rows go on, until there are so many more that other centroids fit better.
        Rows that come after others are put into the lists of these.
        """
        count, dim = rows.size
        if former is not None and former.first is not None:
            return _added(rows, former, former.first)
        if count <= EXACT_LIMIT:
            return None
        if former is not None:
            try:
                lists = _unpacked(former.parts, dim)
            except ValueError:  # damaged, or of another version
                return self.built(rows, queries)
            if lists.learned / _GROWTH <= count < lists.learned * _GROWTH:
                known = ivf.Known(lists, former.rows)
                return ivf.filled(rows, lists.rotation, lists.centroids, known).packed()
        lists = ivf.filled(rows, *ivf.learned(rows))
        if not len(queries):
            queries = rows.at(np.arange(0, count, -(-count // 128))).astype(np.float32)
        return ivf.tuned(lists, recall.depths(ivf.Searcher(lists), rows, queries)).packed()

    def opened(self, ids: IdArray, rows: VectorRows, kept: Sequence[Kept]) -> FaissIndex:
        """One in which rows are laid out, with their lists of codes; raises `ValueError`."""
        searcher = None
        if kept:
            if sum(one.rows for one in kept) != rows.size[0]:
                raise ValueError("it is of other vectors")
            searcher = ivf.Searcher(_unpacked(kept, rows.size[1]))
        return FaissIndex(self._dim, main=LaidOut(ids, rows, searcher))

    def search(
        self, queries: FloatArray, k: int, *, allow: IdArray | None = None
    ) -> tuple[FloatArray, IdArray]:
        """Give the best scores and ids for each query."""
        wanted, delta = self._scope(allow)
        newer = delta.search(queries, k)
        if self._main is None or not wanted.total:
            return newer
        shape = len(queries), min(k, wanted.total)
        scores, ids = np.full(shape, -np.inf, np.float32), np.full(shape, -1, np.int64)
        for number, query in enumerate(np.asarray(queries, np.float32)):
            own, rows = self._main.nearest(query, shape[1], wanted)
            scores[number, : len(own)], ids[number, : len(own)] = own, self._main.ids[rows]
        if not newer[0].shape[1]:
            return scores, ids
        scores, ids = np.concatenate([scores, newer[0]], 1), np.concatenate([ids, newer[1]], 1)
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(scores, best, 1), np.take_along_axis(ids, best, 1)

    def _scope(self, allow: IdArray | None) -> _Scope:
        """What may be found with the ids to `allow`; that of an array is remembered with it."""
        if allow is None:
            self._all = self._all or (self._wanted(None), self._delta)
            return self._all
        for known, scope in self._filters:
            if known() is allow:
                return scope
        scope = self._wanted(allow), self._delta.among(allow)
        kept = [one for one in self._filters if one[0]() is not None][1 - _REMEMBERED :]
        self._filters = (*kept, (weakref.ref(allow), scope))
        return scope

    def _wanted(self, allow: IdArray | None) -> Wanted:
        if self._main is None:
            return Wanted(0, None, None, None)
        mask = self._alive
        if allow is not None:
            mask = np.zeros(len(self._main), bool)
            mask[self._main.places(allow)] = True
            if self._alive is not None:
                mask &= self._alive
        return self._main.wanted(mask)


def _unpacked(parts: Sequence[Kept], dim: int) -> ivf.Lists:
    """The lists of parts that come one after the other; raises `ValueError`."""
    first = ivf.unpacked(parts[0].content, parts[0].rows, dim)
    others = [ivf.unpacked(one.content, one.rows, dim, first) for one in parts[1:]]
    return ivf.joined([first, *others])


def _added(rows: VectorRows, former: FormerRows, first: Kept) -> NDArray[np.uint8] | None:
    """The rows in the lists of the `first` ones; None where these are damaged."""
    dim = rows.size[1]
    try:
        lists = ivf.unpacked(first.content, first.rows, dim)
        parts = [ivf.unpacked(one.content, one.rows, dim, lists) for one in former.parts]
    except ValueError:
        return None
    known = ivf.Known(ivf.joined(parts), former.rows) if parts else None
    return ivf.filled(rows, lists.rotation, lists.centroids, known).packed(follows=True)
