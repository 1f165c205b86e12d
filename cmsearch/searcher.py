"""The query engine: encodes what is asked, searches each modality, and merges what is found."""

from __future__ import annotations

import operator
import re
import threading
from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np

from cmsearch import store as stores
from cmsearch.errors import CmsearchError, QueryError, StoreError, StoreMismatchError
from cmsearch.queries import EncodedQueries, encode_queries
from cmsearch.registry import canonical_name, load_encoder, model_name
from cmsearch.types import (
    Encoder,
    Filter,
    FloatArray,
    Hit,
    IdArray,
    Item,
    Modality,
    Space,
    VectorIndex,
)
from cmsearch.vectors import Background

if TYPE_CHECKING:
    from cmsearch.queries import Picture

TARGETS = ("any", "image", "text", "caption", "passage")
_DECIMALS = 6  # scores are told apart at this many, so that equal vectors tie
EVERYTHING = Filter()
_KINDS = {"caption": "text", "passage": "text"}
_NUMBER = re.compile(r"\d+")


class Answer(NamedTuple):
    """An item with the cosine of its best embedding, and the score that orders it."""

    item: Item
    cosine: float
    score: float


class Engine:
    """Answers queries over a store. Safe from threads; `close` it, or use it in a `with` block."""

    def __init__(self, store: stores.Store, *, device: str | None = None) -> None:
        if store.space is None:
            raise StoreError(
                f"Nothing is indexed in {store.path} yet. Run `cmsearch index FOLDER`."
            )
        self.store = store
        self._device = device
        self._lock = threading.Lock()
        self._loaded: Encoder | None = None
        self._allowed: dict[tuple[Any, ...], IdArray] = {}

    def close(self) -> None:
        """Release the store."""
        self.store.close()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def space(self) -> Space:
        """The space that the store serves now."""
        space = self.store.view().space
        assert space is not None, "a store that has served a space serves one"
        return space

    @property
    def encoder(self) -> Encoder:
        """The encoder of the store's space, loaded at its first use."""
        return self._encoder(self.space)

    def _encoder(self, space: Space) -> Encoder:
        with self._lock:
            if self._loaded is None or self._loaded.space != space:
                self._loaded = load_encoder(model_name(space), device=self._device, space=space)
            return self._loaded

    @overload
    def search(  # type: ignore[overload-overlap]  # a str is a sequence of str; this one wins
        self,
        query: str | None = None,
        *,
        image: Picture | None = None,
        target: str = "any",
        k: int = 10,
        where: Filter = EVERYTHING,
    ) -> list[Hit]: ...
    @overload
    def search(
        self,
        query: Sequence[str],
        *,
        target: str = "any",
        k: int = 10,
        where: Filter = EVERYTHING,
    ) -> list[list[Hit]]: ...
    @overload
    def search(
        self,
        *,
        image: Sequence[Picture],
        target: str = "any",
        k: int = 10,
        where: Filter = EVERYTHING,
    ) -> list[list[Hit]]: ...

    def search(
        self,
        query: Any = None,
        *,
        image: Any = None,
        target: str = "any",
        k: int = 10,
        where: Filter = EVERYTHING,
    ) -> Any:
        """The `k` best hits for a text, or for a picture, among those that pass the filter
        `where`.

        `query` is literal text, or a list of texts; `image` is a path, the bytes of a file, a
        `PIL.Image.Image`, or a list of these. A list gives a list of lists of hits. `target` is
        one of `any`, `image`, `text`, `caption` and `passage`. A picture never finds its own
        content as an image. Raises `QueryError`, and `MediaError` for a picture that can't be read.
        """
        if target not in TARGETS:
            raise QueryError(f"There is no target {target!r}; it is one of {', '.join(TARGETS)}.")
        k = _number(k)
        _check_filter(where)
        view = self.store.view()
        queries, is_list = self._encoded(view, query, image)
        answers = self._answers(view, queries, target, k, where)
        if not self.store.is_current(view):  # it may have seen a part of what was committed since
            with self.store.still() as still:
                if still.space != view.space:
                    queries, is_list = self._encoded(still, query, image)
                answers = self._answers(still, queries, target, k, where)
        return answers if is_list else answers[0]

    def embed(self, query: Any = None, *, image: Any = None) -> FloatArray:
        """Unit vectors `(n, dim)` of texts or pictures in the store's space, one for each.

        Takes what `search` takes.
        """
        return self._encoded(self.store.view(), query, image)[0].vectors

    def _encoded(self, view: stores.View, query: Any, image: Any) -> tuple[EncodedQueries, bool]:
        assert view.space is not None, "a store that has served a space serves one"
        return encode_queries(self._encoder(view.space), query, image)

    # --- searching ---

    def _answers(
        self, view: stores.View, queries: EncodedQueries, target: str, k: int, wanted: Filter
    ) -> list[list[Hit]]:
        kind = target if target in _KINDS else None
        searched = [
            (modality, index)
            for modality, index in view.indexes.items()
            if _KINDS.get(target, target) in ("any", modality) and len(index)
        ]
        standards = _standards(view.background, queries.modality, [m for m, _ in searched])
        answers: list[list[Answer]] = [[] for _ in queries.vectors]
        catalog = self.store.catalog
        own = [catalog.paths_with_digest(one) if one else frozenset() for one in queries.digests]
        for modality, index in searched:
            allow = self._allow(view, modality, kind, wanted)
            skip = own if modality is Modality.IMAGE else None
            found = self._search(index, queries.vectors, k, allow, skip)
            for answer, hits in zip(answers, found, strict=True):
                answer += [_standardised(hit, standards.get(modality)) for hit in hits]
        return [
            [self._hit(rank, best) for rank, best in enumerate(sorted(answer, key=_order)[:k], 1)]
            for answer in answers
        ]

    def _allow(
        self, view: stores.View, modality: Modality, kind: str | None, wanted: Filter
    ) -> IdArray | None:
        """The embeddings to search among, remembered for the next query; None for all."""
        if kind is None and wanted == EVERYTHING:
            return None
        key = (view.version, modality, kind, wanted)
        with self._lock:
            if key not in self._allowed:
                ids = self.store.catalog.embedding_ids(view.space_id, modality, kind, wanted)
                kept = {old: ids for old, ids in self._allowed.items() if old[0] == view.version}
                self._allowed = {**dict(list(kept.items())[-7:]), key: ids}
            return self._allowed[key]

    def _search(
        self,
        index: VectorIndex,
        vectors: FloatArray,
        k: int,
        allow: IdArray | None,
        own: Sequence[Container[str]] | None,
    ) -> list[list[Answer]]:
        """The k best items for each query; of an item with several embeddings the best counts.

        Searches deeper until k items are found and nothing beyond them ties with the last.
        """
        known: dict[int, Item] = {}
        total, depth = len(index), k + 8
        while True:
            scores, ids = index.search(vectors, depth, allow=allow)
            rounded = np.round(scores.astype(np.float64), _DECIMALS)
            missing = set(ids[ids >= 0].tolist()) - known.keys()
            known |= self.store.catalog.items(missing)
            found = [
                _collapsed(zip(row_scores, row_ids, strict=True), known, own[row] if own else ())
                for row, (row_scores, row_ids) in enumerate(
                    zip(rounded.tolist(), ids.tolist(), strict=True)
                )
            ]
            ends = rounded[:, -1] if rounded.shape[1] else np.full(len(rounded), -np.inf)
            if depth >= total or all(
                len(hits) >= k and hits[k - 1].cosine > end
                for hits, end in zip(found, ends, strict=True)
            ):
                return [hits[:k] for hits in found]
            depth = min(4 * depth, total)

    def _hit(self, rank: int, answer: Answer) -> Hit:
        item = answer.item
        return Hit(
            rank=rank,
            score=answer.score,
            path=self.store.absolute(item.about or item.path),
            source=f"{item.path}:{item.locator}" if item.locator else item.path,
            modality=item.modality,
            kind=item.kind,
            text=item.text,
            taken=item.taken,
            stages={"cosine": answer.cosine},
        )


def open(path: str | Path = ".", *, model: str | None = None, device: str | None = None) -> Engine:
    """The engine of the store that is at, in, or above `path`.

    `model`, if given, has to be the one that the store was made with. Raises `StoreNotFoundError`
    and `StoreMismatchError`.
    """
    store = stores.Store(stores.find(Path(path)))
    try:
        engine = Engine(store, device=device)
    except CmsearchError:
        store.close()
        raise
    own = model_name(engine.space)
    if model not in (None, "auto") and canonical_name(str(model)) != own:
        engine.close()
        raise StoreMismatchError(
            f"The index was made with {own}, not with {model}. Search it without naming a model, "
            f"or let it have both: `cmsearch index FOLDER --model {model}`."
        )
    return engine


def _collapsed(
    pairs: Iterable[tuple[float, int]], known: Mapping[int, Item], own: Container[str]
) -> list[Answer]:
    """The best score of each item, in order, without the items of the assets in `own`."""
    best: dict[int, Answer] = {}
    for cosine, number in pairs:
        item = known.get(number)
        if item is None or item.path in own:
            continue
        if item.id not in best or cosine > best[item.id].cosine:
            best[item.id] = Answer(item, cosine, cosine)
    return sorted(best.values(), key=_order)


def _order(answer: Answer) -> tuple[Any, ...]:
    """The best first; ties by path and by the place in the file."""
    item = answer.item
    places = tuple(int(number) for number in _NUMBER.findall(item.locator))
    return (-answer.score, item.path, places, item.locator)


def _standards(
    background: Background, query: Modality, targets: Sequence[Modality]
) -> dict[Modality, tuple[float, float]]:
    """What to subtract from, and divide, each direction's cosines by; nothing for only one.

    A direction without a background of its own takes the mean of the others'.
    """
    if len(targets) < 2:
        return {}
    known = background.get(query, {})
    common = tuple(np.mean(list(known.values()), axis=0)) if known else (0.0, 1.0)
    return {target: known.get(target, common) for target in targets}


def _standardised(answer: Answer, standard: tuple[float, float] | None) -> Answer:
    if standard is None:
        return answer
    mean, deviation = standard
    return answer._replace(score=round((answer.cosine - mean) / deviation, _DECIMALS))


def _number(k: Any) -> int:
    try:
        number = operator.index(k)
    except TypeError:
        number = 0
    if number < 1:
        raise QueryError(f"k is the number of hits and at least 1, not {k!r}.")
    return number


_FILTER_TYPES: dict[str, Any] = {
    "path": str, "since": date, "until": date, "camera": str, "near": tuple, "has_caption": bool,
}  # fmt: skip


def _check_filter(where: Any) -> None:
    if not isinstance(where, Filter):
        raise QueryError(f"where is a cmsearch.Filter, not {type(where).__name__}.")
    for name, kind in _FILTER_TYPES.items():
        value = getattr(where, name)
        if value is not None and not isinstance(value, kind):
            raise QueryError(f"The filter {name} is a {kind.__name__}, not {value!r}.")
    if where.near is not None and len(where.near) != 3:
        raise QueryError("The filter near is degrees north, degrees east, and kilometres.")
