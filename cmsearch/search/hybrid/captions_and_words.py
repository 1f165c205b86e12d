"""Finding a picture by what its captions say, and by exact words."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import log

from cmsearch.search.query.compose import QueryVector, standard
from cmsearch.search.rank.request import Column, Direction, Found, StageRequest
from cmsearch.search.retrieve.nearest import NearestRequest
from cmsearch.store.catalog import fulltext, items
from cmsearch.store.catalog.fulltext import Match, Scope
from cmsearch.types import Candidates, Modality

MATCHES = ("all", "picture", "caption", "words", "fused")
LEAST_SHARE = 0.5
"""What the words that are found have to weigh among all of the query's."""


def find_by_captions(
    direction: Direction, queries: Sequence[QueryVector], excluded: Sequence[Collection[int]]
) -> list[Found | None]:
    """For each query the photo items of its best captions, with their cosines.

    A caption has to be nearer to the query than the best of unrelated texts usually are: with few
    captions there is always a best one, and it needn't be about what is asked for.
    """
    view = direction.source.view
    if Modality.TEXT not in view.indexes:
        return [Found({}) for _ in queries]
    wanted = NearestRequest(
        Modality.TEXT, direction.reach, "caption", direction.where, list(excluded)
    )
    captions = direction.source.retriever.search(view, queries, wanted)
    photos = _photos(direction, {own.item.about for each in captions for own in each})
    results: list[Found | None] = []
    for query, each, out in zip(queries, captions, excluded, strict=True):
        least = standard(query, view.background, Modality.TEXT)[0]
        cosines: dict[int, float] = {}
        for caption in each:
            photo = photos.get(caption.item.about or "")
            if photo is not None and photo not in out and caption.cosine > least:
                cosines.setdefault(photo, caption.cosine)
        results.append(Found(cosines))
    return results


def _photos(direction: Direction, paths: Collection[str | None]) -> dict[str, int]:
    """By path the photo items of these files."""
    catalog, space = direction.source.store.catalog, direction.source.view.space_id
    return items.photos_at(catalog, space, [path for path in paths if path])


def find_by_words(
    direction: Direction, queries: Sequence[QueryVector], excluded: Sequence[Collection[int]]
) -> list[Found | None]:
    """For each query the photo items with at least half of its words, by their weight.

    The values are the shares of the words that they have, the scores are BM25's.
    """
    results: list[Found | None] = []
    for query, out in zip(queries, excluded, strict=True):
        matches = _matches(direction, query, out)
        near = [match for match in matches if match.share >= LEAST_SHARE]
        values = {match.item: match.share for match in near}
        scores = {match.item: match.score for match in near}
        is_alone = len(direction.ways) == 1
        results.append(Found(values, scores, 1.0 if is_alone else _rarity(direction, matches)))
    return results


def _matches(direction: Direction, query: QueryVector, excluded: Collection[int]) -> list[Match]:
    """Photo items with words of what is looked for, and not those of what is subtracted."""
    catalog = direction.source.store.catalog
    texts = query.texts()
    away: set[int] = set()
    for text, weight in texts:
        if weight < 0:
            away |= items.about_same(catalog, fulltext.items_with(catalog, text))
    space, where = direction.source.view.space_id, direction.where
    scope = Scope(space, Modality.IMAGE, None, where, away.union(excluded))
    text = " ".join(text for text, weight in texts if weight > 0)
    return fulltext.match(catalog, text, direction.reach, scope, LEAST_SHARE)


def _rarity(direction: Direction, matches: Sequence[Match]) -> float:
    """From 0 to 1, how few pictures have all the words that the best one has."""
    total = max(len(direction.source.view.indexes[Modality.IMAGE]), 2)
    same = sum(match.share >= matches[0].share for match in matches) if matches else total
    if len(matches) >= direction.reach:  # there are more; their captions are counted one by one
        same = max(same, fulltext.rows_with(direction.source.store.catalog, matches[0].words))
    return max(0.0, log(total / same) / log(total))


def caption(request: StageRequest, candidates: Candidates) -> Column:
    """The cosine of a picture's best caption to the query, where captions found the picture."""
    return request.said("caption", candidates)


def words(request: StageRequest, candidates: Candidates) -> Column:
    """The share of the query's words that a picture has, where words found it."""
    return request.said("words", candidates)
