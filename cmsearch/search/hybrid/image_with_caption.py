"""Scoring pictures by one vector of each and its caption: for items that have both.

The two are joined as those of a query are: by the network that the store has learned, or by their
weighted sum.
"""

# Tested by tests/unit/cmsearch/learning/test_fit_fusion.py

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

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


class _Pairs(NamedTuple):
    """The rows `(m,)` of candidates with captions, and of each the cosines to the query of its
    nearest caption and of both as one vector, and how far the latter is beyond what is usual.
    """

    rows: Sequence[int]
    captions: FloatArray
    cosines: FloatArray
    standardised: Sequence[float]


def nearest_caption(request: StageRequest, candidates: Candidates) -> Column:
    """The cosine to the query of a picture's nearest caption."""
    return _column(request, candidates, lambda pairs: pairs.captions)


def fused(request: StageRequest, candidates: Candidates) -> Column:
    """The cosine to the query of a picture and its nearest caption as one vector."""
    return _column(request, candidates, lambda pairs: pairs.cosines)


def standardised(request: StageRequest, candidates: Candidates) -> Column:
    """How many deviations the cosine of `fused` is beyond the mean of unrelated ones."""
    return _column(request, candidates, lambda pairs: pairs.standardised)


def _column(
    request: StageRequest,
    candidates: Candidates,
    values: Callable[[_Pairs], FloatArray | Sequence[float]],
) -> Column:
    if "fused" not in request.found:
        return missing(candidates)
    pairs = request.once(_pairs, candidates)
    numbers = np.asarray(values(pairs))
    column = missing(candidates).astype(numbers.dtype)
    column[list(pairs.rows)] = numbers
    return column


def _pairs(request: StageRequest, candidates: Candidates) -> _Pairs:
    source = request.direction.source
    space = source.view.space
    nearest = _nearest(request, candidates)
    rows = [row for row, item in enumerate(candidates.items) if item.id in nearest]
    if not rows:
        nothing = np.zeros(0, np.float32)
        return _Pairs([], nothing, nothing, [])
    embeddings, captions = zip(*(nearest[candidates.items[row].id] for row in rows), strict=True)
    stored = items.contents(source.store.catalog, embeddings, space.dim)
    told = [stored[embedding] for embedding in embeddings]
    tokens = candidates.tokens()
    images = parts(list(candidates.vectors()[rows]), [tokens[row] for row in rows])
    texts = parts([vector for vector, _ in told], [own for _, own in told])
    background = source.view.background
    fusions = source.models.fuser(space).fuse(images, texts, _weights(background, space.dim))
    own = fusions.shares[:, :1] * images.vectors + fusions.shares[:, 1:] * texts.vectors
    cosines = fusions.vectors @ request.query.vector
    return _Pairs(rows, np.array(captions, np.float32), cosines, _beyond(request, fusions, own))


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


def _nearest(request: StageRequest, candidates: Candidates) -> dict[int, tuple[int, float]]:
    """By item of the candidates its caption that is nearest to the query, and the cosine."""
    nearest = {}
    for item, told in request.once(compared, candidates).items():
        best = int(told.cosines.argmax())
        nearest[item] = told.embeddings[best], float(told.cosines[best])
    return nearest
