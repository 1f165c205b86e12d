"""The pairs of pictures and texts that a store holds, as learning takes them."""

# Tested by tests/unit/cmsearch/learning/test_fit_reranker.py

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

import numpy as np

from cmsearch.common.numbers import are_unit
from cmsearch.errors import QueryError, StoreError
from cmsearch.learning.ridge import Pairs
from cmsearch.models import adapters
from cmsearch.store.catalog import files, items, pairs
from cmsearch.store.store import Store
from cmsearch.types import FloatArray, IdArray, Space

LEAST = 30
"""Pictures with captions; fewer say nothing of others."""
LEAST_GROUPS = 10
NO_LINKS: IdArray = np.zeros((0, 2), np.int64)
"""No pairs of rows of pictures and of texts."""
MOST = 50_000
"""Pictures that are learned from; of more, some are chosen by chance."""
_ROWS = 2000
_CAMERA = re.compile(r"(?i)dcim|camera|\d+[a-z]{2,5}|[a-z]{3,4}_?\d+")
Texts = Callable[[Sequence[str]], FloatArray]
"""Encodes texts as unit vectors `(n, dim)`."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Pairs, with the embeddings that their rows are of: of pictures `(n,)`, of texts `(t,)`.

    A text that is no caption in the store has the embedding 0, and is among `others` by its row.
    `wrong (w, 2)` are rows of pictures and of texts that were marked wrong for each other.
    """

    pairs: Pairs
    pictures: IdArray
    texts: IdArray
    wrong: IdArray
    others: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Limits:
    """How many pictures are learned from, and captions of each, of more chosen by chance; and how
    many pictures may share a caption that keeps them together when some are held out.
    """

    pictures: int = MOST
    captions: int | None = None
    shared: int | None = None


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class More:
    """What is learned from besides captions: pairs of a picture's path and a text that it was
    marked right for, or `wrong`, and the names of `folders`; and what encodes these texts.
    """

    encoded: Texts
    marked: Sequence[tuple[str, str]] = ()
    wrong: Sequence[tuple[str, str]] = ()
    folders: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """A space of a store to learn in: what an adapter reads of each of its pictures."""

    store: Store
    number: int
    space: Space
    width: int
    """Values of the features that are read behind each vector; 0 for none."""

    @property
    def base(self) -> Space:
        """The space of the encoder itself."""
        return replace(self.space, adapter=None)

    def rows(self) -> Iterator[tuple[list[int], FloatArray]]:
        """The ids of pictures' embeddings and what an adapter reads of them `(n, d)`, in parts.

        Raises `StoreError` where one is damaged.
        """
        last = 0
        while rows := pairs.inputs(self.store.catalog, self.number, last, _ROWS):
            last = rows[-1][0]
            yield [row[0] for row in rows], self._inputs(rows)

    def _inputs(self, rows: Sequence[tuple[int, bytes, bytes | None]]) -> FloatArray:
        dim = self.space.dim
        try:
            found = _halves([row[1] for row in rows], dim)
            if self.width:
                found = adapters.inputs(found, _halves([row[2] or b"" for row in rows], self.width))
            if self.space.adapter is not None:  # the features are all that its adapter reads
                found = found[:, dim:]
            if not (np.isfinite(found).all() and are_unit(found[:, :dim]).all()):
                raise ValueError
        except ValueError as error:
            raise StoreError(
                f"Vectors or features of pictures in {self.store.name} are damaged. Mend them with "
                "`cmsearch doctor --repair`."
            ) from error
        return found


def source(store: Store) -> Source:
    """The space that a store serves, to learn in. Raises `StoreError`."""
    served = store.catalog.space()
    if served is None:
        raise StoreError(f"Nothing is indexed in {store.name} yet. Run `cmsearch index FOLDER`.")
    number, space = served
    lacking = len(files.lacking(store.catalog, number))
    if lacking:
        raise StoreError(f"{lacking} files are not encoded yet. Run `cmsearch index` first.")
    sizes = pairs.feature_bytes(store.catalog, number)
    width = sizes.pop() // 2 if len(sizes) == 1 else 0
    if space.adapter is None:
        return Source(store, number, space, width if width <= adapters.MAX_INPUTS else 0)
    if 0 in {width, *sizes}:
        raise StoreError(
            f"Pictures in {store.name} were imported and lack what its adapter reads. `cmsearch "
            "index --complete` encodes them."
        )
    if not space.dim <= width <= adapters.MAX_INPUTS:
        raise StoreError(
            f"What the adapter of {store.name} reads is damaged. Go back with `cmsearch rollback`."
        )
    return Source(store, number, space, width)


def examples(source: Source, more: More | None = None, limits: Limits = LIMITS) -> Examples:
    """The pictures of a store with their captions, and with what there is `more`: the names of
    folders stand for the captions of pictures that have no text else. What was marked wrong is no
    pair, whatever a caption says.

    Raises `QueryError` where there are too few.
    """
    found = [row for row in pairs.captioned(source.store.catalog, source.number) if row[2].strip()]
    wrong = set(_marked(source, more.wrong)) if more else set()
    if more is not None:
        found += [(one, 0, text) for one, text in _marked(source, more.marked)]
        found += _named(source, {row[0] for row in found}) if more.folders else []
    kept = _telling([row for row in found if (row[0], row[2]) not in wrong])
    _check_enough(source.store, {row[0] for row in kept})
    chosen = _some(sorted({row[0] for row in kept}), limits.pictures)
    kept = [row for row in kept if row[0] in chosen]
    kept = kept if limits.captions is None else _fewer(kept, limits.captions)
    texts: dict[str, int] = {}
    for _, embedding, text in kept:
        texts.setdefault(text, embedding)
    pictures = np.array(sorted(chosen), np.int64)
    links = _links(pictures, texts, {(one, text) for one, _, text in kept})
    encoded = None if more is None else more.encoded
    inputs, vectors = _read(source, chosen), _vectors(source, texts, encoded)
    linked = Pairs(inputs, vectors, links, limits.shared)
    if linked.groups.max() + 1 < LEAST_GROUPS:
        raise QueryError(
            f"The pictures share so many captions that they fall into {linked.groups.max() + 1} "
            f"groups; {LEAST_GROUPS} are needed to learn from some and to measure with others."
        )
    others = {row: text for row, (text, number) in enumerate(texts.items()) if not number}
    ids = np.array(list(texts.values()), np.int64)
    return Examples(linked, pictures, ids, _links(pictures, texts, wrong), others)


def _marked(source: Source, marked: Sequence[tuple[str, str]]) -> list[tuple[int, str]]:
    """The pictures that were marked for a text, each with that."""
    if not marked:
        return []
    rows = pairs.pictures(source.store.catalog, source.number)
    at = {path: embedding for embedding, path, *_ in rows}
    return [(at[path], text) for path, text in marked if path in at]


def _links(pictures: IdArray, texts: Mapping[str, int], linked: set[tuple[int, str]]) -> IdArray:
    """Pairs of a picture's row and a text's `(l, 2)`, of those that have both, in order."""
    row_of, column_of = (
        {one: row for row, one in enumerate(rows)} for rows in (pictures.tolist(), texts)
    )
    found = sorted(
        (row_of[one], column_of[text])
        for one, text in linked
        if one in row_of and text in column_of
    )
    return np.array(found, np.int64).reshape(-1, 2)


def _named(source: Source, captioned: set[int]) -> list[tuple[int, int, str]]:
    """The pictures without captions, each with the name of its folder, where that is one."""
    rows = []
    for embedding, path, *_ in pairs.pictures(source.store.catalog, source.number):
        name = folder_name(path)
        if name and embedding not in captioned:
            rows.append((embedding, 0, name))
    return rows


def folder_name(path: str) -> str:
    """The name of a file's folder as a text; empty where a camera or a number gave it."""
    name = PurePosixPath(path).parent.name
    if _CAMERA.fullmatch(name):
        return ""
    words = re.sub(r"[_\-+.]+", " ", name).split()
    return " ".join(word for word in words if not word.isdigit())


def _telling(rows: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Without texts of more than half of the pictures, which tell none from another."""
    pictures = len({row[0] for row in rows})
    often = Counter(text for _, text in {(row[0], row[2]) for row in rows})
    return [row for row in rows if 2 * often[row[2]] <= pictures]


def _check_enough(store: Store, pictures: set[int]) -> None:
    if len(pictures) < LEAST:
        raise QueryError(
            f"{len(pictures)} pictures in {store.name} have captions that tell them apart; at "
            f"least {LEAST} are needed to learn from. Add captions, mark hits as right with "
            "`cmsearch mark`, or take the names of folders with --use-folders."
        )


def _some(ids: list[int], most: int) -> set[int]:
    chosen = np.random.default_rng(0).permutation(len(ids))[:most]
    return {ids[place] for place in chosen.tolist()}


def _fewer(rows: list[tuple[int, int, str]], each: int) -> list[tuple[int, int, str]]:
    """At most `each` captions of a picture, chosen by chance."""
    seen: Counter[int] = Counter()
    kept = set()
    for place in np.random.default_rng(0).permutation(len(rows)).tolist():
        seen[rows[place][0]] += 1
        if seen[rows[place][0]] <= each:
            kept.add(place)
    return [row for place, row in enumerate(rows) if place in kept]


def _read(source: Source, chosen: set[int]) -> FloatArray:
    """What an adapter reads of the chosen pictures, in the order of their ids."""
    parts = []
    for ids, rows in source.rows():
        parts.append(rows[[place for place, one in enumerate(ids) if one in chosen]])
    return np.concatenate(parts)


def _vectors(source: Source, texts: Mapping[str, int], encoded: Texts | None) -> FloatArray:
    """The vectors `(t, dim)` of texts: their captions' own, or encoded now."""
    found = np.zeros((len(texts), source.space.dim), np.float32)
    rows = {one: row for row, one in enumerate(texts.values()) if one}
    ids = sorted(rows)
    for start in range(0, len(ids), _ROWS):
        some = items.contents(source.store.catalog, ids[start : start + _ROWS], source.space.dim)
        for one, (vector, _) in some.items():
            found[rows[one]] = vector
    named = [(row, text) for row, (text, one) in enumerate(texts.items()) if not one]
    if named and encoded is not None:
        found[[row for row, _ in named]] = encoded([text for _, text in named])
    if not are_unit(found).all():
        raise StoreError(
            f"Vectors of captions in {source.store.name} are damaged. Mend them with `cmsearch "
            "doctor --repair`."
        )
    return found


def _halves(blobs: Sequence[bytes], width: int) -> FloatArray:
    """Blobs of float16 values as `(n, width)`; raises `ValueError` for others."""
    if any(len(blob) != 2 * width for blob in blobs):
        raise ValueError("a blob of another length")
    rows: FloatArray = np.frombuffer(b"".join(blobs), "<f2").reshape(-1, width).astype(np.float32)
    return rows
