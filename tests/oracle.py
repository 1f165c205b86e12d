"""What an index should answer, worked out row by row, and random unit vectors to ask about."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from cmsearch.protocols import VectorIndex
from cmsearch.types import FloatArray, IdArray


class Oracle:
    """A dictionary of vectors that knows every inner product."""

    def __init__(self) -> None:
        self.vectors: dict[int, FloatArray] = {}

    def sync(self, upserts: tuple[IdArray, FloatArray], deletes: IdArray) -> None:
        self.vectors.update(zip(upserts[0].tolist(), upserts[1], strict=True))
        for number in deletes.tolist():
            self.vectors.pop(number, None)

    def scores(self, query: FloatArray, allow: IdArray | None = None) -> dict[int, float]:
        """The score of every vector that is here and allowed, by its id."""
        wanted = self.vectors if allow is None else set(allow.tolist()) & self.vectors.keys()
        return {number: float(self.vectors[number] @ query) for number in wanted}

    def best(self, query: FloatArray, k: int, allow: IdArray | None = None) -> list[int]:
        scores = self.scores(query, allow)
        return sorted(scores, key=lambda number: (-scores[number], number))[:k]


def assert_exact(
    index: VectorIndex, oracle: Oracle, queries: FloatArray, k: int, allow: IdArray | None = None
) -> None:
    """The index gives the k best of the oracle with their scores; equal scores in any order."""
    scores, ids = index.search(queries, k, allow=allow)
    for query, row_scores, row_ids in zip(queries, scores, ids, strict=True):
        truth = oracle.scores(query, allow)
        found = row_ids[row_ids >= 0].tolist()
        best = sorted(truth.values(), reverse=True)[:k]
        assert len(set(found)) == len(found) == len(best)
        np.testing.assert_allclose(row_scores[row_ids >= 0], best, atol=1e-5)
        np.testing.assert_allclose([truth[number] for number in found], best, atol=1e-5)


def recall(index: VectorIndex, oracle: Oracle, queries: FloatArray, k: int) -> float:
    """The share of the true k best that the index finds."""
    found = index.search(queries, k)[1]
    truth = [oracle.best(query, k) for query in queries]
    return float(np.mean([np.isin(right, row) for right, row in zip(truth, found, strict=True)]))


def ids(*numbers: int) -> IdArray:
    return np.array(numbers, np.int64)


def unit_vectors(random: np.random.Generator, count: int, dim: int) -> FloatArray:
    """Random directions `(count, dim)` that float16 holds without loss."""
    return _half_unit(random.normal(size=(count, dim)))


def clustered(random: np.random.Generator, count: int, dim: int, clusters: int) -> FloatArray:
    """Unit vectors around some centres, as embeddings of real content are."""
    centres = random.normal(size=(clusters, dim))[random.integers(clusters, size=count)]
    return _half_unit(centres + 0.3 * random.normal(size=(count, dim)))


def filled(oracle: Oracle, numbers: Iterable[int], vectors: FloatArray) -> IdArray:
    """Put vectors into the oracle under ids, and give the ids as an array."""
    array = np.array(list(numbers), np.int64)
    oracle.sync((array, vectors), ids())
    return array


def _half_unit(rows: NDArray[np.float64]) -> FloatArray:
    unit: FloatArray = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit.astype(np.float16).astype(np.float32)
