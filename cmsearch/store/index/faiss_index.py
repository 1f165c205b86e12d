"""Vector indexes: exact scoring in NumPy (the oracle), and FAISS."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cmsearch.store.index.exact import ExactIndex
from cmsearch.types import FloatArray, IdArray

EXACT_LIMIT = 50_000
"""Vectors up to which FAISS compares a query with every one."""


class FaissIndex:
    """FAISS: a main index that is built once, and a small exact one for what came after it.

    The main one compares every vector up to `EXACT_LIMIT`, and is an HNSW graph of float16 vectors
    above that. What is deleted stays in it and is hidden.
    """

    def __init__(self, dim: int, *, main: Any = None, ids: IdArray | None = None) -> None:
        self._main = main
        self._ids = np.empty(0, np.int64) if ids is None else ids
        self._alive = np.ones(len(self._ids), bool)
        self._delta = ExactIndex(dim)
        self._last = int(self._ids.max(initial=0))
        self._lock = threading.Lock()
        self.snapshot = 0

    def __len__(self) -> int:
        return int(self._alive.sum()) + len(self._delta)

    @property
    def last(self) -> int:
        """The highest id that it was ever given."""
        return self._last

    def sync(self, upserts: tuple[IdArray, FloatArray], deletes: IdArray, snapshot: int) -> None:
        """Add vectors under their ids, drop ids, and note the snapshot."""
        with self._lock:
            alive = self._alive & ~np.isin(self._ids, np.concatenate([deletes, upserts[0]]))
            self._alive = alive
            self._delta.sync(upserts, deletes, snapshot)
            self._last = int(upserts[0].max(initial=self._last))
            self.snapshot = snapshot

    def search(
        self, queries: FloatArray, k: int, *, allow: IdArray | None = None
    ) -> tuple[FloatArray, IdArray]:
        """Give the best scores and ids for each query."""
        with self._lock:
            alive = self._alive
            delta = self._delta.search(queries, k, allow=allow)
        wanted = alive if allow is None else alive & np.isin(self._ids, allow)
        found = int(wanted.sum())
        if not found:
            return delta
        scores, rows = _search(self._main, np.ascontiguousarray(queries, np.float32), k, wanted)
        ids = np.where(rows >= 0, self._ids[rows], -1)
        scores = np.concatenate([np.where(rows >= 0, scores, -np.inf), delta[0]], 1)
        ids = np.concatenate([ids, delta[1]], 1)
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(scores, best, 1), np.take_along_axis(ids, best, 1)


def _search(
    index: Any, queries: FloatArray, k: int, wanted: NDArray[np.bool_]
) -> tuple[FloatArray, IdArray]:
    """Search the rows that are wanted: through the graph where they are many, else one by one.

    A graph whose rows are mostly unwanted loses results.
    """
    import faiss

    found = int(wanted.sum())
    options: dict[str, Any] = {}
    if found < len(wanted):
        bits = np.packbits(wanted, bitorder="little")
        options["sel"] = faiss.IDSelectorBitmap(len(wanted), faiss.swig_ptr(bits))
    k = min(k, found)
    params = faiss.SearchParameters(**options)
    if isinstance(index, faiss.IndexHNSW):
        if found <= EXACT_LIMIT:
            index = faiss.downcast_index(index.storage)
        else:
            depth = max(index.hnsw.efSearch, k)
            params = faiss.SearchParametersHNSW(efSearch=depth, **options)
    scores, rows = index.search(queries, k, params=params)
    return scores, rows


def flat(vectors: FloatArray) -> Any:
    """A FAISS index that compares every vector `(n, dim)`."""
    import faiss

    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(np.ascontiguousarray(vectors, np.float32))
    return index
