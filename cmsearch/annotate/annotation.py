"""Annotating the pictures of a store with labels, or with the captions that fit them best."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

import numpy as np

from cmsearch.annotate.zero_shot import SAMPLE, Label, Labeller, as_labels, probabilities
from cmsearch.common.arguments import check_filter
from cmsearch.errors import QueryError
from cmsearch.protocols import Encoder
from cmsearch.search.engine import Engine
from cmsearch.search.rank.hubness import nearest_neighbour_bias
from cmsearch.search.rank.stages import defaults
from cmsearch.store.catalog import items, samples
from cmsearch.store.catalog.filters import rooted
from cmsearch.store.store import Store
from cmsearch.store.view import View
from cmsearch.types import Filter, FloatArray, IdArray, Item, Modality

LEAST_LABEL = 0.5
"""A label that is less likely than this isn't given, unless asked for."""
LEAST_CAPTION = 0.15
"""Below this a caption says probably something else; it is the `DOUBTFUL` of searches."""
EVERYTHING = Filter()
_BATCH = 128
_DEPTH = 100
"""Captions at least that are looked at for each picture."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A label that a picture may show."""

    name: str
    """The label."""
    confidence: float
    """How likely it is that the picture shows it, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Described:
    """A caption of the store that may describe a picture."""

    text: str
    """The text of the caption."""
    confidence: float | None
    """The share of the store's pictures whose best caption of another is further away; None if that
    isn't known.
    """
    score: float
    """The score that orders the captions of one picture."""
    source: str
    """The file and the line that the caption stands in."""
    about: Path
    """The absolute path of the picture that it was written for."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """What is said about one picture of a store."""

    path: Path
    """The absolute path of the picture."""
    labels: tuple[Labelled, ...] = ()
    """The labels that it may show, the most likely first."""
    captions: tuple[Described, ...] = ()
    """The captions that may describe it, the best first."""


def label(
    engine: Engine,
    labels: Sequence[str | Label] | Mapping[str, Sequence[str]],
    *,
    pictures: Sequence[str | Path] = (),
    where: Filter = EVERYTHING,
    top: int = 5,
    least: float = LEAST_LABEL,
) -> Iterator[Annotation]:
    """For each picture its `top` labels of those that are at least `least` likely, by path.

    `labels` are names, `Label`s, or a mapping of names to prompts of their own. All pictures of the
    engine's store that pass the filter are labelled, or those of `pictures`, which are files and
    folders. No file is opened: the vectors of the store are used. Each label is judged alone, so
    that a picture may have several, or none. Raises `QueryError`.
    """
    wanted = as_labels(labels)
    _check(top, least)
    with serving(engine) as (view, encoder):
        chosen = _chosen(engine.store, view, pictures, where)
        labeller = Labeller(engine.store, view, encoder, wanted)
    return _labelled(engine.store, labeller, chosen, top, least)


def describe(
    engine: Engine,
    *,
    pictures: Sequence[str | Path] = (),
    where: Filter = EVERYTHING,
    top: int = 3,
    least: float = LEAST_CAPTION,
    own: bool = False,
) -> Iterator[Annotation]:
    """For each picture the `top` captions of the store that fit it best, by path.

    They are those of other pictures; with `own` also the picture's own. A text that several
    pictures have is given once. The rest is as `label` has it.
    """
    _check(top, least)
    with serving(engine) as (view, encoder):
        chosen = _chosen(engine.store, view, pictures, where)
        captions = _Captions(engine.store, view, encoder, own)
    return captions.of(chosen, top, least)


@contextmanager
def serving(engine: Engine) -> Iterator[tuple[View, Encoder]]:
    """A view of the engine's store, whose state is read within, and the encoder of its space."""
    engine.encoder  # noqa: B018  # it may take seconds to load, for which no state needs to be kept
    with engine.store.reading() as view:
        yield view, engine.encoder


def _check(top: int, least: float) -> None:
    if not isinstance(top, int) or top < 1:
        raise QueryError(f"top is a number and at least 1, not {top!r}.")
    if not isinstance(least, int | float) or not 0 <= least <= 1:
        raise QueryError(f"A confidence is a number from 0 to 1, not {least!r}.")


def _chosen(
    store: Store, view: View, pictures: Sequence[str | Path], where: Filter
) -> list[tuple[int, Item]]:
    """The pictures that are meant, each once with its first embedding, by path."""
    check_filter(where)
    where = rooted(where, store.root)
    numbers = items.embedding_ids(
        store.catalog, view.space_id, Modality.IMAGE, None, where
    ).tolist()
    by_number = items.of_embeddings(store.catalog, numbers)
    first: dict[int, tuple[int, Item]] = {}
    for number in sorted(by_number):
        if by_number[number].kind == "page":  # of a document: that is no photo
            continue
        first.setdefault(by_number[number].id, (number, by_number[number]))
    found = sorted(first.values(), key=lambda pair: (pair[1].path, pair[1].locator))
    if not pictures:
        return found
    kept: set[int] = set()
    by_path: dict[str, set[int]] = {}
    for _, item in found:
        by_path.setdefault(item.path, set()).add(item.id)
    for one in pictures:
        own = _under(store.names_of(one), by_path)
        if not own and where == EVERYTHING:
            raise QueryError(
                f"{one} is no picture, and no folder with pictures, in the index {store.name}. "
                "Run `cmsearch index` first, or name another."
            )
        kept |= own
    return [(number, item) for number, item in found if item.id in kept]


def _under(names: Sequence[str], items: Mapping[str, set[int]]) -> set[int]:
    """The items, by their paths, of a picture of one of the names, or else of such a folder."""
    own: set[int] = set().union(*(items.get(name, ()) for name in names))
    if own:  # a file is no folder, and there may be many of them to look through
        return own
    folders = tuple("" if name == "." else f"{name}/" for name in names)
    return own.union(*(ids for path, ids in items.items() if path.startswith(folders)))


def _labelled(
    store: Store, labeller: Labeller, chosen: Sequence[tuple[int, Item]], top: int, least: float
) -> Iterator[Annotation]:
    names = [one.name for one in labeller.labels]
    for some, vectors, tokens in _batches(store, labeller.dim, chosen):
        rows = probabilities(labeller.logits(vectors, tokens))
        for item, row in zip(some, rows, strict=True):
            best = [place for place in np.argsort(-row, kind="stable")[:top] if row[place] >= least]
            found = tuple(Labelled(names[place], round(float(row[place]), 4)) for place in best)
            yield Annotation(store.absolute(item.path), labels=found)


def _batches(
    store: Store, dim: int, chosen: Sequence[tuple[int, Item]]
) -> Iterator[tuple[list[Item], FloatArray, list[tuple[FloatArray, FloatArray]]]]:
    """Pictures with their vectors `(n, dim)` and the tokens of each, a few at a time."""
    for start in range(0, len(chosen), _BATCH):
        some = chosen[start : start + _BATCH]
        stored = items.contents(store.catalog, [number for number, _ in some], dim)
        there = [(item, stored[number]) for number, item in some if number in stored]
        if there:
            vectors = np.stack([vector for _, (vector, _) in there])
            yield [item for item, _ in there], vectors, [tokens for _, (_, tokens) in there]


class _Captions:
    """The captions of a store, as candidates for its pictures."""

    def __init__(self, store: Store, view: View, encoder: Encoder, own: bool) -> None:
        self._store, self._view, self._own = store, view, own
        self._dim = encoder.space.dim
        catalog = store.catalog
        self._allowed = items.embedding_ids(
            catalog, view.space_id, Modality.TEXT, "caption", EVERYTHING
        )
        if not len(self._allowed):
            raise QueryError(
                f"There is no caption in the index {store.name} to describe pictures with. Give "
                "labels with --labels FILE, or index captions."
            )
        _, self._pictures = samples.photos(catalog, view.space_id, self._dim, SAMPLE)
        kept = catalog.stages(view.space_id)
        stages = defaults(encoder.space.encoder, kept).get((Modality.IMAGE, Modality.TEXT))
        self._hubness = stages.hubness if stages else None
        self._bias: dict[int, float] = {}
        scale = view.background.get("image", {}).get("text")
        self._chance = NormalDist(scale.best, scale.spread) if scale else None

    def of(
        self, chosen: Sequence[tuple[int, Item]], top: int, least: float
    ) -> Iterator[Annotation]:
        """The best captions of each picture."""
        for some, vectors, _ in _batches(self._store, self._dim, chosen):
            for item, found in zip(some, self._nearest(some, vectors, top), strict=True):
                likely = [one for one in found if one.confidence is None or one.confidence >= least]
                yield Annotation(self._store.absolute(item.path), captions=tuple(likely[:top]))

    def _nearest(
        self, pictures: Sequence[Item], vectors: FloatArray, top: int
    ) -> list[list[Described]]:
        """For each picture at least `top` captions, if there are as many, the best first."""
        index, depth = self._view.indexes[Modality.TEXT], max(_DEPTH, 4 * top)
        while True:
            cosines, numbers = index.search(vectors, depth, allow=self._allowed)
            captions = items.of_embeddings(self._store.catalog, numbers[numbers >= 0].tolist())
            self._weigh(numbers[numbers >= 0])
            rows = zip(pictures, cosines.tolist(), numbers.tolist(), strict=True)
            found = [self._ranked(picture, row, ids, captions) for picture, row, ids in rows]
            if depth >= len(self._allowed) or all(len(one) >= top for one in found):
                return found
            depth *= 4

    def _ranked(
        self,
        picture: Item,
        cosines: Sequence[float],
        numbers: Sequence[int],
        captions: Mapping[int, Item],
    ) -> list[Described]:
        best: dict[str, Described] = {}
        for cosine, number in zip(cosines, numbers, strict=True):
            item = captions.get(number)
            if item is None or not item.text or not item.about:
                continue
            if item.about == picture.path and not self._own:
                continue
            one = self._described(item, cosine, cosine - self._bias.get(number, 0.0))
            known = best.get(item.text)
            if known is None or _order(one) < _order(known):
                best[item.text] = one
        return sorted(best.values(), key=_order)

    def _described(self, item: Item, cosine: float, score: float) -> Described:
        assert item.text is not None and item.about is not None, "a caption has both"
        likely = None if self._chance is None else round(self._chance.cdf(cosine), 4)
        source = f"{item.path}:{item.locator}" if item.locator else item.path
        about = self._store.absolute(item.about)
        return Described(item.text, likely, round(score, 6), source, about)

    def _weigh(self, numbers: IdArray) -> None:
        """Remember what is taken from each of these captions, since many pictures are near it."""
        if self._hubness is None:
            return
        new = sorted(set(numbers.tolist()) - self._bias.keys())
        stored = items.contents(self._store.catalog, new, self._dim)
        if stored:
            vectors = np.stack([vector for vector, _ in stored.values()])
            bias = nearest_neighbour_bias(vectors, self._pictures, self._hubness.k)
            found = (self._hubness.strength * bias).tolist()
            self._bias |= dict(zip(stored, found, strict=True))


def _order(one: Described) -> tuple[float, str]:
    return -one.score, one.source
