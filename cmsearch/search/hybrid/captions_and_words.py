"""Finding a picture by what its captions say, and items of all modalities by exact words."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from math import exp, fsum, log
from typing import NamedTuple

import numpy as np

from cmsearch.common.function_words import FUNCTION_WORDS
from cmsearch.search.query.compose import QueryVector
from cmsearch.search.rank.request import FEW, Column, Direction, Found, StageRequest, missing
from cmsearch.search.rank.together import Excluded, FoundThere, nearest
from cmsearch.search.retrieve.nearest import Candidate
from cmsearch.store.catalog import fulltext, items
from cmsearch.store.catalog.fulltext import Match, RankedRows, Scope
from cmsearch.store.catalog.terms import terms
from cmsearch.types import Candidates, Modality

MATCHES = ("all", "picture", "caption", "words", "fused")
SOFT = 0.1
"""How much nearer, in cosines, a caption has to be than a picture's others to stand for them."""
NICETY = 0.01
"""What BM25 counts beside the share of the words: of equal ones that with little else is first."""
LEAST_SHARE = 0.5
"""What the words that are found have to weigh among all of the query's."""

_HEARD = re.compile(r"\b(?:recordings?|audio)\b", re.IGNORECASE)
_NAMES = {
    Modality.TEXT: re.compile(r"\b(?:documents?|pdf)\b", re.IGNORECASE),
    Modality.SPEECH: _HEARD,
    Modality.SOUND: _HEARD,
    Modality.VIDEO: re.compile(r"\b(?:films?|videos?|movies?|clips?)\b", re.IGNORECASE),
}
"""By modality what its files are called in English."""


class Told(NamedTuple):
    """A picture's captions: their cosines to the query, and their first embeddings."""

    cosines: list[float]
    embeddings: list[int]


def find_by_captions(
    directions: Sequence[Direction], queries: Sequence[QueryVector], excluded: Excluded
) -> list[FoundThere]:
    """For each query the photo items of its best captions, with their cosines."""
    captions = nearest(directions, queries, excluded, Modality.TEXT, directions[0].depth, "caption")
    photos = [
        items.photos_of(
            direction.source.store.catalog,
            direction.source.view.space_id,
            {own.item.id for each in captions for own in each[place]},
        )
        for place, direction in enumerate(directions)
    ]
    return [
        [_photos(*one) for one in zip(each, photos, outs, strict=True)]
        for each, outs in zip(captions, zip(*excluded, strict=True), strict=True)
    ]


def _photos(
    captions: Sequence[Candidate], photos: Mapping[int, int], out: Collection[int]
) -> Found:
    """Of captions of one store, the best first, the photos that they are about."""
    cosines: dict[int, float] = {}
    for caption in captions:
        photo = photos.get(caption.item.id)
        if photo is not None and photo not in out:
            cosines.setdefault(photo, caption.cosine)
    return Found(cosines)


def find_by_words(
    directions: Sequence[Direction], queries: Sequence[QueryVector], excluded: Excluded
) -> list[FoundThere]:
    """For each query the items with at least half of its words, by their weight.

    The values are the shares of the words that they have; what tells those apart that have as many
    is BM25.
    """
    return [
        _by_words(directions, query, outs)
        for query, outs in zip(queries, zip(*excluded, strict=True), strict=True)
    ]


def _by_words(
    directions: Sequence[Direction], query: QueryVector, excluded: Sequence[Collection[int]]
) -> list[Found]:
    pairs = zip(directions, excluded, strict=True)
    matches = best_of([_matches(own, query, out) for own, out in pairs], directions[0].depth)
    near = [[match for match in own if match.share >= LEAST_SHARE] for own in matches]
    best = max((match.score for own in near for match in own), default=0.0) or 1.0
    rarity = _rarity(directions, matches)
    return [
        Found(
            {
                match.item: match.share * (1 - NICETY) + NICETY * max(match.score / best, 0.0)
                for match in own
            },
            rarity,
        )
        for own in near
    ]


def best_of(matches: Sequence[list[Match]], most: int) -> Sequence[list[Match]]:
    """What several stores found by words, without what isn't among the `most` best of all."""
    if len(matches) == 1:
        return matches
    order = [(-one.score, place, one.by) for place, own in enumerate(matches) for one in own]
    if len(order) <= most:
        return matches
    last = sorted(order)[most - 1]
    return [
        [one for one in own if (-one.score, place, one.by) <= last]
        for place, own in enumerate(matches)
    ]


def _matches(direction: Direction, query: QueryVector, excluded: Collection[int]) -> list[Match]:
    """Items with words of what is looked for, and not those of what is subtracted."""
    if direction.modality not in direction.source.view.indexes:
        return []
    catalog = direction.source.store.catalog
    texts = query.texts()
    away: set[int] = set()
    for text, weight in texts:
        if weight < 0:
            away |= items.about_same(catalog, fulltext.items_with(catalog, text))
    space, where = direction.source.view.space_id, direction.where
    out = away.union(excluded)
    scope = Scope(space, direction.modality, direction.kind, where, out)
    return rows_of(direction, query).match(direction.depth, scope)


def rows_of(direction: Direction, query: QueryVector) -> RankedRows:
    """The rows that have words of what is looked for."""
    catalog, rows = direction.source.store.catalog, direction.source.rows
    text = " ".join(text for text, weight in query.texts() if weight > 0)
    text = _content(text, direction.modality)
    if text not in rows:
        counts = direction.source.words()
        rows[text] = fulltext.RankedRows(catalog, text, LEAST_SHARE, counts)
    return rows[text]


def _content(text: str, modality: Modality) -> str:
    """A text without the words that say that something of this modality is meant, as in "garden
    recording": no recording says of itself that it is one. All of it where nothing else is left.
    """
    names = _NAMES.get(modality)
    left = names.sub(" ", text) if names else text
    return left if set(terms(left)) - FUNCTION_WORDS else text


def _rarity(directions: Sequence[Direction], matches: Sequence[Sequence[Match]]) -> float:
    """From 0 to 1, how few things have all the words that the best one has: files, whatever they
    have of passages, or of what is said in them.
    """
    source, found = directions[0].source, [match for own in matches for match in own]
    total = max(source.size(directions[0].modality), FEW)
    if not found:
        return 0.0
    best = min(found, key=lambda match: -match.score)
    same = things(matches, best.share)
    if len(found) >= directions[0].depth:  # there are more
        catalogs = source.words().catalogs
        same = max(same, sum(fulltext.things_with(own, best.words) for own in catalogs))
    return max(0.0, log(total / same) / log(total))


def things(matches: Sequence[Sequence[Match]], share: float) -> int:
    """How many files have at least a share of the words."""
    return sum(len({match.thing for match in own if match.share >= share}) for own in matches)


def caption(request: StageRequest, candidates: Candidates) -> Column:
    """The cosine to the query of what a picture's captions say: a soft maximum over them.

    It lies between their mean and the best of them, so that neither does one of many that is near
    by chance count for all, nor do the others hide what one says.
    """
    column = missing(candidates)
    if "caption" in request.found:
        told = compared(request, candidates)
        for row, item in enumerate(candidates.items):
            if item.id in told:
                column[row] = _soft_maximum(told[item.id].cosines)
    return column


def compared(request: StageRequest, candidates: Candidates) -> dict[int, Told]:
    """By item of the candidates its captions as far as they may speak, and their cosines."""
    catalog, view = request.direction.source.store.catalog, request.direction.source.view
    numbers = [item.id for item in candidates.items]
    photos, ids, vectors = items.captions_of(
        catalog, view.space_id, numbers, view.space.dim, request.excluded
    )
    # So exact that captions which are as near as each other are so, wherever they stand.
    cosines = (vectors.astype(np.float64) @ request.query.vector.astype(np.float64)).tolist()
    told: dict[int, Told] = {}
    for photo, cosine, number in zip(photos, cosines, ids.tolist(), strict=True):
        own = told.setdefault(photo, Told([], []))
        own.cosines.append(cosine)
        own.embeddings.append(number)
    return told


def _soft_maximum(cosines: Sequence[float]) -> float:
    best = max(cosines)
    powers = [exp((cosine - best) / SOFT) for cosine in cosines]
    return best + SOFT * log(fsum(powers) / len(powers))


def words(request: StageRequest, candidates: Candidates) -> Column:
    """The share of the query's words that an item has, where words found it."""
    return request.said("words", candidates)
