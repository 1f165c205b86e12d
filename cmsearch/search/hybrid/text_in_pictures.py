"""Finding a picture by what is written in it, by meaning and by exact words."""

# Tested by tests/unit/indexer/test_texts.py

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from math import log

from cmsearch.search.hybrid.captions_and_words import LEAST_SHARE, best_of, rows_of, things
from cmsearch.search.query.compose import QueryVector
from cmsearch.search.rank.request import FEW, Column, Direction, Found, StageRequest
from cmsearch.search.rank.together import Excluded, FoundThere, nearest
from cmsearch.store.catalog import items
from cmsearch.store.catalog.fulltext import Match, Scope
from cmsearch.types import Candidates, Modality

KIND = "ocr"
"""The kind of items whose text was read in pictures, and the name of what they say of these."""
WORDS = "ocr words"
"""The name of the way that finds them by exact words; hits show both as one."""


def find_by_text(
    directions: Sequence[Direction], queries: Sequence[QueryVector], excluded: Excluded
) -> list[FoundThere]:
    """For each query the photo items of the text in them that is nearest, with its cosines."""
    texts = nearest(directions, queries, excluded, Modality.TEXT, directions[0].depth, KIND)
    found = [[[(one.item.id, one.cosine) for one in own] for own in each] for each in texts]
    return _of_photos(directions, found, excluded, [1.0 for _ in queries])


def find_by_words(
    directions: Sequence[Direction], queries: Sequence[QueryVector], excluded: Excluded
) -> list[FoundThere]:
    """For each query the photo items with at least half of its words, by their weight, in one
    block of text, and these shares.
    """
    found, rarities = [], []
    total = max(directions[0].source.size(directions[0].modality), FEW)
    for query, outs in zip(queries, zip(*excluded, strict=True), strict=True):
        matches = best_of(
            [_matches(*own, query) for own in zip(directions, outs, strict=True)],
            directions[0].depth,
        )
        found.append(
            [[(one.item, one.share) for one in own if one.share >= LEAST_SHARE] for own in matches]
        )
        first = min(
            (one for own in matches for one in own), key=lambda one: -one.score, default=None
        )
        rarities.append(log(total / things(matches, first.share)) / log(total) if first else 0.0)
    return _of_photos(directions, found, excluded, [max(0.0, rarity) for rarity in rarities])


def _matches(direction: Direction, excluded: Collection[int], query: QueryVector) -> list[Match]:
    view = direction.source.view
    scope = Scope(view.space_id, Modality.TEXT, KIND, direction.where, excluded)
    return rows_of(direction, query).match(direction.depth, scope)


def _of_photos(
    directions: Sequence[Direction],
    found: Sequence[Sequence[Sequence[tuple[int, float]]]],
    excluded: Excluded,
    rarities: Sequence[float],
) -> list[FoundThere]:
    """What is said of items that were read, as said of the photos that they were read in: what the
    best of them says.
    """
    photos = [
        items.photos_with(
            direction.source.store.catalog,
            direction.source.view.space_id,
            {item for each in found for item, _ in each[place]},
        )
        for place, direction in enumerate(directions)
    ]
    return [
        [_best(*own, rarity) for own in zip(each, photos, outs, strict=True)]
        for each, outs, rarity in zip(found, zip(*excluded, strict=True), rarities, strict=True)
    ]


def _best(
    found: Sequence[tuple[int, float]],
    photos: Mapping[int, int],
    out: Collection[int],
    rarity: float,
) -> Found:
    best: dict[int, float] = {}
    by: dict[int, int] = {}
    for item, value in sorted(found, key=lambda pair: -pair[1]):
        photo = photos.get(item)
        if photo is not None and photo not in out and photo not in best:
            best[photo], by[photo] = value, item
    return Found(best, rarity, by)


def text(request: StageRequest, candidates: Candidates) -> Column:
    """The cosine to the query of the nearest text in a picture, where text found it."""
    return request.said(KIND, candidates)


def words(request: StageRequest, candidates: Candidates) -> Column:
    """The share of the query's words that stand in a picture, where they found it."""
    return request.said(WORDS, candidates)


def speaker(found: Mapping[str, Found], item: int) -> int:
    """The item whose text speaks for a picture: by exact words, else by its meaning; 0 for none."""
    return next((found[way].by[item] for way in (WORDS, KIND) if item in _by(found, way)), 0)


def _by(found: Mapping[str, Found], way: str) -> Mapping[int, int]:
    return found[way].by if way in found else {}
