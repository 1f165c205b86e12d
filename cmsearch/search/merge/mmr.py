"""Putting a ranking into an order in which what comes next is also something new."""

from __future__ import annotations

import numpy as np

from cmsearch.types import FloatArray, IdArray


def diversified(scores: FloatArray, vectors: FloatArray, weight: float) -> IdArray:
    """The places `(n,)` of n hits in the order of their maximal marginal relevance.

    The next hit is the one with the highest `weight` × score − (1 − `weight`) × the highest cosine
    with a hit before it (Carbonell & Goldstein, "The Use of MMR", 1998); `scores (n,)` and the
    cosines of `vectors (n, dim)`, which have unit length, should be of like size. With a weight of
    1 the order is that of the scores, and nearer to 0 it is more and more mixed. The first is
    always the one with the highest score; of equal ones the earlier comes first.
    """
    relevance = weight * scores.astype(np.float64)
    order = np.zeros(len(scores), np.int64)
    nearest = np.full(len(scores), -np.inf)
    waiting = np.ones(len(scores), bool)
    for place in range(len(scores)):
        gains = relevance - (1 - weight) * nearest if place else scores.astype(np.float64)
        order[place] = np.where(waiting, gains, -np.inf).argmax()
        waiting[order[place]] = False
        nearest = np.maximum(nearest, vectors @ vectors[order[place]])
    return order
