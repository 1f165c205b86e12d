"""Why a picture ranks as it does for a sentence, or for a picture and a sentence: each stage's
score, what each word looks at, and how the two are joined.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from glob import escape
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from cmsearch.common.arguments import checked_query
from cmsearch.errors import QueryError
from cmsearch.models.fusion_network import Fused
from cmsearch.protocols import Encoder
from cmsearch.search.rank.attention import attention_map, centred
from cmsearch.search.rank.banks import Banks
from cmsearch.search.rank.second_stage import Ranking, stages
from cmsearch.search.rank.stages import Table, defaults
from cmsearch.search.regions import REGIONS, SIDE
from cmsearch.store.catalog import files, fulltext, items, notes
from cmsearch.store.catalog.fulltext import Scope
from cmsearch.store.store import Store
from cmsearch.store.view import View
from cmsearch.types import (
    MAX_TOKENS,
    NO_NOTES,
    Filter,
    FloatArray,
    Hit,
    Modality,
    Notes,
    Query,
    QueryPart,
    Role,
    TextLine,
)

EVERYTHING = Filter()
DEFAULT = Ranking()
_FIRST = 100  # hits looked through for the picture; then eight times as many
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a query, and where it looks in a picture."""

    text: str
    """The word."""
    weight: float
    """Its share of the query's words, which sum to 1."""
    similarity: float
    """The mean of its similarities to the picture's tokens, weighted by `attention`. They are its
    cosines, less what the prompt that it stands in has of them where attention takes that off.
    """
    attention: FloatArray
    """How much it attends to each of the picture's tokens `(t,)`, which `REGIONS` names; it sums
    to 1.
    """


@dataclass(frozen=True, slots=True)
class Joined:
    """How the picture and the text of a query become one."""

    fused: Fused
    """Their vector and what each attends to. The columns of `by_text` after the first are the
    regions of the query's picture that `REGIONS` names.
    """
    words: tuple[str, ...] = ()
    """The words that the rows of `fused.by_text` after the first stand for, as far as the encoder
    names them.
    """


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a picture ranks as it does for a sentence, alone or with another picture."""

    query: str
    """The text of the query."""
    path: Path
    """The absolute path of the picture."""
    pictures: int
    """The number of pictures in the store, or of those that pass the filter."""
    rank: int | None = None
    """Its rank among them; None if it isn't found, as by the approximate index, or is deeper than
    was looked.
    """
    score: float | None = None
    """The score of its hit."""
    relevance: float | None = None
    """The relevance of its hit."""
    stages: Mapping[str, float] = field(default_factory=dict)
    """The score of each stage by its name."""
    caption: str | None = None
    """The caption that the stage `caption` compares."""
    lines: tuple[TextLine, ...] = ()
    """The lines of text in the picture that the stage `ocr` found, with their boxes."""
    matched: tuple[str, ...] = ()
    """The words that the stage `words` found."""
    words: tuple[Word, ...] = ()
    """Where each word of the query looks; empty if the encoder gives no regions, or no word weighs
    anything.
    """
    crop: tuple[float, float] | None = None
    """The width and height, in short sides of the picture, of the part in its middle that the
    regions cover; None for the whole picture.
    """
    joined: Joined | None = None
    """How the picture and the text of the query are joined, if it has both."""
    notes: Notes = NO_NOTES
    """What people and programs wrote about the picture."""
    taken_source: str | None = None
    """What says when it was taken, as `cmsearch.media.moments.SOURCES` lists it."""


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
    """The part of the engine that an explanation needs."""

    @property
    def store(self) -> Store:
        """The store that is searched."""
        ...

    @property
    def encoder(self) -> Encoder:
        """The encoder of its space."""
        ...

    def search(
        self, query: str | Query, *, target: str, k: int, where: Filter, ranking: Ranking
    ) -> list[Hit]:
        """Give the best hits for a query."""
        ...

    def transform(self, *, image: Any, text: str) -> Fused:
        """Give a picture and a text as one vector."""
        ...


class Among(NamedTuple):
    """The hits among which a picture is explained, and how they are found."""

    where: Filter = EVERYTHING
    """What they pass."""
    ranking: Ranking = DEFAULT
    """What orders them."""
    depth: int | None = None
    """How many are looked through; None looks through all."""


ALL = Among()


class _Asked(NamedTuple):
    """A query with its text, and with the part that is a picture if it has one."""

    query: str | Query
    text: str
    picture: QueryPart | None = None


def explain(engine: Searcher, query: str | Query, path: Path, among: Among = ALL) -> Explanation:
    """Why the picture at `path` ranks as it does for a text, or for a picture and a text.

    Raises `QueryError` for a query that can't be searched for or is another one, and for a path
    that is no picture of the engine's store.
    """
    asked = _asked(query)
    engine.encoder  # noqa: B018  # it may take seconds to load, for which no state needs to be kept
    with engine.store.reading() as view:
        return _explained(engine, view, asked, path, among)


def _asked(query: Any) -> _Asked:
    if isinstance(query, str):
        return _Asked(query, query)
    if not isinstance(query, Query):
        raise QueryError(f"Only a text can be explained, not {type(query).__name__}.")
    query = checked_query(query)
    texts = [part for part in query.parts if part.modality is Modality.TEXT]
    pictures = [part for part in query.parts if part.modality is Modality.IMAGE]
    is_sum = any(part.weight <= 0 for part in query.parts) or query.without
    if len(texts) != 1 or len(pictures) != len(query.parts) - 1 or len(pictures) > 1 or is_sum:
        raise QueryError("Only a text can be explained, or one text with one picture.")
    return _Asked(query, str(texts[0].content), *pictures)


def _explained(
    engine: Searcher, view: View, asked: _Asked, path: Path, among: Among
) -> Explanation:
    encoder = engine.encoder
    name, embedding = _located(engine.store, view, path)
    place, text = engine.store.absolute(name), asked.text
    hit = _hit(engine, asked.query, place, "image", among)
    scores = hit.stages if hit else {}
    own = Filter(path=f"./{escape(name)}")
    has_caption = "caption" in scores
    caption = _hit(engine, asked.query, place, "caption", Among(own)) if has_caption else None
    kept = engine.store.catalog.stages(view.space_id)
    table = defaults(encoder.space.encoder, kept)
    words = _words(encoder, table, text, engine.store, embedding)
    noted = notes.of_files(engine.store.catalog, [name]).get(name, notes.NOTHING)
    return Explanation(
        text,
        place,
        pictures=_count(engine.store, view, among.where),
        rank=hit.rank if hit else None,
        score=hit.score if hit else None,
        relevance=hit.relevance if hit else None,
        stages=scores,
        caption=caption.text if caption else None,
        lines=hit.lines if hit else (),
        matched=_matched(engine.store, view, text, embedding, own) if "words" in scores else (),
        words=tuple(words),
        crop=encoder.crop() if words and isinstance(encoder, Regional) else None,
        joined=_joined(engine, encoder, asked),
        notes=noted.notes,
        taken_source=noted.source,
    )


def _count(store: Store, view: View, where: Filter) -> int:
    """How many pictures pass a filter."""
    if where == EVERYTHING:
        return len(view.indexes[Modality.IMAGE])
    return len(items.embedding_ids(store.catalog, view.space_id, Modality.IMAGE, None, where))


def _joined(engine: Searcher, encoder: Encoder, asked: _Asked) -> Joined | None:
    """How the picture and the text of a query become one; a weight is of the search alone."""
    if asked.picture is None:
        return None
    fused = engine.transform(image=asked.picture.content, text=asked.text)
    named = [name for name, _, weight in _named(encoder, asked.text, Role.DOCUMENT) if weight > 0]
    return Joined(fused, tuple(named[:MAX_TOKENS]))


def _located(store: Store, view: View, path: Path) -> tuple[str, int]:
    """The path of a picture in the catalog, and its embedding."""
    names = store.names_of(path)
    images = items.images_at(store.catalog, view.space_id, names)
    for name in names:
        if name in images:
            return name, images[name]
    assets = files.assets(store.catalog)
    asset = next((assets[name] for name in names if name in assets), None)
    if asset is None:
        raise QueryError(
            f"{path} is not in the index {store.path}. Name a picture that is, or run "
            "`cmsearch index` first."
        )
    if asset.error is not None:
        raise QueryError(f"{path} could not be indexed: {asset.error}.")
    raise QueryError(f"{path} is no indexed picture; only pictures have regions to look at.")


def _hit(
    engine: Searcher, query: str | Query, place: Path, target: str, among: Among
) -> Hit | None:
    """The best hit of a kind for the picture at `place`, however deep it is among those meant."""
    where, ranking, depth = among
    k = _FIRST if depth is None else min(_FIRST, depth)
    while True:
        hits = engine.search(query, target=target, k=k, where=where, ranking=ranking)
        best = next((hit for hit in hits if hit.path == place), None)
        if best is not None or len(hits) < k or k == depth:
            return best
        k = 8 * k if depth is None or 16 * k < depth else depth


def _matched(store: Store, view: View, query: str, embedding: int, own: Filter) -> tuple[str, ...]:
    """The exact words of the query that the picture's path or one of its captions has."""
    item = items.of_embeddings(store.catalog, [embedding])[embedding].id
    scope = Scope(view.space_id, Modality.IMAGE, None, own)
    matches = fulltext.match(store.catalog, query, _MOST, scope)
    return next((match.words for match in matches if match.item == item), ())


def _words(encoder: Encoder, table: Table, query: str, store: Store, embedding: int) -> list[Word]:
    """The query's words and what they find among the picture's tokens; none without regions."""
    item = items.contents(store.catalog, [embedding], encoder.space.dim)[embedding][1]
    named = _named_tokens(encoder, query)
    if not named or len(item[0]) not in (SIDE**2, len(REGIONS)):
        return []
    vectors = np.stack([vector for _, vector, _ in named])
    weights = np.array([weight for _, _, weight in named], np.float32)
    chosen = stages(Ranking(rerank="attention"), table, Modality.TEXT, Modality.IMAGE).attention
    assert chosen is not None, "attention was asked for by its name"
    vectors, weights = centred((vectors, weights), chosen, Banks(store), encoder)
    attention = attention_map((vectors, weights), item, chosen.temperature)
    similarities = (attention * (vectors @ item[0].T)).sum(1)
    rows = zip(named, weights / weights.sum(), similarities, attention, strict=True)
    return [
        Word(text, float(weight), float(similarity), row)
        for (text, _, _), weight, similarity, row in rows
    ]


def _named_tokens(encoder: Encoder, query: str) -> list[tuple[str, FloatArray, float]]:
    """The words of a text with their vectors `(dim,)` and weights, as the reranker takes them."""
    # An encoder may leave them out of queries.
    return _named(encoder, query, Role.QUERY) or _named(encoder, query, Role.DOCUMENT)


def _named(encoder: Encoder, query: str, role: Role) -> list[tuple[str, FloatArray, float]]:
    """The words of a text with their vectors and weights, if the encoder gives them in a role."""
    if not isinstance(encoder, Regional):
        return []
    batch = [encoder.prepare(piece, Modality.TEXT) for piece in encoder.split(query)]
    encoding = encoder.encode(batch, Modality.TEXT, role)
    if encoding.tokens is None or encoding.weights is None:
        return []
    return [
        (text, encoding.tokens[row, column], float(encoding.weights[row, column]))
        for row, words in enumerate(encoder.words(batch, role))
        for column, text in enumerate(words)
    ]
