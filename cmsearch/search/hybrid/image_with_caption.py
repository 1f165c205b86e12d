"""Scoring pictures by one vector of each and its caption: for items that have both.

The two are joined as those of a query are: by the network that the store has learned, or by their
weighted sum.
"""

# Tested by tests/unit/cmsearch/learning/test_fit_fusion.py

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter

import numpy as np

from cmsearch.models.fusion_network import Fusions, parts
from cmsearch.search.hybrid.captions_and_words import compared
from cmsearch.search.query.compose import chance, scales
from cmsearch.search.rank.request import Column, StageRequest, missing
from cmsearch.store.catalog import items
from cmsearch.types import (
    Background,
    Candidates,
    ComposedQuery,
    EncodedQuery,
    FloatArray,
    Modality,
)

_SIDES = (Modality.IMAGE, Modality.TEXT)


def fused(request: StageRequest, candidates: Candidates) -> Column:
    """How many deviations the cosine to the query of a picture and its nearest caption, as one
    vector, is beyond the mean of unrelated ones.
    """
    column = missing(candidates).astype(np.float64)
    if "fused" not in request.found:
        return column
    nearest = _nearest(request, candidates)
    rows = [row for row, item in enumerate(candidates.items) if item.id in nearest]
    if rows:
        column[rows] = _beyond_chance(request, candidates, rows, nearest)
    return column


def _beyond_chance(
    request: StageRequest,
    candidates: Candidates,
    rows: Sequence[int],
    nearest: Mapping[int, int],
) -> list[float]:
    """What `fused` says of the candidates in these rows, whose nearest captions these are."""
    source = request.direction.source
    space = source.view.space
    embeddings = [nearest[candidates.items[row].id] for row in rows]
    stored = items.contents(source.store.catalog, embeddings, space.dim)
    told = [stored[embedding] for embedding in embeddings]
    tokens = candidates.tokens()
    images = parts(list(candidates.vectors()[rows]), [tokens[row] for row in rows])
    texts = parts([vector for vector, _ in told], [own for _, own in told])
    weights = _weights(source.view.background, space.dim)
    fusions = source.models.fuser(space).fuse(images, texts, weights)
    own = fusions.shares[:, :1] * images.vectors + fusions.shares[:, 1:] * texts.vectors
    return _beyond(request, fusions, own)


def _weights(background: Background, dim: int) -> list[float]:
    """What a picture and a text weigh in the sum of both."""
    nothing = np.zeros(dim, np.float32)
    both = ComposedQuery(tuple(EncodedQuery(side, "", nothing) for side in _SIDES), (1.0, 1.0))
    return scales(both, background, Modality.TEXT)


def _beyond(request: StageRequest, fusions: Fusions, own: FloatArray) -> list[float]:
    """How far the cosines of pairs are beyond what is usual, as sums of their sides `own`."""
    background = request.direction.source.view.background
    seen, read = (chance(request.query, background, side) for side in _SIDES)
    shares = fusions.shares / np.maximum(np.linalg.norm(own, axis=1, keepdims=True), 1e-6)
    cosines = (fusions.vectors @ request.query.vector).tolist()
    return [
        (cosine - float(share @ (seen[0], read[0])))
        / float(np.hypot(*(share * (seen[1], read[1]))))
        for cosine, share in zip(cosines, shares, strict=True)
    ]


def _nearest(request: StageRequest, candidates: Candidates) -> dict[int, int]:
    """By item of the candidates the first embedding of its caption that is nearest to the query."""
    told = compared(request, candidates)
    return {item: max(zip(*own, strict=True), key=itemgetter(0))[1] for item, own in told.items()}
