"""The query engine: encodes what is asked, searches each modality, and merges what is found."""

from __future__ import annotations

import operator
import threading
from collections.abc import Sequence
from datetime import date
from heapq import merge
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from cmsearch import store as stores
from cmsearch.errors import CmsearchError, QueryError, StoreError, StoreMismatchError
from cmsearch.explain import Explanation, explain
from cmsearch.matching import MATCHES, Matcher
from cmsearch.queries import encode_queries
from cmsearch.ranking import Ranking, SecondStage, Stages, depth_of, stages
from cmsearch.registry import canonical_name, load_encoder, load_reranker, model_name
from cmsearch.relevance import relevance
from cmsearch.retrieval import DECIMALS, Answer, Retriever, order
from cmsearch.types import EncodedQuery, Encoder, Filter, FloatArray, Hit, Modality, Reranker, Space
from cmsearch.vectors import Background

if TYPE_CHECKING:
    from cmsearch.queries import Picture

TARGETS = ("any", "image", "text", "caption", "passage")
EVERYTHING = Filter()
DEFAULT = Ranking()
_KINDS = {"caption": "text", "passage": "text"}


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
        self._rerankers: dict[str, Reranker] = {}
        self._retriever = Retriever(store)

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

    def _reranker(self, name: str) -> Reranker:
        with self._lock:
            if name not in self._rerankers:
                loaded = load_reranker(name, device=self._device, download=True)
                self._rerankers = {name: loaded}
            return self._rerankers[name]

    @overload
    def search(  # type: ignore[overload-overlap]  # a str is a sequence of str; this one wins
        self,
        query: str | None = None,
        *,
        image: Picture | None = None,
        target: str = "any",
        k: int = 10,
        where: Filter = EVERYTHING,
        ranking: Ranking = DEFAULT,
    ) -> list[Hit]: ...
    @overload
    def search(
        self,
        query: Sequence[str],
        *,
        target: str = "any",
        k: int = 10,
        where: Filter = EVERYTHING,
        ranking: Ranking = DEFAULT,
    ) -> list[list[Hit]]: ...
    @overload
    def search(
        self,
        *,
        image: Sequence[Picture],
        target: str = "any",
        k: int = 10,
        where: Filter = EVERYTHING,
        ranking: Ranking = DEFAULT,
    ) -> list[list[Hit]]: ...

    def search(
        self,
        query: Any = None,
        *,
        image: Any = None,
        target: str = "any",
        k: int = 10,
        where: Filter = EVERYTHING,
        ranking: Ranking = DEFAULT,
    ) -> Any:
        """The `k` best hits for a text, or for a picture, among those that pass the filter
        `where`.

        `query` is literal text, or a list of texts; `image` is a path, the bytes of a file, a
        `PIL.Image.Image`, or a list of these. A list gives a list of lists of hits. `target` is
        one of `any`, `image`, `text`, `caption` and `passage`. A picture never finds its own
        content as an image. `ranking` says what orders the hits after the first stage. Raises
        `QueryError`, and `MediaError` for a picture that can't be read.
        """
        if target not in TARGETS:
            raise QueryError(f"There is no target {target!r}; it is one of {', '.join(TARGETS)}.")
        k = _number(k)
        _check_filter(where)
        _check_ranking(ranking)
        view = self.store.view()
        queries, is_list = self._encoded(view, query, image)
        answers = self._answers(view, queries, target, k, where, ranking)
        if not self.store.is_current(view):  # it may have seen a part of what was committed since
            with self.store.still() as still:
                if still.space != view.space:
                    queries, is_list = self._encoded(still, query, image)
                answers = self._answers(still, queries, target, k, where, ranking)
        return answers if is_list else answers[0]

    def embed(self, query: Any = None, *, image: Any = None) -> FloatArray:
        """Unit vectors `(n, dim)` of texts or pictures in the store's space, one for each.

        Takes what `search` takes.
        """
        queries, _ = self._encoded(self.store.view(), query, image)
        rows = [one.vector for one in queries]
        return np.array(rows, np.float32).reshape(-1, self.space.dim)

    def explain(self, query: str, path: str | Path) -> Explanation:
        """Why a picture of the store ranks as it does for a text; see `Explanation`.

        Raises `QueryError`, also for a path that is no picture of the store.
        """
        return explain(self, query, Path(path))

    def _encoded(
        self, view: stores.View, query: Any, image: Any
    ) -> tuple[list[EncodedQuery], bool]:
        assert view.space is not None, "a store that has served a space serves one"
        return encode_queries(self._encoder(view.space), query, image)

    # --- searching ---

    def _answers(
        self,
        view: stores.View,
        queries: Sequence[EncodedQuery],
        target: str,
        k: int,
        where: Filter,
        ranking: Ranking,
    ) -> list[list[Hit]]:
        """First stage, second stage and merging, one direction after the other."""
        if not queries:
            return []
        kind = target if target in _KINDS else None
        searched = [
            modality
            for modality, index in view.indexes.items()
            if _KINDS.get(target, target) in ("any", modality) and len(index)
        ]
        standards = _standards(view.background, queries[0].modality, searched)
        directions: list[list[list[Answer]]] = [[] for _ in queries]
        for modality in searched:
            found = self._direction(view, queries, modality, kind, k, where, ranking)
            for own, hits in zip(directions, found, strict=True):
                own.append(_standardised(hits, standards.get(modality)))
        # Merging, unlike sorting, keeps the order of those in one direction that tie.
        best = [list(islice(merge(*own, key=order), k)) for own in directions]
        return [self._hits(view, queries[0].modality, found, ranking) for found in best]

    def _hits(
        self,
        view: stores.View,
        asked: Modality,
        answers: Sequence[Answer],
        ranking: Ranking,
    ) -> list[Hit]:
        hits: list[Hit] = []
        for answer in answers:
            likely = relevance(
                view.background, asked, answer.item.modality, answer.cosine, answer.stages
            )
            if likely is None or likely >= ranking.min_relevance:
                hits.append(self._hit(len(hits) + 1, answer, likely))
        return hits

    def _direction(
        self,
        view: stores.View,
        queries: Sequence[EncodedQuery],
        modality: Modality,
        kind: str | None,
        k: int,
        where: Filter,
        ranking: Ranking,
    ) -> list[list[Answer]]:
        """At least the k best answers to each query in one modality, through both stages.

        As many as were looked at: those beyond the k best have a part in standardising.
        """
        assert view.space is not None
        asked = queries[0].modality
        run = stages(ranking, view.space.encoder, asked, modality)
        written = asked is Modality.TEXT and modality is Modality.IMAGE
        written = written and ranking.match != "picture"
        deadline = None if ranking.budget is None else perf_counter() + ranking.budget
        looked_at = depth_of(ranking, run)
        depth = max(k, looked_at) if run != Stages() or written else k
        found = self._retriever.search(view, queries, modality, kind, depth, where)
        if run != Stages():
            second = SecondStage(
                self.store,
                view,
                self._encoder(view.space),
                run,
                looked_at,
                reranker=self._reranker(run.model) if run.model else None,
                deadline=deadline,
            )
            found = [second.reranked(*one) for one in zip(queries, found, strict=True)]
        if written:
            matcher = Matcher(self.store, view, self._retriever)
            # A fusion of longer rankings would order those at their beginnings differently.
            length = looked_at if ranking.match == "all" else depth
            found = matcher.fused(queries, found, ranking.match, length, where)
        return found

    def _hit(self, rank: int, answer: Answer, likely: float | None) -> Hit:
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
            stages={"cosine": answer.cosine, **answer.stages},
            relevance=likely,
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


def _check_ranking(ranking: Any) -> None:
    if not isinstance(ranking, Ranking):
        raise QueryError(f"ranking is a cmsearch.Ranking, not {type(ranking).__name__}.")
    if ranking.match not in MATCHES:
        raise QueryError(f"There is no match {ranking.match!r}; it is one of {', '.join(MATCHES)}.")
    depth_of(ranking, stages(ranking, "", Modality.TEXT, Modality.IMAGE))  # raises for wrong ones


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


def _standardised(answers: Sequence[Answer], standard: tuple[float, float] | None) -> list[Answer]:
    """The answers, best first, with scores that compare with those of other directions.

    Those are the standardised cosines, given out in the order that the second stage has made.
    """
    if standard is None:
        return list(answers)
    mean, deviation = standard
    cosines = sorted((answer.cosine for answer in answers), reverse=True)
    return [
        answer._replace(score=round((cosine - mean) / deviation, DECIMALS))
        for answer, cosine in zip(answers, cosines, strict=True)
    ]
