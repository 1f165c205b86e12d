"""Composed queries: one vector for a weighted sum of parts, for each modality to search in."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

import numpy as np

from cmsearch.errors import QueryError
from cmsearch.models.fusion_network import Fused
from cmsearch.search.query.fuse_image_text import ImageTextFuser, pair
from cmsearch.types import Background, ComposedQuery, EncodedQuery, FloatArray, Modality, Scale

_UNKNOWN = Scale(best=0.4, spread=0.1, mean=0.1, deviation=0.1)
"""What is taken where nothing is known, as of a lone picture as a query."""


class QueryVector(NamedTuple):
    """A composed query as one unit `vector (dim,)` for items of one modality.

    A cosine to it is the sum of the cosines to the `parts`, each times its one of `shares`. Those
    follow from the `weights` that the query gives its parts. Where a picture and a text are
    `fused`, they are the shares that the network gives them, and what it adds comes on top.
    """

    vector: FloatArray
    parts: tuple[EncodedQuery, ...]
    weights: tuple[float, ...]
    shares: tuple[float, ...]
    fused: Fused | None = None

    @property
    def written(self) -> float:
        """The share of texts, by weight, in what is looked for."""
        looked_for = sum(weight for weight in self.weights if weight > 0)
        return sum(weight for _, weight in self.texts() if weight > 0) / looked_for

    def texts(self) -> list[tuple[str, float]]:
        """The texts among the parts, with their weights."""
        pairs = zip(self.parts, self.weights, strict=True)
        return [(part.content, w) for part, w in pairs if part.modality is Modality.TEXT]


def toward(
    asked: ComposedQuery,
    background: Background,
    target: Modality,
    join: ImageTextFuser | None = None,
) -> QueryVector:
    """The sum of a query's parts among items of the modality `target`.

    Cosines of pictures with pictures spread more widely than those of texts with pictures. Where a
    query has parts of several modalities, each is divided by the deviation of its direction, so
    that parts of equal weights count equally. A picture and a text are joined by `join`, if it is
    given. Raises `QueryError` where the parts cancel out.
    """
    if len(asked.parts) == 1:
        return QueryVector(asked.parts[0].vector, asked.parts, (1.0,), (1.0,))
    scaled = scales(asked, background, target)
    fused, added = None, np.zeros_like(asked.parts[0].vector)
    places = None if join is None else pair(asked)
    if join is not None and places and join.takes([asked.weights[place] for place in places]):
        fused, scaled, added = _joined(asked, scaled, places, join)
    total = added + _sum(scaled, asked.parts)
    norm = float(np.linalg.norm(total))
    if norm < 1e-3 * sum(map(abs, scaled)):
        raise QueryError("The parts of the query cancel each other out. Give one a weight: 2:TEXT.")
    shares = tuple(weight / norm for weight in scaled)
    return QueryVector((total / norm).astype(np.float32), asked.parts, asked.weights, shares, fused)


def scales(asked: ComposedQuery, background: Background, target: Modality) -> list[float]:
    """The weights of a query's parts in its sum among items of the modality `target`."""
    mixed = len({part.modality for part in asked.parts}) > 1
    return [
        weight / (_scale(background, part.modality, target).spread if mixed else 1.0)
        for weight, part in zip(asked.weights, asked.parts, strict=True)
    ]


def _joined(
    asked: ComposedQuery, scaled: list[float], places: tuple[int, int], join: ImageTextFuser
) -> tuple[Fused, list[float], FloatArray]:
    """A picture and a text as one; the weights then, and what is added to the weighted sum.

    What is looked for keeps the length that it has in the sum, beside what is taken away.
    """
    both = [asked.parts[place] for place in places]
    weights = [scaled[place] for place in places]
    length = float(np.linalg.norm(_sum(weights, both)))
    fused = join(both, weights)
    own = _sum(fused.shares, both)
    scale = length / max(float(np.linalg.norm(own)), 1e-6)
    changed = list(scaled)
    for place, share in zip(places, fused.shares.tolist(), strict=True):
        changed[place] = scale * share
    return fused, changed, length * fused.vector - scale * own


def _sum(weights: Sequence[float] | FloatArray, parts: Sequence[EncodedQuery]) -> FloatArray:
    rows = [weight * part.vector for weight, part in zip(weights, parts, strict=True)]
    total: FloatArray = np.sum(rows, axis=0)
    return total


def chance(query: QueryVector, background: Background, target: Modality) -> tuple[float, float]:
    """Mean and deviation of the scores that unrelated items of `target` get for such a query.

    As if its parts were independent of each other.
    """
    scales = [_scale(background, _asking(part, background), target) for part in query.parts]
    pairs = list(zip(query.shares, scales, strict=True))
    mean = sum(share * scale.mean for share, scale in pairs)
    return mean, sqrt(sum((share * scale.deviation) ** 2 for share, scale in pairs))


def _asking(part: EncodedQuery, background: Background) -> str:
    """As what a part is judged: a text by the bank's captions, which are about nothing here, or by
    the texts that are here where there is no bank.
    """
    is_banked = part.modality is Modality.TEXT and background.get("bank")
    return "bank" if is_banked else part.modality


def _scale(background: Background, asking: str, target: Modality) -> Scale:
    """Of one part; a direction without a background takes the mean of its modality's others."""
    known = background.get(asking, {})
    if target in known or not known:
        return known.get(target, _UNKNOWN)
    return Scale(*np.mean(list(known.values()), axis=0).tolist())
