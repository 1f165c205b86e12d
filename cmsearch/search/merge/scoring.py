"""The rule by which what is known of candidates becomes their scores: all of it, and nothing else.

Stages say one column of numbers each, and neither sort, cut nor join. This module joins the
columns of one direction into one score for each candidate, and whoever wants another rule changes
this module alone:

- what the second stage says is added to the cosine;
- pictures that captions or exact words found as well are scored by reciprocal rank fusion of the
  three rankings, each with its weight;
- pages are scored by their look or their best passage, whichever is further beyond what is usual;
- pairs of a picture and its caption are scored by how far they are beyond what is usual.

What no way looked at follows, in the order of its cosines.
"""

# Tested by tests/unit/cmsearch/search/hybrid/test_captions_and_words.py

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import sqrt

import numpy as np

from cmsearch.search.merge.rrf import rrf
from cmsearch.search.query.compose import standard
from cmsearch.search.rank.request import Column, Evidence, Found
from cmsearch.search.retrieve.nearest import DECIMALS, Candidate, order
from cmsearch.types import Modality

CAPTIONS = 2.0
"""How much the ranking by captions counts beside that by pictures."""
WORDS = 8.0
"""How much more than a picture's own ranking that of exact words counts, if they are rare."""
BEHIND = 1.0
"""Standard deviations that a passage has to be nearer than a picture to count as much."""
STANDARDISED = "standardised"
"""The column of pairs that the rule alone reads; hits don't show it."""
_TOLD = frozenset({"caption", "words", "passage", "fused", STANDARDISED})
_NOTHING = Found({})


def scores(evidence: Evidence) -> list[float]:
    """The score of each candidate."""
    found = evidence.request.found
    if "fused" in found:
        best = _by_pairs(evidence)
    elif "passage" in found:
        best = _by_pages(evidence)
    elif any(way.values for way in found.values()):
        best = _by_rankings(evidence)
    else:
        best = _by_cosine(evidence)[: evidence.looked_at]
    return best + _behind(evidence, best)


def named_first(named: Sequence[Candidate], others: Sequence[Candidate]) -> list[Candidate]:
    """Files whose name is what is asked for before all others, with scores that say so."""
    items = {candidate.item.id for candidate in named}
    left = [candidate for candidate in others if candidate.item.id not in items]
    best = max(left[0].score if left else 0.0, 0.0)
    scores = (round(best + len(named) - place, DECIMALS) for place in range(len(named)))
    return [own._replace(score=score) for own, score in zip(named, scores, strict=True)] + left


def _by_cosine(evidence: Evidence) -> list[float]:
    """Of each of the nearest its cosine with what the second stage adds to it.

    Those that the second stage didn't look at stay behind those that it did, in their order.
    """
    direction = evidence.request.direction
    cosines = [candidate.cosine for candidate in evidence.nearest]
    added = [column for name, column in evidence.columns.items() if name not in _TOLD]
    depth = min(direction.depth, len(cosines))
    if not depth or not (added or direction.is_reranked):
        return cosines
    totals = np.array(cosines[:depth]) + sum(_known(column[:depth]) for column in added)
    best = [round(float(total), DECIMALS) for total in totals]
    step = 10**-DECIMALS
    down = max(0.0, cosines[depth] - min(best) + step) if depth < len(cosines) else 0.0
    return best + [cosine - down for cosine in cosines[depth:]]


def _known(column: Column) -> Column:
    """The column with 0 where it has nothing to say, as precise as it is."""
    return np.where(np.isnan(column), column.dtype.type(0), column)


def _by_rankings(evidence: Evidence) -> list[float]:
    """By reciprocal rank fusion of the rankings by picture, by captions and by exact words."""
    found, query = evidence.request.found, evidence.request.query
    captions, words = found.get("caption", _NOTHING), found.get("words", _NOTHING)
    candidates = evidence.candidates[: evidence.looked_at]
    paths = {candidate.item.id: candidate.item.path for candidate in candidates}
    by_words = sorted(  # ties by path: those of BM25 come by row
        (item for item in words.values if item in paths),
        key=lambda item: (-words.scores[item], paths[item]),
    )
    best_share = max(words.values.values(), default=0.0)
    weights = [1.0, CAPTIONS, WORDS * query.written * words.rarity * best_share**2]
    pictures = [candidate.item.id for candidate in _in_order(evidence)]
    fused = dict(rrf([pictures, list(captions.values), by_words], weights))
    return [round(fused[candidate.item.id], DECIMALS) for candidate in candidates]


def _in_order(evidence: Evidence) -> list[Candidate]:
    """The nearest that the direction reaches in the order that the second stage gives them."""
    scored = zip(evidence.nearest, _by_cosine(evidence), strict=True)
    reached = [candidate._replace(score=score) for candidate, score in scored]
    return sorted(reached[: evidence.request.direction.reach], key=order)


def _by_pairs(evidence: Evidence) -> list[float]:
    """By how far a picture, or it and its caption as one, are beyond what is usual."""
    request = evidence.request
    mean, deviation = standard(
        request.query, request.direction.source.view.background, Modality.IMAGE
    )
    candidates = evidence.candidates[: evidence.looked_at]
    alone = [(candidate.cosine - mean) / deviation for candidate in candidates]
    both = evidence.columns.get(STANDARDISED)
    if both is not None:
        known = both[: len(alone)]
        alone = np.where(np.isnan(known), alone, known).tolist()
    return [round(score, DECIMALS) for score in alone]


def _by_pages(evidence: Evidence) -> list[float]:
    """By the look of a page or its best passage, whichever says more, in standard deviations."""
    looks_of, says_of = _scales(evidence)
    # What the second stage made of the order is kept: the best cosine is given to the first.
    ranked = [candidate.item.id for candidate in _in_order(evidence)]
    cosines = sorted((candidate.cosine for candidate in evidence.nearest), reverse=True)
    looks = dict(zip(ranked, cosines, strict=True))
    said = evidence.columns.get("passage", np.full(len(evidence.candidates), np.nan))
    best = []
    for candidate, passage in zip(evidence.candidates, said.tolist(), strict=True):
        score = looks_of(looks.get(candidate.item.id, candidate.cosine))
        best.append(round(score if np.isnan(passage) else max(score, says_of(passage)), DECIMALS))
    return best


def _scales(evidence: Evidence) -> tuple[Callable[[float], float], Callable[[float], float]]:
    """What cosines of pictures, and of passages, say beside what chance would find.

    Where that isn't known, as in an index of few things, they are compared as they are.
    """
    bank = evidence.request.direction.source.view.background.get("bank", {})
    if Modality.IMAGE not in bank or Modality.TEXT not in bank:
        return (lambda cosine: cosine), (lambda cosine: cosine)
    shares = evidence.request.query.shares
    total, spread = sum(shares), sqrt(sum(share**2 for share in shares))

    def scale(modality: Modality, behind: float) -> Callable[[float], float]:
        mean, deviation = bank[modality]
        return lambda cosine: (cosine - total * mean) / (spread * deviation) - behind

    return scale(Modality.IMAGE, 0), scale(Modality.TEXT, BEHIND)


def _behind(evidence: Evidence, best: Sequence[float]) -> list[float]:
    """The scores of those that no way looked at: no higher than any of the best."""
    rest = evidence.candidates[evidence.looked_at :]
    if not rest:
        return []
    scored = zip(evidence.nearest, _by_cosine(evidence), strict=True)
    by_item = {candidate.item.id: score for candidate, score in scored}
    left = [by_item[candidate.item.id] for candidate in rest]
    down = max(0.0, left[0] - min(best)) if best else 0.0
    return [round(score - down, DECIMALS) for score in left]
