"""Joining several rankings into one."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TypeVar

Id = TypeVar("Id", bound=Hashable)


def rrf(
    rankings: Sequence[Sequence[Id]], weights: Sequence[float] | None = None, *, k: float = 60
) -> list[tuple[Id, float]]:
    """Ids with their fused scores, the best first, by reciprocal rank fusion.

    An id scores the sum of `weight / (k + rank)` over the rankings that have it, the ranks
    counted from 1 and the weights 1 unless given. Ties keep the order in which they are met, the
    first ranking first; an id that is twice in a ranking is there once, at its better rank.
    Cormack, Clarke and Büttcher, SIGIR 2009, where k is 60. Raises `ValueError` if there are not
    as many weights as rankings.
    """
    scores: dict[Id, float] = {}
    given = [1.0] * len(rankings) if weights is None else weights
    for ranking, weight in zip(rankings, given, strict=True):
        for rank, one in enumerate(dict.fromkeys(ranking), 1):
            scores[one] = scores.get(one, 0.0) + weight / (k + rank)
    return sorted(scores.items(), key=lambda pair: -pair[1])
