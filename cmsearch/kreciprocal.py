"""k-reciprocal re-ranking (Zhong et al. 2017): neighbours that are each other's are related."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cmsearch.types import FloatArray


def k_reciprocal_distances(
    vectors: FloatArray, *, k1: int = 20, k2: int = 6, share: float = 0.3
) -> FloatArray:
    """Distances `(n - 1,)` of the first of n unit vectors `(n, dim)` to the others.

    `share` of the original distance, 2 - 2 cos scaled to at most 1 as in the authors' code, and for
    the rest the Jaccard distance of the two vectors' expanded k1-reciprocal neighbourhoods, after
    averaging each over its k2 nearest (Zhong et al., Re-ranking Person Re-identification with
    k-reciprocal Encoding, CVPR 2017, equations 1 to 12).
    """
    original = np.maximum(2 - 2 * (vectors @ vectors.T), 0)
    original = (original / np.maximum(original.max(1, keepdims=True), 1e-12)).astype(np.float32)
    ranks = np.argsort(original, axis=1, kind="stable")
    encoded = _encoded(original, ranks, min(k1, len(vectors) - 1))
    if k2 > 1:
        encoded = encoded[ranks[:, :k2]].mean(1)
    smaller = np.minimum(encoded[0], encoded[1:]).sum(1)
    jaccard = 1 - smaller / np.maximum(2 - smaller, 1e-12)  # each row sums to 1
    distances: FloatArray = share * original[0, 1:] + (1 - share) * jaccard
    return distances


def _encoded(original: FloatArray, ranks: NDArray[np.int64], k1: int) -> FloatArray:
    """Each vector as the weights of its neighbourhood `(n, n)`; rows sum to 1."""
    encoded = np.zeros_like(original)
    nearest = [_reciprocal(ranks, one, k1) for one in range(len(ranks))]
    half = [_reciprocal(ranks, one, round(k1 / 2)) for one in range(len(ranks))]
    for one, own in enumerate(nearest):
        expanded = own
        for other in own:
            shared = np.intersect1d(half[other], own)
            if len(shared) > 2 / 3 * len(half[other]):
                expanded = np.union1d(expanded, half[other])
        weights = np.exp(-original[one, expanded])
        encoded[one, expanded] = weights / weights.sum()
    return encoded


def _reciprocal(ranks: NDArray[np.int64], one: int, k: int) -> NDArray[np.int64]:
    """Those of the k nearest of a vector, itself too, that have it among their own k nearest."""
    forward = ranks[one, : k + 1]
    mutual: NDArray[np.int64] = forward[(ranks[forward, : k + 1] == one).any(1)]
    return mutual
