"""One list of the answers of several directions, by scores that compare."""

# Tested by tests/unit/cmsearch/search/test_engine.py

from __future__ import annotations

from collections.abc import Sequence
from heapq import merge
from statistics import NormalDist

from cmsearch.search.retrieve.nearest import DECIMALS, Candidate, order

MOST_CERTAIN = 0.9999
"""As how relevant at most the words of a query let an item count among others."""


def merged(directions: Sequence[Sequence[Candidate]], depth: int) -> list[Candidate]:
    """The answers of all directions, as far as they would be the same with more depth.

    A direction that has `depth` answers may have more, which would come after that one.
    """
    ends = {id(own[depth - 1]) for own in directions if len(own) >= depth}
    ranking: list[Candidate] = []
    # Merging, unlike sorting, keeps the order of those in one direction that tie.
    for candidate in merge(*directions, key=order):
        ranking.append(candidate)
        if id(candidate) in ends:
            break
    return ranking


def standardised(
    answers: Sequence[Candidate], scale: tuple[float, float], is_written: bool
) -> list[Candidate]:
    """The answers, best first, with scores that compare with those of other directions.

    Those are the standardised cosines, given out in the order that the second stage has made. An
    answer with the words of a query that `is_written`, and those before it, have at least the score
    of what is as relevant by its cosine.
    """
    mean, deviation = scale
    best = sorted((answer.cosine for answer in answers), reverse=True)
    scores = [(cosine - mean) / deviation for cosine in best]
    least = float("-inf")
    for place in reversed(range(len(answers))):
        if is_written and (share := answers[place].stages.get("words", 0.0)) > 0:
            least = max(least, NormalDist().inv_cdf(min(share, MOST_CERTAIN)))
        scores[place] = max(scores[place], least)
    return [
        answer._replace(score=round(score, DECIMALS))
        for answer, score in zip(answers, scores, strict=True)
    ]
