"""How likely it is that a hit is about what was asked, judged by what chance would find."""

from __future__ import annotations

from collections.abc import Mapping
from math import erf, sqrt

from cmsearch.types import Modality
from cmsearch.vectors import Background

DOUBTFUL = 0.15
"""Below this the best hit is probably not about the query; docs/reranking.md has the curve."""


def relevance(
    background: Background,
    query: Modality,
    target: Modality,
    cosine: float,
    stages: Mapping[str, float],
) -> float | None:
    """A probability-like number from 0 to 1, or None where there is no background to judge by.

    It is the share of ordinary queries whose best hit here has a lower cosine, with the scores of
    these best hits taken as normally distributed: of a bank of captions for a text, of the other
    pictures here for a picture. A picture whose caption, or whose words, say what was asked for is
    as relevant as they are.
    """
    found = [_share_below(background, query, target, cosine)]
    if "caption" in stages:
        found.append(_share_below(background, query, Modality.TEXT, stages["caption"]))
    if "words" in stages:
        found.append(stages["words"])
    known = [one for one in found if one is not None]
    return round(max(known), 4) if known else None


def _share_below(
    background: Background, query: Modality, target: Modality, cosine: float
) -> float | None:
    own = "bank" if query is Modality.TEXT else query
    scale = background.get(own, {}).get(target)
    if scale is None:
        return None
    mean, deviation = scale
    return 0.5 * (1 + erf((cosine - mean) / (deviation * sqrt(2))))
