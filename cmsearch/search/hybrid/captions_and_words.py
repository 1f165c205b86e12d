"""Finding a picture by what its captions say, and items of all modalities by exact words."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from math import exp, fsum, log
from typing import NamedTuple

import numpy as np

from cmsearch.common.function_words import FUNCTION_WORDS
from cmsearch.search.query.compose import QueryVector
from cmsearch.search.rank.request import FEW, Column, Direction, Found, StageRequest, missing
from cmsearch.search.retrieve.nearest import NearestRequest
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
    direction: Direction, queries: Sequence[QueryVector], excluded: Sequence[Collection[int]]
) -> list[Found | None]:
    """For each query the photo items of its best captions, with their cosines."""
    view = direction.source.view
    if Modality.TEXT not in view.indexes:
        return [Found({}) for _ in queries]
    wanted = NearestRequest(
        Modality.TEXT, direction.depth, "caption", direction.where, list(excluded)
    )
    captions = direction.source.retriever.search(view, queries, wanted)
    photos = items.photos_of(
        direction.source.store.catalog,
        view.space_id,
        {own.item.id for each in captions for own in each},
    )
    results: list[Found | None] = []
    for each, out in zip(captions, excluded, strict=True):
        cosines: dict[int, float] = {}
        for caption in each:
            photo = photos.get(caption.item.id)
            if photo is not None and photo not in out:
                cosines.setdefault(photo, caption.cosine)
        results.append(Found(cosines))
    return results


def find_by_words(
    direction: Direction, queries: Sequence[QueryVector], excluded: Sequence[Collection[int]]
) -> list[Found | None]:
    """For each query the items with at least half of its words, by their weight.

    The values are the shares of the words that they have; what tells those apart that have as many
    is BM25.
    """
    results: list[Found | None] = []
    for query, out in zip(queries, excluded, strict=True):
        matches = _matches(direction, query, out)
        near = [match for match in matches if match.share >= LEAST_SHARE]
        best = max((match.score for match in near), default=0.0) or 1.0
        values = {
            match.item: match.share * (1 - NICETY) + NICETY * max(match.score / best, 0.0)
            for match in near
        }
        results.append(Found(values, _rarity(direction, matches)))
    return results


def _matches(direction: Direction, query: QueryVector, excluded: Collection[int]) -> list[Match]:
    """Items with words of what is looked for, and not those of what is subtracted."""
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
        rows[text] = fulltext.RankedRows(catalog, text, LEAST_SHARE)
    return rows[text]


def _content(text: str, modality: Modality) -> str:
    """A text without the words that say that something of this modality is meant, as in "garden
    recording": no recording says of itself that it is one. All of it where nothing else is left.
    """
    names = _NAMES.get(modality)
    left = names.sub(" ", text) if names else text
    return left if set(terms(left)) - FUNCTION_WORDS else text


def _rarity(direction: Direction, matches: Sequence[Match]) -> float:
    """From 0 to 1, how few things have all the words that the best one has: files, whatever they
    have of passages, or of what is said in them.
    """
    total = max(len(direction.source.view.indexes[direction.modality]), FEW)
    if not matches:
        return 0.0
    same = len({match.thing for match in matches if match.share >= matches[0].share})
    if len(matches) >= direction.depth:  # there are more
        same = max(same, fulltext.things_with(direction.source.store.catalog, matches[0].words))
    return max(0.0, log(total / same) / log(total))


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
