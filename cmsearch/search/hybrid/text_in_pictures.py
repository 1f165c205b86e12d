"""Finding a picture by what is written in it, by meaning and by exact words."""

# Tested by tests/unit/indexer/test_texts.py

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from math import log

from cmsearch.search.hybrid.captions_and_words import LEAST_SHARE, rows_of
from cmsearch.search.query.compose import QueryVector
from cmsearch.search.rank.request import FEW, Column, Direction, Found, StageRequest
from cmsearch.search.retrieve.nearest import NearestRequest
from cmsearch.store.catalog import items
from cmsearch.store.catalog.fulltext import Scope
from cmsearch.types import Candidates, Modality

KIND = "ocr"
"""The kind of items whose text was read in pictures, and the name of what they say of these."""
WORDS = "ocr words"
"""The name of the way that finds them by exact words; hits show both as one."""


def find_by_text(
    direction: Direction, queries: Sequence[QueryVector], excluded: Sequence[Collection[int]]
) -> list[Found | None]:
    """For each query the photo items of the text in them that is nearest, with its cosines."""
    view = direction.source.view
    if Modality.TEXT not in view.indexes:
        return [None for _ in queries]
    wanted = NearestRequest(Modality.TEXT, direction.depth, KIND, direction.where, list(excluded))
    nearest = direction.source.retriever.search(view, queries, wanted)
    found = [[(own.item.id, own.cosine) for own in each] for each in nearest]
    return _of_photos(direction, found, excluded, [1.0 for _ in queries])


def find_by_words(
    direction: Direction, queries: Sequence[QueryVector], excluded: Sequence[Collection[int]]
) -> list[Found | None]:
    """For each query the photo items with at least half of its words, by their weight, in one
    block of text, and these shares.
    """
    view, found, rarities = direction.source.view, [], []
    total = max(len(view.indexes[direction.modality]), FEW)
    for query, out in zip(queries, excluded, strict=True):
        scope = Scope(view.space_id, Modality.TEXT, KIND, direction.where, out)
        matches = rows_of(direction, query).match(direction.depth, scope)
        found.append([(own.item, own.share) for own in matches if own.share >= LEAST_SHARE])
        best = {own.thing for own in matches if own.share >= matches[0].share}
        rarities.append(log(total / len(best)) / log(total) if best else 0.0)
    return _of_photos(direction, found, excluded, [max(0.0, rarity) for rarity in rarities])


def _of_photos(
    direction: Direction,
    found: Sequence[Sequence[tuple[int, float]]],
    excluded: Sequence[Collection[int]],
    rarities: Sequence[float],
) -> list[Found | None]:
    """What is said of items that were read, as said of the photos that they were read in: what the
    best of them says.
    """
    catalog, space = direction.source.store.catalog, direction.source.view.space_id
    photos = items.photos_with(catalog, space, {item for each in found for item, _ in each})
    return [
        _best(each, photos, out, rarity)
        for each, out, rarity in zip(found, excluded, rarities, strict=True)
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
