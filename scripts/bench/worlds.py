"""Synthetic embeddings of photographs and texts, of any number, as hard to search as real ones.

Photographs are of trips with a few topics each, topics have sub-topics, some shots are of one
burst; all lie in one cone, and texts beside it: a text is far from every photograph, and its best
is hardly nearer than the next. Noise lies in directions of decreasing weight, as in real ones, and
how fast these decrease is such that the local dimension is that of real ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np

from cmsearch.types import FloatArray

TOPICS, SUBTOPICS = 500, 40
PAGE = 10_000
_TRIP, _BURST = 100, 0.05


class World:
    """Where photographs and texts of one kind come from."""

    def __init__(self, dim: int = 512, seed: int = 0) -> None:
        random = np.random.default_rng(seed)
        weights = np.arange(1, dim + 1) ** -1.0
        basis = np.linalg.qr(random.normal(size=(dim, dim)))[0]
        self._shape = (weights / np.linalg.norm(weights))[:, None] * basis
        self._shape = self._shape.astype(np.float32)
        self._dim = dim
        self._cones = _unit(random.normal(size=(2, dim)))
        self._topics = self._noise(random, TOPICS)
        self._subtopics = self._noise(random, TOPICS * SUBTOPICS)
        self._often = 1 / np.arange(1, TOPICS + 1)
        self._often /= self._often.sum()

    def photos(self, count: int, seed: int = 1) -> Iterator[FloatArray]:
        """Unit vectors of so many photographs, some after the other."""
        for start in range(0, count, PAGE):
            random = np.random.default_rng((seed, start))
            size = min(PAGE, count - start)
            trips = random.choice(TOPICS, (size // _TRIP + 1, 3), p=self._often)
            topics = trips[np.arange(size) // _TRIP, random.integers(0, 3, size)]
            rows = 0.65 * self._cones[0] + self._meant(random, topics)
            rows += 0.45 * self._noise(random, size)
            shots = np.flatnonzero(random.random(size) < _BURST)
            shots = shots[shots > 0]
            rows[shots] = rows[shots - 1] + 0.08 * self._noise(random, len(shots))
            yield _unit(rows)

    def texts(self, count: int, seed: int = 2) -> FloatArray:
        """Unit vectors of so many texts `(count, dim)`."""
        random = np.random.default_rng(seed)
        rows = 0.3 * self._cones[0] + 0.8 * self._cones[1]
        rows = rows + 1.5 * self._meant(random, random.choice(TOPICS, count, p=self._often))
        rows += 0.35 * self._noise(random, count)
        return _unit(rows + 0.5 * _unit(random.normal(size=(count, self._dim))))

    def _meant(self, random: np.random.Generator, topics: np.ndarray) -> FloatArray:
        own = topics * SUBTOPICS + random.integers(0, SUBTOPICS, len(topics))
        found: FloatArray = 0.45 * self._topics[topics] + 0.4 * self._subtopics[own]
        return found

    def _noise(self, random: np.random.Generator, count: int) -> FloatArray:
        values = random.normal(size=(count, self._dim)).astype(np.float32)
        found: FloatArray = values @ self._shape
        return found


@cache
def world(dim: int = 512) -> World:
    """The first one of a dimension, which takes a third of a second to make."""
    return World(dim)


def _unit(rows: np.ndarray) -> FloatArray:
    found: FloatArray = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return found
