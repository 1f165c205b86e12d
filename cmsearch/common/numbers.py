"""What rows of numbers are asked for in many places: their length, and their shares."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from cmsearch.types import FloatArray, IdArray

_TOLERANCE = 0.02
"""By as much a squared length may differ from 1: float16 and int8 round, and models too."""


def are_unit(vectors: FloatArray) -> NDArray[np.bool_]:
    """Which of the vectors `(n, dim)` have length 1, as an embedding has; none of others does."""
    with np.errstate(over="ignore", invalid="ignore"):
        rows = np.asarray(vectors, np.float32)
        found: NDArray[np.bool_] = np.abs(np.einsum("nd,nd->n", rows, rows) - 1) < _TOLERANCE
    return found


def distinct(values: Iterable[int]) -> IdArray:
    """Each of some numbers once, in order; NumPy's `unique` first imports what takes 30 ms."""
    return np.array(sorted(set(values)), np.int64)


def softmax(values: FloatArray) -> FloatArray:
    """The shares of values over the last axis; all zero where every value is -inf."""
    best = values.max(-1, keepdims=True)
    powers = np.exp(values - np.where(np.isfinite(best), best, 0))
    shares: FloatArray = powers / np.maximum(powers.sum(-1, keepdims=True), 1e-30)
    return shares
