"""How likely it is that a hit is about what was asked, judged by what chance would find."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import erf, sqrt

from cmsearch.search.query.compose import QueryVector
from cmsearch.types import Background, Modality

DOUBTFUL = 0.15
"""Below this the best hit is probably not about the query; docs/reranking.md has the curve."""


def relevance(
    background: Background,
    query: QueryVector,
    target: Modality,
    cosines: Sequence[float],
    stages: Mapping[str, float],
) -> float | None:
    """A probability-like number from 0 to 1, or None where there is no background to judge by.

    `cosines` are the item's to each part of the query. It is the share of ordinary queries whose
    best hit here has a lower cosine, with the scores of these best hits taken as normally
    distributed: of a bank of captions for a text, of the other pictures here for a picture. Of
    several parts the mean counts, each standardised so and by its weight; what is subtracted makes
    nothing irrelevant. A picture whose caption, or whose words, say what was asked for is as
    relevant as they are, and so is a page with its passage.
    """
    shares = [_share_below(background, query, target, cosines)]
    told = stages.get("caption", stages.get("passage"))
    if told is not None and query.written == 1 and min(query.weights) > 0:
        # The cosine to the sum is that to its parts, whose mean has the weight of all of them.
        mean = told / sum(query.shares)
        shares.append(_share_below(background, query, Modality.TEXT, [mean] * len(query.parts)))
    if "words" in stages and query.written == 1:  # of a picture that is asked for they say nothing
        shares.append(stages["words"])
    known = [value for value in shares if value is not None]
    return round(max(known), 4) if known else None


def _share_below(
    background: Background, query: QueryVector, target: Modality, cosines: Sequence[float]
) -> float | None:
    total = weights = 0.0
    for part, weight, cosine in zip(query.parts, query.weights, cosines, strict=True):
        own = "bank" if part.modality is Modality.TEXT else part.modality
        scale = background.get(own, {}).get(target)
        if scale is None:
            return None
        if weight > 0:
            total += weight * (cosine - scale[0]) / scale[1]
            weights += weight
    return 0.5 * (1 + erf(total / weights / sqrt(2)))
