"""The score of a shot from those of its pictures: by attention, so that the best count most."""

from __future__ import annotations

import numpy as np

from cmsearch.types import FloatArray

TEMPERATURE = 0.02
"""Of the softmax over a shot's pictures; docs/video.md has the figures."""


def pooled(query: FloatArray, pictures: FloatArray, temperature: float = TEMPERATURE) -> float:
    """The mean of the cosines of `pictures (n, dim)` to a `query (dim,)`, weighted by their own
    softmax: between their mean and the best of them.
    """
    cosines = pictures.astype(np.float64) @ query.astype(np.float64)
    weights = np.exp((cosines - cosines.max()) / temperature)
    return float(weights @ cosines / weights.sum())
