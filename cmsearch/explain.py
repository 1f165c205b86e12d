"""Why a picture ranks as it does for a sentence: each stage's score, what each word looks at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from glob import escape
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from cmsearch.attention import attention_map
from cmsearch.errors import QueryError
from cmsearch.measured import Table, defaults
from cmsearch.ranking import Ranking, stages
from cmsearch.store import Store, View
from cmsearch.types import Encoder, Filter, FloatArray, Hit, Modality, Role
from cmsearch.words import Scope

SIDE = 3
REGIONS = (
    *("top left", "top", "top right"),
    *("left", "centre", "right"),
    *("bottom left", "bottom", "bottom right"),
    "whole picture",
)
"""A picture's tokens in their order: its cells row by row and, with most encoders, all of it."""
EVERYTHING = Filter()
_FIRST = 100  # hits looked through for the picture; then eight times as many
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a query, and where it looks in a picture.

    `weight` is its share of the query's words, which sum to 1. `attention (t,)` is how much it
    attends to each of the picture's tokens, named by `REGIONS`, and sums to 1. `similarity` is the
    mean of its cosines to them, weighted by that.
    """

    text: str
    weight: float
    similarity: float
    attention: FloatArray


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a picture ranks as it does for a sentence.

    `rank`, `score`, `relevance` and `stages` are those of its hit in a search among the store's
    `pictures`; a rank of None is that of a picture which the approximate index doesn't find.
    `caption` is the one that the stage `caption` compares, `matched` the words that the stage
    `words` found. `words` is empty where the encoder gives no regions, or where the query has only
    words that weigh nothing. The regions cover the whole picture, or the part in its middle whose
    width and height `crop` gives in short sides of the picture.
    """

    query: str
    path: Path
    pictures: int
    rank: int | None = None
    score: float | None = None
    relevance: float | None = None
    stages: Mapping[str, float] = field(default_factory=dict)
    caption: str | None = None
    matched: tuple[str, ...] = ()
    words: tuple[Word, ...] = ()
    crop: tuple[float, float] | None = None


@runtime_checkable
class Regional(Protocol):
    """What an encoder offers beside the protocol `Encoder` if its tokens can be shown.

    The tokens of a picture are then the cells that `REGIONS` names, with or without the last.
    """

    def words(self, batch: Sequence[Any], role: Role) -> list[list[str]]:
        """The word that each token of n prepared texts stands for."""
        ...

    def crop(self) -> tuple[float, float] | None:
        """Width and height of the part in the middle that the cells cover, in short sides of the
        picture; None for the whole.
        """
        ...


class Searcher(Protocol):
    """What is needed of the engine."""

    @property
    def store(self) -> Store: ...
    @property
    def encoder(self) -> Encoder: ...
    def search(self, query: str, *, target: str, k: int, where: Filter) -> list[Hit]: ...


def explain(engine: Searcher, query: str, path: Path) -> Explanation:
    """Why the picture at `path` ranks as it does for a text.

    Raises `QueryError` for a text that can't be searched for, and for a path that is no picture of
    the engine's store.
    """
    if not isinstance(query, str):
        raise QueryError(f"Only a text can be explained, not {type(query).__name__}.")
    while True:  # until no other generation has begun to serve meanwhile
        view, encoder = engine.store.view(), engine.encoder
        if encoder.space == view.space:
            found = _explained(engine, view, encoder, query, path)
            if engine.store.view().space == view.space:
                return found


def _explained(
    engine: Searcher, view: View, encoder: Encoder, query: str, path: Path
) -> Explanation:
    name, embedding = _located(engine.store, view, path)
    place = engine.store.absolute(name)
    hit = _hit(engine, query, place, "image", EVERYTHING)
    found = hit.stages if hit else {}
    own = Filter(path=escape(name))
    caption = _hit(engine, query, place, "caption", own) if "caption" in found else None
    kept = engine.store.catalog.setting(f"stages {view.space_id}")
    table = defaults(encoder.space.encoder, kept)
    words = _words(encoder, table, query, engine.store, embedding)
    return Explanation(
        query,
        place,
        pictures=len(view.indexes[Modality.IMAGE]),
        rank=hit.rank if hit else None,
        score=hit.score if hit else None,
        relevance=hit.relevance if hit else None,
        stages=found,
        caption=caption.text if caption else None,
        matched=_matched(engine.store, view, query, embedding, own) if "words" in found else (),
        words=tuple(words),
        crop=encoder.crop() if words and isinstance(encoder, Regional) else None,
    )


def _located(store: Store, view: View, path: Path) -> tuple[str, int]:
    """The path of a picture in the catalog, and its embedding."""
    names = store.names_of(path)
    images = store.catalog.images_at(view.space_id, names)
    for name in names:
        if name in images:
            return name, images[name]
    assets = store.catalog.assets()
    asset = next((assets[name] for name in names if name in assets), None)
    if asset is None:
        raise QueryError(
            f"{path} is not in the index {store.path}. Name a picture that is, or run "
            "`cmsearch index` first."
        )
    if asset.error is not None:
        raise QueryError(f"{path} could not be indexed: {asset.error}.")
    raise QueryError(f"{path} is no indexed picture; only pictures have regions to look at.")


def _hit(engine: Searcher, query: str, place: Path, target: str, where: Filter) -> Hit | None:
    """The best hit of a kind for the picture at `place`, however deep it is."""
    k = _FIRST
    while True:
        hits = engine.search(query, target=target, k=k, where=where)
        found = next((hit for hit in hits if hit.path == place), None)
        if found is not None or len(hits) < k:
            return found
        k *= 8


def _matched(store: Store, view: View, query: str, embedding: int, own: Filter) -> tuple[str, ...]:
    """The exact words of the query that the picture's path or one of its captions has."""
    item = store.catalog.items([embedding])[embedding].id
    scope = Scope(view.space_id, Modality.IMAGE, None, own)
    matches = store.catalog.match(query, _MOST, scope)
    return next((match.words for match in matches if match.item == item), ())


def _words(encoder: Encoder, table: Table, query: str, store: Store, embedding: int) -> list[Word]:
    """The query's words and what they find among the picture's tokens; none without regions."""
    item = store.catalog.contents([embedding], encoder.space.dim)[embedding][1]
    named = _named_tokens(encoder, query)
    if not named or len(item[0]) not in (SIDE**2, len(REGIONS)):
        return []
    vectors = np.stack([vector for _, vector, _ in named])
    weights = np.array([weight for _, _, weight in named], np.float32)
    chosen = stages(Ranking(rerank="attention"), table, Modality.TEXT, Modality.IMAGE).attention
    assert chosen is not None, "attention was asked for by its name"
    attention = attention_map((vectors, weights), item, chosen.temperature)
    similarities = (attention * (vectors @ item[0].T)).sum(1)
    rows = zip(named, weights / weights.sum(), similarities, attention, strict=True)
    return [
        Word(text, float(weight), float(similarity), row)
        for (text, _, _), weight, similarity, row in rows
    ]


def _named_tokens(encoder: Encoder, query: str) -> list[tuple[str, FloatArray, float]]:
    """The words of a text with their vectors `(dim,)` and weights, as the reranker takes them."""
    if not isinstance(encoder, Regional):
        return []
    batch = [encoder.prepare(piece, Modality.TEXT) for piece in encoder.split(query)]
    for role in (Role.QUERY, Role.DOCUMENT):  # an encoder may leave them out of queries
        found = encoder.encode(batch, Modality.TEXT, role)
        if found.tokens is not None and found.weights is not None:
            texts = encoder.words(batch, role)
            return [
                (text, found.tokens[row, column], float(found.weights[row, column]))
                for row, words in enumerate(texts)
                for column, text in enumerate(words)
            ]
    return []
