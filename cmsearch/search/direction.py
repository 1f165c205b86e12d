"""One direction of a search: what each way finds, what each stage says of it, and one number.

A new stage is a module with a function `(request, candidates) -> column` and a row of one of the
two tables here.
"""

# Tested by tests/unit/cmsearch/search/test_pipeline.py

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache
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
from cmsearch.search.retrieve.nearest import (
    DECIMALS,
    Answers,
    Candidate,
    NearestRequest,
    ordered,
)
from cmsearch.store.catalog import items
from cmsearch.store.store import Store
from cmsearch.types import Candidates, FloatArray

Way = Callable[
    [Direction, Sequence[QueryVector], Sequence[Collection[int]]], Sequence[Found | None]
]
"""For each query, without the items that are excluded, what is found; None where it isn't asked."""
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
    direction: Direction,
    queries: Sequence[QueryVector],
    excluded: Sequence[Collection[int]],
    k: int,
) -> list[Answers]:
    """At least the k best candidates for each query."""
    nearest: Sequence[Sequence[Candidate]] = [[] for _ in queries]
    if "picture" in direction.ways:
        wanted = NearestRequest(
            direction.modality,
            max(k, direction.depth),
            direction.kind,
            direction.where,
            excluded,
        )
        nearest = direction.source.retriever.search(direction.source.view, queries, wanted)
    found: list[dict[str, Found]] = [{} for _ in queries]
    for way in WAYS:
        if way in direction.ways:
            stopping.check()
            for own, result in zip(found, WAYS[way](direction, queries, excluded), strict=True):
                own |= {} if result is None else {way: result}
    rows = zip(queries, excluded, found, strict=True)
    requests = [StageRequest(direction, *row) for row in rows]
    return [joined(*pair) for pair in zip(requests, nearest, strict=True)]


def joined(request: StageRequest, nearest: Sequence[Candidate]) -> Answers:
    """All candidates for one query by what the ways say of them.

    What is further than the direction reaches, and what no other way found, only follows, in its
    order: no stage looked at it.
    """
    direction = request.direction
    reached, further = nearest[: direction.depth], nearest[direction.depth :]
    source, known = direction.source, {candidate.item.id for candidate in reached}
    others = {item for way in request.found.values() for item in way.values} - known
    brought = source.retriever.these(source.view, request.query, others)
    rest = [candidate for candidate in further if candidate.item.id not in others]
    looked_at = [*reached, *brought]
    columns = _columns(request, looked_at, len(reached))
    best = ordered(_judged(request, looked_at, columns))
    # Equal ones stay as near as they are: however many there are, the first are the same.
    return followed(best, sorted(_judged(request, rest, {}), key=lambda own: -own.score))


def _judged(
    request: StageRequest, candidates: Sequence[Candidate], columns: Mapping[str, Column]
) -> list[Candidate]:
    """The candidates with the log-odds that they are meant, and what each way adds to these."""
    if not candidates:
        return []
    said = evidence(request, candidates, columns)
    scores = np.round(total(said, len(candidates)), DECIMALS).tolist()
    rows = np.array(list(said.values())).reshape(len(said), len(candidates)).T.tolist()
    return [
        own._replace(
            score=score,
            stages=_shown(said, row),
            read=text_in_pictures.speaker(request.found, own.item.id),
        )
        for own, score, row in zip(candidates, scores, rows, strict=True)
    ]


def _columns(
    request: StageRequest, looked_at: Sequence[Candidate], reached: int
) -> dict[str, Column]:
    """What each stage says of the candidates `(n,)` by its name, if it says anything."""
    source = request.direction.source
    best = described(source, looked_at[: min(request.direction.depth, reached)])
    every = described(source, looked_at)
    stages = [(name, stage, best) for name, stage in SECOND_STAGE.items()]
    stages += [(name, stage, every) for name, stage in TOLD]
    columns = {}
    for name, stage, candidates in stages:
        stopping.check()
        values = stage(request, candidates) if candidates.items else np.zeros(0)
        if not np.isnan(values).all():
            column = np.full(len(looked_at), np.nan, values.dtype)
            column[: len(values)] = values
            columns[request.direction.model if name == MODEL else name] = column
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
