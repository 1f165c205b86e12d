"""FAISS as a vector index."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cmsearch.store.index import hnsw
from cmsearch.store.index.exact import ExactIndex
from cmsearch.types import FloatArray, IdArray

EXACT_LIMIT = 50_000
"""Vectors up to which FAISS compares a query with every one."""
_NONE = np.empty(0, np.int64)


class FaissIndex:
    """FAISS: a main index that is built once, and a small exact one for what came after it.

    The main one compares every vector up to `EXACT_LIMIT`, and is an HNSW graph of float16 vectors
    above that. What is deleted stays in it and is hidden. Changed copies share it.
    """

    def __init__(
        self,
        dim: int,
        *,
        main: Any = None,
        ids: IdArray = _NONE,
        alive: NDArray[np.bool_] | None = None,
        delta: ExactIndex | None = None,
    ) -> None:
        """`ids` are those of the rows of `main`, in ascending order; without `alive` all are."""
        self._dim = dim
        self._main = main
        self._ids = ids
        self._alive = np.ones(len(ids), bool) if alive is None else alive
        self._shown = int(self._alive.sum())
        self._delta = ExactIndex(dim) if delta is None else delta

    def __len__(self) -> int:
        return self._shown + len(self._delta)

    def changed(self, upserts: tuple[IdArray, FloatArray], deletes: IdArray) -> FaissIndex:
        """Give one with vectors under their ids, and without the ids to delete."""
        if self._main is None:
            return self._begun(upserts, deletes)
        alive = self._alive
        hidden = _places(self._ids, np.concatenate([deletes, upserts[0]]))
        if alive[hidden].any():
            alive = alive.copy()
            alive[hidden] = False
        delta = self._delta.changed(upserts, deletes)
        return FaissIndex(self._dim, main=self._main, ids=self._ids, alive=alive, delta=delta)

    def _begun(self, upserts: tuple[IdArray, FloatArray], deletes: IdArray) -> FaissIndex:
        """One whose main index has the first vectors that it is given."""
        order = np.argsort(upserts[0])
        order = order[~np.isin(upserts[0][order], deletes)]
        if not len(order):
            return self
        return FaissIndex(self._dim, main=hnsw.flat(upserts[1][order]), ids=upserts[0][order])

    def graph(self, vectors: FloatArray) -> NDArray[np.int32] | None:
        """The links of an HNSW graph of vectors `(n, dim)`; None for as few as are compared."""
        return hnsw.links(hnsw.graph(vectors)) if len(vectors) > EXACT_LIMIT else None

    def opened(
        self, ids: IdArray, vectors: NDArray[np.float16], graph: NDArray[np.int32]
    ) -> FaissIndex:
        """One whose main index is the graph of vectors `(n, dim)`; raises `ValueError`."""
        main = hnsw.from_links(graph, vectors.reshape(-1).view(np.uint8), self._dim)
        return FaissIndex(self._dim, main=main, ids=ids)

    def search(
        self, queries: FloatArray, k: int, *, allow: IdArray | None = None
    ) -> tuple[FloatArray, IdArray]:
        """Give the best scores and ids for each query."""
        delta = self._delta.search(queries, k, allow=allow)
        wanted, found = self._alive, self._shown
        if allow is not None:
            wanted = np.zeros_like(wanted)
            wanted[_places(self._ids, allow)] = True
            wanted &= self._alive
            found = int(wanted.sum())
        if not found:
            return delta
        queries = np.ascontiguousarray(queries, np.float32)
        scores, rows = _search(self._main, queries, min(k, found), wanted, found)
        ids = np.where(rows >= 0, self._ids[rows], -1)
        scores = np.concatenate([np.where(rows >= 0, scores, -np.inf), delta[0]], 1)
        ids = np.concatenate([ids, delta[1]], 1)
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(scores, best, 1), np.take_along_axis(ids, best, 1)


def _places(ids: IdArray, wanted: IdArray) -> NDArray[np.int64]:
    """Where those of the `wanted` ids are that are among `ids`, which are in ascending order."""
    if not len(ids):
        return _NONE
    places = np.searchsorted(ids, wanted).clip(max=len(ids) - 1)
    here: NDArray[np.int64] = places[ids[places] == wanted]
    return here


def _search(
    index: Any, queries: FloatArray, k: int, wanted: NDArray[np.bool_], found: int
) -> tuple[FloatArray, IdArray]:
    """Search the `found` rows that are wanted: through the graph where they are many, else one by
    one. A graph whose rows are mostly unwanted loses results.
    """
    import faiss

    options: dict[str, Any] = {}
    if found < len(wanted):
        bits = np.packbits(wanted, bitorder="little")
        options["sel"] = faiss.IDSelectorBitmap(len(wanted), faiss.swig_ptr(bits))
    params = faiss.SearchParameters(**options)
    if isinstance(index, faiss.IndexHNSW):
        if found <= EXACT_LIMIT:
            index = faiss.downcast_index(index.storage)
        else:
            depth = max(index.hnsw.efSearch, k)
            params = faiss.SearchParametersHNSW(efSearch=depth, **options)
    scores, rows = index.search(queries, k, params=params)
    return scores, rows
