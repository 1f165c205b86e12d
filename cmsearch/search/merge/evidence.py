"""Evidence: how much each way speaks for a candidate, as log-odds that add up.

A way compares a candidate with what chance gives here: its score is standardised by the store's
background, and becomes the logarithm of how much more often things that are meant have such a score
than others, as Fisher's linear discriminant takes it: a weight times how far the score is beyond
the middle between both. What two ways say that agree by chance too is counted once: with a caption
beside it, a picture weighs less. A way that has nothing to say is neither for nor against.

What can be meant in two ways is as likely as both together: a query describes a thing or names it
by its words; a page is meant for its look or for what it says.

This module is the rule by which the columns of one direction become evidence, and whoever wants
another changes this module alone.
"""

# Tested by tests/unit/cmsearch/search/merge/test_evidence.py

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cmsearch.search.query.compose import QueryVector, chance
from cmsearch.search.rank.request import FEW, Column, StageRequest
from cmsearch.search.rank.stages import BEFORE
from cmsearch.search.retrieve.nearest import Candidate
from cmsearch.types import TOWER, Background, Modality

LogOdds = NDArray[np.float64]


class Weight(NamedTuple):
    """What a score of a way counts."""

    slope: float
    """Log-odds a standard deviation."""
    middle: float
    """Deviations beyond the mean of chance, where it speaks neither for nor against."""


SEEN = Weight(1.8, 1.75)
"""A text and a picture, or a sound: what is meant is about 3.5 deviations beyond chance."""
READ = Weight(2.0, 2.75)
"""A text and a text about the same: about 5.5 deviations."""
ALIKE = Weight(1.5, 2.0)
"""Two pictures."""
SEEN_BESIDE_READ = Weight(1.2, 1.75)
"""A picture that has a caption which is compared as well; docs/reranking.md has the figures."""
AGREED = 0.5
"""What counts again of what a thing's meaning and its exact words both say for it."""
SURE = 5.0
"""Log-odds that rare words have left when all of a query's words are found, against the prior."""
FAINT = 0.01
"""What words that everything has count where nothing else does, so that these have an order."""
SILENT = 0.1
"""How often captions of what is meant don't mention it: they can't speak against it by more."""
HOPE = 5.0
"""To one that what is asked for is here."""
WIDEST = 4.0
"""How many times as wide at most sums with what stages add are taken to be."""
PRIOR = "prior"
"""The name by which hits show what is known before any way speaks."""
WRITTEN = 0.1
"""How often what is meant is text that stands in a picture, and not what the picture shows."""
_OWN_WAYS = frozenset({"caption", "words", "passage", "fused", "ocr", "ocr words"})


def evidence(
    request: StageRequest, candidates: Sequence[Candidate], columns: Mapping[str, Column]
) -> dict[str, LogOdds]:
    """What each way says of n candidates `(n,)` by its name, NaN where it says nothing.

    The sum of all is the log-odds that a candidate is meant, with nothing known of the others.
    """
    weights = _learned(request)
    direction = request.direction
    source, modality = direction.source, direction.modality
    before = prior(source.size(modality), source.view.background, modality)
    before += weights.get(BEFORE, 0.0)
    meant = _by_meaning(request, candidates, columns)
    captioned = ~np.isnan(meant.get("caption", np.full(len(candidates), np.nan)))
    said = {}
    for way, values in meant.items():
        beside, alone = (weights.get(weight_of(way, one), 1.0) for one in (True, False))
        said[way] = np.where(captioned, beside, alone) * values
    said |= _by_words(request, columns, total(said, len(candidates)), before)
    said |= _by_text(request, columns, total(said, len(candidates)), before)
    if "ocr" in said:
        said["ocr"] = weights.get("ocr", 1.0) * said["ocr"]
    said[PRIOR] = before + _seldom(request, candidates)
    return {way: values for way, values in said.items() if way not in direction.without}


def _learned(request: StageRequest) -> Mapping[str, float]:
    """The weights that were learned here for queries of one modality."""
    asking = {part.modality for part in request.query.parts}
    runs = [request.direction.runs[one] for one in asking if one in request.direction.runs]
    return runs[0].weights if len(asking) == 1 and runs else {}


def weight_of(way: str, is_captioned: bool) -> str:
    """The name of a way's weight: stages that look closer count as much as the picture does, which
    has one weight beside a caption and another alone.
    """
    if way in _OWN_WAYS:
        return way
    return "picture with caption" if is_captioned else "picture"


def total(said: Mapping[str, LogOdds], n: int) -> LogOdds:
    """The sum `(n,)` of what the ways say; what says nothing is neither for nor against."""
    found: LogOdds = sum((np.nan_to_num(values) for values in said.values()), np.zeros(n))
    return found


def prior(size: int, background: Background, modality: Modality) -> float:
    """The log-odds of a thing of this modality before any way speaks: one of all may be meant, of
    `size` items.

    Captions of one picture are one thing; passages of a file each say something of their own.
    """
    number = float(size)
    if modality is Modality.TEXT:
        known = [own[modality].apart for own in background.values() if modality in own]
        number *= known[0] if known else 1.0
    return log(HOPE / max(number, FEW))


def _by_meaning(
    request: StageRequest, candidates: Sequence[Candidate], columns: Mapping[str, Column]
) -> dict[str, LogOdds]:
    """What cosines say, of the items themselves and of what was written about them."""
    said: dict[str, LogOdds] = {}
    caption = _column(columns, "caption", len(candidates))
    pair = _column(columns, "fused", len(candidates))
    if "picture" in request.direction.ways:
        cosines = np.array([candidate.cosine for candidate in candidates], np.float64)
        said |= _by_look(request, cosines, columns, ~np.isnan(caption))
    if not np.isnan(pair).all():
        for way in list(said):
            said[way] = np.where(np.isnan(pair), said[way], np.nan)
        said["fused"] = READ.slope * (pair - READ.middle)
    elif not np.isnan(caption).all():
        found = _weighed(READ, _standardised(request, caption, Modality.TEXT))
        said["caption"] = _either(np.array(log(SILENT)), log(1 - SILENT) + found)
    passage = _column(columns, "passage", len(candidates))
    if not np.isnan(passage).all():
        found = _weighed(READ, _standardised(request, passage, Modality.TEXT))
        known = total(said, len(candidates))
        said["passage"] = _either(known, found) - known if said else found
    return said


def _by_look(
    request: StageRequest,
    cosines: LogOdds,
    columns: Mapping[str, Column],
    captioned: NDArray[np.bool_],
) -> dict[str, LogOdds]:
    """What the items' own cosines say, and what each stage that looked closer adds to them.

    A stage says how an item differs from the others that it looked at, in the units of cosines.
    """
    direction, query = request.direction, request.query
    alone = _weight(query, direction.modality)
    slope = np.where(captioned, SEEN_BESIDE_READ.slope, alone.slope)
    middle = np.where(captioned, SEEN_BESIDE_READ.middle, alone.middle)
    _, deviation = chance(query, direction.source.view.background, direction.modality)
    beyond = _standardised(request, cosines, direction.modality)
    added = {
        name: _column(columns, name, len(cosines)) - np.nanmean(values)
        for name, values in columns.items()
        if name not in _OWN_WAYS
    }
    closer = sum(map(np.nan_to_num, added.values()), np.zeros(len(cosines)))
    width = _width(cosines, closer)
    usual = beyond.mean() if len(beyond) else 0.0
    said = {"picture": slope * (usual + (beyond - usual) / width - middle)}
    for name, values in added.items():
        said[name] = slope * values / (deviation * width)
    return said


def _width(cosines: LogOdds, added: LogOdds) -> float:
    """How many times as wide as cosines their sums with what stages add are: it is evidence of the
    same kind, and not more of it.
    """
    if not len(cosines):
        return 1.0
    plain, both = float(np.std(cosines)), float(np.std(cosines + added))
    return min(max(both / plain, 1.0), WIDEST) if plain > 0 else 1.0


def _weight(query: QueryVector, target: Modality) -> Weight:
    """What a cosine to items of a modality counts, by what the query is made of."""
    looked_for = [(part, w) for part, w in zip(query.parts, query.weights, strict=True) if w > 0]
    whole = sum(weight for _, weight in looked_for)
    rows = [(weight / whole, _of_part(part.modality, target)) for part, weight in looked_for]
    slope, middle = (sum(share * own[one] for share, own in rows) for one in (0, 1))
    return Weight(slope, middle)


def _of_part(asked: Modality, target: Modality) -> Weight:
    """What a cosine of a query of one modality to items of another counts."""
    if TOWER[asked] is not TOWER[target]:
        return SEEN
    return READ if TOWER[asked] is Modality.TEXT else ALIKE


def _by_words(
    request: StageRequest, columns: Mapping[str, Column], meaning: LogOdds, before: float
) -> dict[str, LogOdds]:
    """What exact words add to what the meaning says, with what is known `before` both.

    All of a query's words in one thing alone outweigh the prior by `SURE`; words that many things
    have say as much less as these are more, and a share of the words the square of it.
    """
    share = _column(columns, "words", len(meaning))
    if np.isnan(share).all():
        return {}
    direction, query = request.direction, request.query
    is_alone = len(direction.ways) == 1
    rarity = max(request.found["words"].rarity, FAINT if is_alone else 0.0)
    words = query.written * rarity * share**2 * (SURE - before)
    if not is_alone:
        both = np.minimum(meaning, words).clip(0)
        words = _either(meaning, words) + AGREED * both - meaning
    return {"words": words}


def _by_text(
    request: StageRequest, columns: Mapping[str, Column], known: LogOdds, before: float
) -> dict[str, LogOdds]:
    """What text in a picture adds to what is `known` of it otherwise: by meaning or by exact words,
    as those of a caption, but seldom what is meant. What isn't written there speaks against none.
    """
    meaning = _column(columns, "ocr", len(known))
    share = _column(columns, "ocr words", len(known))
    if np.isnan(meaning).all() and np.isnan(share).all():
        return {}
    rarity = request.found["ocr words"].rarity if "ocr words" in request.found else 0.0
    words = request.query.written * rarity * share**2 * (SURE - before)
    read = _weighed(READ, _standardised(request, meaning, Modality.TEXT))
    return {"ocr": _either(known, log(WRITTEN) + np.fmax(read, words)) - known}


def _seldom(request: StageRequest, candidates: Sequence[Candidate]) -> LogOdds:
    """What is known before of text in pictures, beside texts that people wrote, where these are
    asked for too.
    """
    is_text = [candidate.item.kind == "ocr" for candidate in candidates]
    return np.where(is_text, 0.0 if request.direction.kind else log(WRITTEN), 0.0)


def _either(one: LogOdds, other: LogOdds) -> LogOdds:
    """What can be meant in two ways is as likely as both together; NaN where one says nothing."""
    with np.errstate(invalid="ignore"):
        found: LogOdds = np.logaddexp(one, other)
    return found


def _standardised(request: StageRequest, cosines: LogOdds, target: Modality) -> LogOdds:
    """How far cosines to items of a modality are beyond what chance gives, in deviations."""
    background = request.direction.source.view.background
    mean, deviation = chance(request.query, background, target)
    found: LogOdds = (cosines - mean) / deviation
    return found


def _weighed(weight: Weight, beyond: LogOdds) -> LogOdds:
    found: LogOdds = weight.slope * (beyond - weight.middle)
    return found


def _column(columns: Mapping[str, Column], name: str, n: int) -> LogOdds:
    """A column as long as the candidates, NaN where it has nothing to say."""
    found = np.full(n, np.nan)
    values: NDArray[Any] = columns.get(name, np.zeros(0))[:n]
    found[: len(values)] = values
    return found
