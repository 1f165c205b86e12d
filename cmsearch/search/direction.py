"""One direction of a search: what each way finds, what each stage says of it, and one number.

A new stage is a module with a function `(request, candidates) -> column` and a row of one of the
two tables here.
"""

# Tested by tests/unit/cmsearch/search/test_pipeline.py

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from cmsearch.common import stopping
from cmsearch.search.hybrid import (
    captions_and_words,
    document_pages,
    image_with_caption,
    text_in_pictures,
)
from cmsearch.search.merge.evidence import evidence, total
from cmsearch.search.merge.things import followed, thing
from cmsearch.search.query.compose import QueryVector
from cmsearch.search.rank import together
from cmsearch.search.rank.attention import attention
from cmsearch.search.rank.hubness import hubness
from cmsearch.search.rank.model import model
from cmsearch.search.rank.request import (
    Column,
    Direction,
    Found,
    Source,
    Stage,
    StageRequest,
)
from cmsearch.search.rank.together import Excluded, FoundThere
from cmsearch.search.retrieve.nearest import DECIMALS, Answers, Candidate, ordered
from cmsearch.store.catalog import items
from cmsearch.store.store import Store
from cmsearch.types import Candidates, FloatArray

Way = Callable[[Sequence[Direction], Sequence[QueryVector], Excluded], Sequence[FoundThere]]
"""For each query, without the items that are excluded, what is found in each store."""
WAYS: Mapping[str, Way] = {
    "caption": captions_and_words.find_by_captions,
    "words": captions_and_words.find_by_words,
    "passage": document_pages.find_by_passages,
    "fused": captions_and_words.find_by_captions,
    text_in_pictures.KIND: text_in_pictures.find_by_text,
    text_in_pictures.WORDS: text_in_pictures.find_by_words,
}
"""The ways that find candidates besides the nearest neighbours, by name."""
MODEL = "model"
SECOND_STAGE: Mapping[str, Stage] = {"hubness": hubness, "attention": attention, MODEL: model}
"""What looks at the best of the nearest, by the name that hits show it by; a model has its own."""
TOLD: Sequence[tuple[str, Stage]] = (
    ("caption", captions_and_words.caption),
    ("words", captions_and_words.words),
    ("passage", document_pages.passage),
    ("fused", image_with_caption.fused),
    (text_in_pictures.KIND, text_in_pictures.text),
    (text_in_pictures.WORDS, text_in_pictures.words),
)
"""What looks at all candidates that a way has found, by the name that hits show it by."""


def ranked(
    directions: Sequence[Direction],
    queries: Sequence[QueryVector],
    excluded: Excluded,
    k: int,
) -> list[Answers]:
    """At least the k best candidates for each query of one direction, which has a row for each of
    the stores that are searched as one; `excluded` has for each of these what a query may not find.
    """
    first = directions[0]
    nearest: Sequence[Sequence[Sequence[Candidate]]] = [[[]] for _ in queries]
    if "picture" in first.ways:
        depth = max(k, first.depth)
        nearest = together.nearest(directions, queries, excluded, first.modality, depth, first.kind)
    found: list[list[dict[str, Found]]] = [[{} for _ in directions] for _ in queries]
    for way in WAYS:
        if way in first.ways:
            stopping.check()
            for own, results in zip(found, WAYS[way](directions, queries, excluded), strict=True):
                for there, result in zip(own, results, strict=True):
                    there |= {} if result is None else {way: result}
    rows = zip(queries, zip(*excluded, strict=True), found, strict=True)
    requests = [
        [
            StageRequest(direction, query, out, own)
            for direction, out, own in zip(directions, outs, founds, strict=True)
        ]
        for query, outs, founds in rows
    ]
    return [
        joined(each, ordered(chain(*near)) if len(near) > 1 else near[0])
        for each, near in zip(requests, nearest, strict=True)
    ]


def joined(requests: Sequence[StageRequest], nearest: Sequence[Candidate]) -> Answers:
    """All candidates for one query by what the ways say of them, with a request for each store.

    What is further than the direction reaches, and what no other way found, only follows, in its
    order: no stage looked at it.
    """
    depth = requests[0].direction.depth
    reached, further = nearest[:depth], nearest[depth:]
    known = {candidate.key for candidate in reached}
    brought = [one for request in requests for one in _brought(request, known)]
    others = {candidate.key for candidate in brought}
    rest = [candidate for candidate in further if candidate.key not in others]
    looked_at = [*reached, *brought]
    columns = _columns(requests, looked_at, len(reached))
    best = ordered(_judged(requests, looked_at, columns))
    # Equal ones stay as near as they are: however many there are, the first are the same.
    return followed(best, sorted(_judged(requests, rest, {}), key=lambda own: -own.score))


def _brought(request: StageRequest, known: Collection[tuple[int, int]]) -> list[Candidate]:
    """What the other ways found in a store besides what is known."""
    source = request.direction.source
    items = {item for way in request.found.values() for item in way.values}
    return source.these(request.query, {one for one in items if (source.place, one) not in known})


def _judged(
    requests: Sequence[StageRequest],
    candidates: Sequence[Candidate],
    columns: Mapping[str, Column],
) -> list[Candidate]:
    """The candidates with the log-odds that they are meant, and what each way adds to these."""
    if not candidates:
        return []
    said = evidence(requests[0], candidates, columns)
    found = {request.direction.source.place: request.found for request in requests}
    scores = np.round(total(said, len(candidates)), DECIMALS).tolist()
    rows = np.array(list(said.values())).reshape(len(said), len(candidates)).T.tolist()
    return [
        own._replace(
            score=score,
            stages=_shown(said, row),
            read=text_in_pictures.speaker(found[own.store], own.item.id),
        )
        for own, score, row in zip(candidates, scores, rows, strict=True)
    ]


def _columns(
    requests: Sequence[StageRequest], looked_at: Sequence[Candidate], reached: int
) -> dict[str, Column]:
    """What each stage says of the candidates `(n,)` by its name, if it says anything."""
    columns: dict[str, Column] = {}
    for request in requests:
        source = request.direction.source
        own = [row for row, one in enumerate(looked_at) if one.store == source.place]
        near = own[: bisect_left(own, min(request.direction.depth, reached))]
        best = described(source, [looked_at[row] for row in near])
        every = described(source, [looked_at[row] for row in own])
        stages = [(name, stage, best, near) for name, stage in SECOND_STAGE.items()]
        stages += [(name, stage, every, own) for name, stage in TOLD]
        for name, stage, candidates, rows in stages:
            stopping.check()
            values = stage(request, candidates) if candidates.items else np.zeros(0)
            if not np.isnan(values).all():
                shown = request.direction.model if name == MODEL else name
                nothing = np.full(len(looked_at), np.nan, values.dtype)
                columns.setdefault(shown, nothing)[rows] = values
    return columns


def _shown(ways: Iterable[str], row: Iterable[float]) -> dict[str, float]:
    """What the ways say of one candidate, by their names; NaN is what isn't itself."""
    return {way: value for way, value in zip(ways, row, strict=True) if value == value}


def described(source: Source, candidates: Sequence[Candidate]) -> Candidates:
    """What a stage looks at; contents are read from the catalog when they are asked for."""
    space = source.view.space
    ids = [candidate.embedding for candidate in candidates]
    stored = cache(lambda: items.contents(source.store.catalog, ids, space.dim))

    def vectors() -> FloatArray:
        return np.stack([stored()[number][0] for number in ids])

    return Candidates(
        [candidate.item for candidate in candidates],
        np.array([candidate.cosine for candidate in candidates], np.float32),
        _Paths(source.store, candidates),
        vectors=vectors,
        tokens=lambda: [stored()[number][1] for number in ids],
    )


class _Paths(Sequence[Path]):
    """Where the files of candidates are; few stages ask."""

    def __init__(self, store: Store, candidates: Sequence[Candidate]) -> None:
        self._store = store
        self._names = [thing(candidate) for candidate in candidates]

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [self._store.absolute(name) for name in self._names[place]]
        return self._store.absolute(self._names[place])
