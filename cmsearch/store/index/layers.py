"""Rows that are laid out once, what of them is hidden, and what came after them."""

# Tested by tests/unit/cmsearch/store/index/test_faiss_index.py

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from cmsearch.store.index.exact import ExactIndex
from cmsearch.store.index.laid_out import LaidOut
from cmsearch.store.index.rows import HeldRows
from cmsearch.types import FloatArray, IdArray

_REMEMBERED = 4
"""Filters whose rows are remembered, by the array that gave their ids."""


class Counted(Protocol):
    """Which of the rows that are laid out a search may find."""

    @property
    def total(self) -> int:
        """How many they are."""


Wanted = TypeVar("Wanted", bound=Counted)
Judge = Callable[[LaidOut, NDArray[np.bool_] | None], Wanted]
"""Says which rows a mask `(rows,)` lets pass in the way that an index asks; all without a mask."""
Nearest = Callable[[LaidOut, FloatArray, int, Wanted], Iterable[tuple[FloatArray, IdArray]]]
"""Gives scores and rows of the k nearest of the wanted rows to each query."""


class Layers(Generic[Wanted]):
    """Rows that are laid out, and a small exact index of what came after them.

    What is deleted stays laid out and is hidden. Changed copies share what is.
    """

    def __init__(
        self,
        dim: int,
        judge: Judge[Wanted],
        main: LaidOut | None = None,
        alive: NDArray[np.bool_] | None = None,
        delta: ExactIndex | None = None,
    ) -> None:
        """Without `alive` all that is in `main` is."""
        self.dim, self.main, self.alive = dim, main, alive
        self.delta = ExactIndex(dim) if delta is None else delta
        self._judge = judge
        count = 0 if main is None else len(main)
        self._shown = count if alive is None else int(alive.sum())
        self._all: tuple[Wanted | None, ExactIndex] | None = None
        self._filters: tuple[
            tuple[weakref.ref[IdArray], tuple[Wanted | None, ExactIndex]], ...
        ] = ()

    def __len__(self) -> int:
        return self._shown + len(self.delta)

    def laid(self, main: LaidOut, delta: ExactIndex | None = None) -> Layers[Wanted]:
        """Those of other rows, judged alike."""
        return Layers(self.dim, self._judge, main, delta=delta)

    def changed(self, upserts: tuple[IdArray, FloatArray], deletes: IdArray) -> Layers[Wanted]:
        """Those with vectors under their ids, and without the ids to delete; itself if it is so."""
        alive = self.alive
        if self.main is not None:
            hidden = self.main.places(np.concatenate([deletes, upserts[0]]))
            if len(hidden):
                alive = np.ones(len(self.main), bool) if alive is None else alive.copy()
                alive[hidden] = False
        delta = self.delta.changed(upserts, deletes)
        if alive is self.alive and delta is self.delta:
            return self
        return Layers(self.dim, self._judge, self.main, alive, delta)

    def search(
        self, queries: FloatArray, k: int, allow: IdArray | None, nearest: Nearest[Wanted]
    ) -> tuple[FloatArray, IdArray]:
        """Give the best scores and ids for each query, of both layers."""
        wanted, delta = self._scope(allow)
        newer = delta.search(queries, k)
        if self.main is None or wanted is None or not wanted.total:
            return newer
        queries = np.ascontiguousarray(queries, np.float32)
        shape = len(queries), min(k, wanted.total)
        scores, ids = np.full(shape, -np.inf, np.float32), np.full(shape, -1, np.int64)
        for number, (own, rows) in enumerate(nearest(self.main, queries, shape[1], wanted)):
            scores[number, : len(own)], ids[number, : len(own)] = own, self.main.ids[rows]
        if not newer[0].shape[1]:
            return scores, ids
        scores, ids = np.concatenate([scores, newer[0]], 1), np.concatenate([ids, newer[1]], 1)
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(scores, best, 1), np.take_along_axis(ids, best, 1)

    def _scope(self, allow: IdArray | None) -> tuple[Wanted | None, ExactIndex]:
        """What may be found with the ids to `allow`; that of an array is remembered with it."""
        if allow is None:
            self._all = self._all or (self._wanted(None), self.delta)
            return self._all
        for known, scope in self._filters:
            if known() is allow:
                return scope
        scope = self._wanted(allow), self.delta.among(allow)
        kept = [one for one in self._filters if one[0]() is not None][1 - _REMEMBERED :]
        self._filters = (*kept, (weakref.ref(allow), scope))
        return scope

    def _wanted(self, allow: IdArray | None) -> Wanted | None:
        if self.main is None:
            return None
        mask = self.alive
        if allow is not None:
            mask = np.zeros(len(self.main), bool)
            mask[self.main.places(allow)] = True
            if self.alive is not None:
                mask &= self.alive
        return self._judge(self.main, mask)


def first_rows(
    upserts: tuple[IdArray, FloatArray], deletes: IdArray
) -> tuple[IdArray, HeldRows] | None:
    """Vectors to lay out, under ascending ids, without those to delete; None if none is left."""
    order = np.argsort(upserts[0])
    order = order[~np.isin(upserts[0][order], deletes)]
    if not len(order):
        return None
    return upserts[0][order], HeldRows(upserts[1][order].astype(np.float16))
