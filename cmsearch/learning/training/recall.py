"""How well pictures and captions find each other among those that were held out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from cmsearch.learning.metrics import CUTOFFS, Gold, Measure, measure
from cmsearch.types import FloatArray

DIRECTIONS = ("text→image", "image→text")
Ranks = NDArray[np.int64]


def ranks(
    pictures: Mapping[str, FloatArray], captions: Mapping[str, FloatArray], pairs: Sequence[Gold]
) -> dict[str, Ranks]:
    """In each direction the rank, from 1, of the best right answer to each caption or picture.

    The vectors are those of all pictures and captions of the `pairs`; every picture with a caption
    of these words is right. What ties with the right answer, or
    is no number, is ranked before it.
    """
    images, texts = sorted({pair.image for pair in pairs}), sorted({pair.caption for pair in pairs})
    rows = {image: row for row, image in enumerate(images)}
    columns = {text: column for column, text in enumerate(texts)}
    right = np.zeros((len(texts), len(images)), bool)
    for pair in pairs:
        right[columns[pair.caption], rows[pair.image]] = True
    scores = (
        np.stack([captions[one] for one in texts]) @ np.stack([pictures[one] for one in images]).T
    )
    return dict(zip(DIRECTIONS, (_ranks(scores, right), _ranks(scores.T, right.T)), strict=True))


def _ranks(scores: FloatArray, right: NDArray[np.bool_]) -> Ranks:
    best = np.where(right, scores, -np.inf).max(1, keepdims=True)
    found: Ranks = 1 + (~(scores < best) & ~right).sum(1)
    return found


def mean_recall(found: Mapping[str, Ranks]) -> float:
    """The mean of recall@1, @5 and @10 in both directions, by which training is stopped."""
    return float(np.mean([np.mean(one <= k) for one in found.values() for k in CUTOFFS]))


def measures(found: Mapping[str, Ranks]) -> dict[str, dict[str, Measure]]:
    """Recall and MRR with their bootstrap intervals, by direction and name."""
    return {
        direction: {
            **{f"recall@{k}": measure((one <= k).astype(float)) for k in CUTOFFS},
            "mrr": measure(1 / one),
        }
        for direction, one in found.items()
    }
