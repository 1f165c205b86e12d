"""Exact search among vectors, in NumPy."""

# Tested by tests/contract/test_vector_index.py

from __future__ import annotations

import numpy as np

from cmsearch.types import FloatArray, IdArray


class ExactIndex:
    """Every vector compared with every query; ties go to the lower id."""

    def __init__(
        self, dim: int, *, ids: IdArray | None = None, vectors: FloatArray | None = None
    ) -> None:
        self._dim = dim
        self._ids = np.empty(0, np.int64) if ids is None else ids
        self._vectors = np.empty((0, dim), np.float32) if vectors is None else vectors

    def __len__(self) -> int:
        return len(self._ids)

    def changed(self, upserts: tuple[IdArray, FloatArray], deletes: IdArray) -> ExactIndex:
        """Give one with vectors under their ids, and without the ids to delete."""
        ids, vectors = upserts
        keep = ~np.isin(self._ids, np.concatenate([deletes, ids]))
        new = ~np.isin(ids, deletes)
        if keep.all() and not new.any():
            return self
        all_ids = np.concatenate([self._ids[keep], ids[new]])
        order = np.argsort(all_ids, kind="stable")  # so that ties go to the lower id
        rows = np.concatenate([self._vectors[keep], vectors[new]])
        return ExactIndex(self._dim, ids=all_ids[order], vectors=rows[order])

    def search(
        self, queries: FloatArray, k: int, *, allow: IdArray | None = None
    ) -> tuple[FloatArray, IdArray]:
        """Give the best scores and ids for each query."""
        if not len(self._ids):
            return np.empty((len(queries), 0), np.float32), np.empty((len(queries), 0), np.int64)
        if allow is not None:
            return self.among(allow).search(queries, k)
        scores = queries @ self._vectors.T
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(scores, best, 1), self._ids[best]

    def among(self, allow: IdArray) -> ExactIndex:
        """Give one with the vectors of these ids alone."""
        if not len(self._ids):
            return self
        allowed = np.isin(self._ids, allow)
        return ExactIndex(self._dim, ids=self._ids[allowed], vectors=self._vectors[allowed])
