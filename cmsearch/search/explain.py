"""Why a picture, or another item, ranks as it does for a sentence, or for a picture and a sentence:
each stage's score, what each word looks at, and how the two are joined.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from glob import escape
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from cmsearch.common.arguments import checked_query
from cmsearch.errors import QueryError
from cmsearch.models.fusion_network import Fused
from cmsearch.protocols import Encoder
from cmsearch.search.looking import Regional, Word, looking, named_words
from cmsearch.search.query.encode import encode_queries
from cmsearch.search.rank.attention import Tokens
from cmsearch.search.rank.second_stage import Ranking
from cmsearch.store.catalog import files, fulltext, items, notes
from cmsearch.store.catalog.fulltext import Scope
from cmsearch.store.store import Store
from cmsearch.store.view import View
from cmsearch.types import (
    MAX_TOKENS,
    NO_NOTES,
    Filter,
    Hit,
    Modality,
    Notes,
    Place,
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
    locator: str = ""
    """The page or the times in its file that it is, as `cmsearch.common.locators` reads it."""


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


class _Subject(NamedTuple):
    """What is explained: a picture with all that is about it, or another item by itself."""

    name: str
    """The path of its file in the catalog."""
    number: int
    """The number of its item."""
    modality: Modality
    embedding: int | None
    """The first of a picture."""
    locator: str = ""
    is_photo: bool = False
    """Whether its file is all of it, so that its path tells its hit."""


class _Asked(NamedTuple):
    """A query with its text, and with the part that is a picture if it has one."""

    query: str | Query
    text: str
    picture: QueryPart | None = None


def explain(
    engine: Searcher, query: str | Query, of: Path | int, among: Among = ALL
) -> Explanation:
    """Why the picture at a path, or the item of a number, ranks as it does for a text, or for a
    picture and a text.

    Raises `QueryError` for a query that can't be searched for or is another one, for a path that is
    no picture of the engine's store, and for a number that none of its items has; `MediaError` for
    a film that can't be read.
    """
    asked = _asked(query)
    engine.encoder  # noqa: B018  # it may take seconds to load, for which no state needs to be kept
    with engine.store.reading() as view:
        store = engine.store
        subject = _item(store, view, of) if isinstance(of, int) else _photo(store, view, of)
        return _explained(engine, view, asked, subject, among)


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
    engine: Searcher, view: View, asked: _Asked, subject: _Subject, among: Among
) -> Explanation:
    store, encoder = engine.store, engine.encoder
    hit = _hit(engine, asked.query, subject, among)
    scores = hit.stages if hit else {}
    own = Filter(path=f"./{escape(subject.name)}")
    caption = _caption(engine, asked.query, subject, own) if "caption" in scores else None
    tokens = _tokens(store, encoder, subject)
    words = looking(encoder, store, view, asked.text, tokens) if tokens else []
    noted = notes.of_files(store.catalog, [subject.name]).get(subject.name, notes.NOTHING)
    return Explanation(
        asked.text,
        store.absolute(subject.name),
        pictures=_count(store, view, subject.modality, among.where),
        rank=hit.rank if hit else None,
        score=hit.score if hit else None,
        relevance=hit.relevance if hit else None,
        stages=scores,
        caption=caption,
        lines=hit.lines if hit else (),
        matched=_matched(store, view, asked.text, subject, own) if "words" in scores else (),
        words=tuple(words),
        crop=encoder.crop() if words and isinstance(encoder, Regional) else None,
        joined=_joined(engine, encoder, asked),
        notes=noted.notes,
        taken_source=noted.source,
        locator=subject.locator,
    )


def _count(store: Store, view: View, modality: Modality, where: Filter) -> int:
    """How many embeddings of a modality pass a filter."""
    space, indexes = view.space_id, view.indexes
    if modality is Modality.SOUND and view.sounds is not None:
        space, indexes = view.sounds.space_id, view.sounds.indexes
    if where == EVERYTHING:
        return len(indexes[modality])
    return len(items.embedding_ids(store.catalog, space, modality, None, where))


def _tokens(store: Store, encoder: Encoder, subject: _Subject) -> Tokens | None:
    """The tokens of a picture, as they are stored; those of the frame in the middle of a shot are
    made anew, since the stored ones are of several frames. None for what is no picture.
    """
    if subject.modality is Modality.VIDEO:
        place = Place(store.absolute(subject.name), subject.locator)
        (asked,), _ = encode_queries(encoder, None, [place])
        (frame,) = asked.parts
        if frame.tokens is None or frame.weights is None:
            return None
        return frame.tokens, frame.weights
    if subject.embedding is None:
        return None
    found = items.contents(store.catalog, [subject.embedding], encoder.space.dim)
    return found[subject.embedding][1]


def _joined(engine: Searcher, encoder: Encoder, asked: _Asked) -> Joined | None:
    """How the picture and the text of a query become one; a weight is of the search alone."""
    if asked.picture is None:
        return None
    fused = engine.transform(image=asked.picture.content, text=asked.text)
    named = [
        name for name, _, weight in named_words(encoder, asked.text, Role.DOCUMENT) if weight > 0
    ]
    return Joined(fused, tuple(named[:MAX_TOKENS]))


def _photo(store: Store, view: View, path: Path) -> _Subject:
    """The picture at a path."""
    names = store.names_of(path)
    images = items.images_at(store.catalog, view.space_id, names)
    for name in names:
        if name in images:
            return _photo_called(store, name, images[name])
    assets = files.assets(store.catalog)
    asset = next((assets[name] for name in names if name in assets), None)
    if asset is None:
        raise QueryError(
            f"{path} is not in the index {store.name}. Name a picture that is, or run "
            "`cmsearch index` first."
        )
    if asset.error is not None:
        raise QueryError(f"{path} could not be indexed: {asset.error}.")
    raise QueryError(f"{path} is no indexed picture; only pictures have regions to look at.")


def _photo_called(store: Store, name: str, embedding: int) -> _Subject:
    number = items.of_embeddings(store.catalog, [embedding])[embedding].id
    return _Subject(name, number, Modality.IMAGE, embedding, is_photo=True)


def _item(store: Store, view: View, number: int) -> _Subject:
    """The item of a number; of one that is about a picture, or was read in it, that picture."""
    item = items.numbered(store.catalog, [number]).get(number)
    if item is None:
        raise QueryError(f"There is no item {number} in {store.name}; it may have been deleted.")
    name = item.about or item.path
    images = items.images_at(store.catalog, view.space_id, [name])
    if name in images:
        return _photo_called(store, name, images[name])
    dim, embedding = view.space.dim, None
    if item.modality is Modality.IMAGE:
        embedding = next(iter(items.firsts(store.catalog, view.space_id, [number], dim)), None)
    return _Subject(name, number, item.modality, embedding, item.locator)


def _hit(engine: Searcher, query: str | Query, subject: _Subject, among: Among) -> Hit | None:
    """The best hit that is what is explained, however deep it is among those meant."""
    place = engine.store.absolute(subject.name)

    def is_meant(hit: Hit) -> bool:
        return hit.path == place if subject.is_photo else hit.item == subject.number

    return _best(engine, query, subject.modality, is_meant, among)


def _caption(engine: Searcher, query: str | Query, subject: _Subject, own: Filter) -> str | None:
    """The caption of a picture that comes nearest to a query."""
    place = engine.store.absolute(subject.name)
    best = _best(engine, query, "caption", lambda hit: hit.path == place, Among(own))
    return best.text if best else None


def _best(
    engine: Searcher,
    query: str | Query,
    target: str,
    is_meant: Callable[[Hit], bool],
    among: Among,
) -> Hit | None:
    where, ranking, depth = among
    k = _FIRST if depth is None else min(_FIRST, depth)
    while True:
        hits = engine.search(query, target=target, k=k, where=where, ranking=ranking)
        best = next(filter(is_meant, hits), None)
        if best is not None or len(hits) < k or k == depth:
            return best
        k = 8 * k if depth is None or 16 * k < depth else depth


def _matched(
    store: Store, view: View, query: str, subject: _Subject, own: Filter
) -> tuple[str, ...]:
    """The exact words of the query that an item, its path or one of its captions has."""
    scope = Scope(view.space_id, subject.modality, None, own)
    matches = fulltext.match(store.catalog, query, _MOST, scope)
    return next((match.words for match in matches if match.item == subject.number), ())
