"""Hubness: some items are near to every query, and are found by too many."""

from __future__ import annotations

import numpy as np

from cmsearch.search.rank.request import Column, StageRequest
from cmsearch.search.rank.stages import StageSettings
from cmsearch.types import Candidates, EncodedQuery, FloatArray


def nearest_neighbour_bias(items: FloatArray, queries: FloatArray, k: int) -> FloatArray:
    """For each item `(n, dim)` the mean of its k best scores against a bank of queries `(m, dim)`.

    Subtracted from its scores it is nearest-neighbour normalisation (Chowdhury et al. 2024, NNN):
    an item that some queries of any kind score highly has to be scored higher to count. Without a
    bank there is no bias.
    """
    k = min(k, len(queries))
    if not k:
        return np.zeros(len(items), np.float32)
    scores = items @ queries.T
    best = np.partition(scores, len(queries) - k, axis=1)[:, len(queries) - k :]
    bias: FloatArray = best.mean(1)
    return bias


def hubness(request: StageRequest, candidates: Candidates) -> Column:
    """What the candidates lose for being near to queries of any kind, by each part of a query."""
    direction = request.direction
    source = direction.source

    def of_part(part: EncodedQuery, run: StageSettings) -> FloatArray | None:
        if run.hubness is None:
            return None
        bank = source.bank(direction.encoder(), part)
        bias = nearest_neighbour_bias(candidates.vectors(), bank, run.hubness.k)
        return -run.hubness.strength * bias

    return request.summed("hubness", candidates, of_part)
