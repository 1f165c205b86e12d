"""Hubness: some items are near to every query, and are found by too many."""

from __future__ import annotations

import numpy as np

from cmsearch.types import FloatArray


def nearest_neighbour_bias(items: FloatArray, bank: FloatArray, k: int) -> FloatArray:
    """For each item `(n, dim)` the mean of its k best scores against a bank of queries `(m, dim)`.

    Subtracted from its scores it is nearest-neighbour normalisation (Chowdhury et al. 2024, NNN):
    an item that some queries of any kind score highly has to be scored higher to count. Without a
    bank there is no bias.
    """
    k = min(k, len(bank))
    if not k:
        return np.zeros(len(items), np.float32)
    scores = items @ bank.T
    best = np.partition(scores, len(bank) - k, axis=1)[:, len(bank) - k :]
    bias: FloatArray = best.mean(1)
    return bias
