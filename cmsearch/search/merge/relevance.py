"""From evidence to relevance: how likely a hit is what was meant, with all others known."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import accumulate
from math import exp, expm1, fsum, log1p

from cmsearch.store.catalog.terms import terms
from cmsearch.types import ComposedQuery, Modality

DOUBTFUL = 0.05
"""Below this the best hit is probably not about the query; docs/reranking.md has the curve."""
WORDS = 2.0
"""Words by which a text comes to mean one thing more than a kind of things."""
LIKENESS = 0.5
"""How much of one thing a picture means: it asks for others that are like it."""
_MOST = 700.0  # of log-odds, so that no power overflows
_PLACES = 4


def relevance(log_odds: float) -> float:
    """The probability of log-odds, from 0 to 1: the logistic function, rounded."""
    bounded = max(-_MOST, min(_MOST, log_odds))
    return round(1 / (1 + exp(-bounded)), _PLACES)


def aim(query: ComposedQuery) -> float:
    """From 0 to 1, how much of one thing a query means, rather than of a kind of things.

    A word is a kind, of which there may be hundreds; each further one leaves fewer, and a sentence
    is about one thing. Of several parts the mean counts, by what they weigh.
    """
    looked_for = [(part, w) for part, w in zip(query.parts, query.weights, strict=True) if w > 0]
    found = sum(weight * _aim(part.modality, part.content) for part, weight in looked_for)
    return found / sum(weight for _, weight in looked_for)


def _aim(modality: Modality, content: object) -> float:
    if modality is not Modality.TEXT:
        return LIKENESS
    words = len(set(terms(str(content))))
    return -expm1(-max(words - 1, 0) / WORDS)


def competing(
    log_odds: Sequence[float], things: Sequence[Hashable], counted: int, strength: float
) -> list[float]:
    """The log-odds of n candidates when each knows of the others: `things` says what each is of.

    Where one thing is meant, its odds are those against all others and against none of them, as
    Bayes' rule has it: `odds / (1 + sum of the others')`. Where a kind is meant, others that fit as
    well don't make one less likely. Between both the power `strength` of that sum, from 0 to 1,
    counts. The first `counted` candidates are the others; those of one thing don't compete.

    The candidates are in order, the best first, and stay so: none knows of fewer others than the
    one before it, or else what little is said of the likeliest thing would overtake other things.
    """
    best: dict[Hashable, float] = {}
    for value, thing in zip(log_odds[:counted], things, strict=False):
        best[thing] = max(best.get(thing, value), value)
    odds = {thing: exp(min(value, _MOST / 2)) for thing, value in best.items()}
    everything = fsum(odds.values())
    others = accumulate((max(everything - odds.get(own, 0.0), 0.0) for own in things), max)
    return [value - strength * log1p(rest) for value, rest in zip(log_odds, others, strict=True)]
