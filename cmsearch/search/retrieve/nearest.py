"""The first stage of a search: nearest neighbours by cosine, filtered, one answer an item."""

# Tested by tests/unit/cmsearch/search/test_engine.py

from __future__ import annotations

import re
import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from cmsearch.search.query.compose import QueryVector
from cmsearch.search.retrieve.shot_pooling import pooled
from cmsearch.store import filtering
from cmsearch.store.catalog import items
from cmsearch.store.catalog.filters import EVERYTHING
from cmsearch.store.store import Store
from cmsearch.store.view import View
from cmsearch.types import Filter, FloatArray, IdArray, Item, Modality

DECIMALS = 6
"""Scores are told apart at this many, so that equal vectors tie."""
_NUMBER = re.compile(r"\d+")
_LOCATORS = 4096
_REMEMBERED = 8
_MOST_REMEMBERED = 1000


class Candidate(NamedTuple):
    """An item with its best embedding and that one's cosine, or the pooled one of a shot.

    `score` orders it, and `stages` are what it is the sum of, by name. `read` is the number of the
    item whose text, which stands in it, speaks the loudest for it; 0 without one. `store` is the
    place of its store among those that are searched as one.
    """

    item: Item
    embedding: int
    cosine: float
    score: float
    stages: Mapping[str, float]
    read: int = 0
    store: int = 0

    @property
    def key(self) -> tuple[int, int]:
        """The store and the number of the item: numbers of two stores are of different items."""
        return self.store, self.item.id


class Answers(NamedTuple):
    """The candidates of one direction for one query, the best first."""

    best: Sequence[Candidate]
    """Those that the ways looked at, which are the same however many hits are wanted."""
    rest: Sequence[Candidate]
    """Further neighbours, none of which is better."""


@dataclass(frozen=True, slots=True)
class NearestRequest:
    """The items that are wanted: the `k` nearest of one modality that pass a filter."""

    modality: Modality
    k: int
    kind: str | None = None
    """The only kind of items that is wanted, if it is one."""
    where: Filter = EVERYTHING
    excluded: Sequence[Collection[int]] = ()
    """For each query the items that it may not find."""


class Retriever:
    """Finds candidates in a store. Safe from threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._allowed: dict[tuple[Any, ...], IdArray | None] = {}
        self._latest: dict[tuple[Any, ...], list[list[Candidate]]] = {}

    def search(
        self, view: View, queries: Sequence[QueryVector], request: NearestRequest
    ) -> list[list[Candidate]]:
        """For each query the items that are wanted, the best first."""
        allow = self._allow(view, request)
        vectors = np.stack([query.vector for query in queries])
        shots = _Shots(self._store, view) if request.modality is Modality.VIDEO else None
        if allow is not None or any(request.excluded) or request.k > _MOST_REMEMBERED:
            return self._search(view, vectors, request, allow, shots)
        # Texts are asked for by themselves, and as captions for their pictures.
        key = (view.version, view.space_id, request.modality, request.k, vectors.tobytes())
        found = self._latest.get(key)
        if found is None:
            found = self._search(view, vectors, request, allow, shots)
            kept = list(self._latest.items())[1 - _REMEMBERED :]
            self._latest = {**dict(kept), key: found}
        return found

    def in_files(
        self, view: View, query: QueryVector, request: NearestRequest, paths: Sequence[str]
    ) -> list[Candidate]:
        """All items in the files at some paths that are wanted, the best first."""
        modality, kind = request.modality, request.kind
        allow = items.embedding_ids(
            self._store.catalog, view.space_id, modality, kind, request.where, paths
        )
        if not len(allow):
            return []
        shots = _Shots(self._store, view) if modality is Modality.VIDEO else None
        every = replace(request, k=len(allow))
        return self._search(view, query.vector[None], every, allow, shots)[0]

    def these(self, view: View, query: QueryVector, numbers: Collection[int]) -> list[Candidate]:
        """The items of these numbers as candidates, each with its first embedding; shots pooled."""
        if not numbers:
            return []
        firsts = items.firsts(self._store.catalog, view.space_id, numbers, view.space.dim)
        candidates = []
        for embedding, (item, vector) in firsts.items():
            cosine = round(float(np.dot(vector, query.vector)), DECIMALS)
            candidates.append(Candidate(item, embedding, cosine, cosine, {}))
        if any(own.item.modality is Modality.VIDEO for own in candidates):
            return _Shots(self._store, view).pooled(query.vector, candidates)
        return candidates

    def _allow(self, view: View, request: NearestRequest) -> IdArray | None:
        """The embeddings to search among, remembered for the next query; None for all."""
        modality, kind, where = request.modality, request.kind, request.where
        if kind is None and where == EVERYTHING:
            return None
        key, known = (view.version, modality, kind, where), self._allowed
        if key in known:
            return known[key]
        allowed = filtering.allowed(self._store.catalog, view, modality, kind, where)
        with self._lock:
            kept = {old: ids for old, ids in self._allowed.items() if old[0] == view.version}
            self._allowed = {**dict(list(kept.items())[1 - _REMEMBERED :]), key: allowed}
        return allowed

    def _search(
        self,
        view: View,
        vectors: FloatArray,
        request: NearestRequest,
        allow: IdArray | None,
        shots: _Shots | None,
    ) -> list[list[Candidate]]:
        """The k best items for each query; of an item with several embeddings the best counts, or
        for `shots` all of them, pooled.

        Searches deeper until k items are found and nothing beyond them ties with the last: what is
        pooled is no more than the best, so no item that wasn't found scores more.
        """
        k, excluded = request.k, request.excluded or [()] * len(vectors)
        known: dict[int, Item] = {}
        index = view.indexes[request.modality]
        total, depth = len(index), k + 8
        while True:
            scores, ids = index.search(vectors, depth, allow=allow)
            rounded = np.round(scores.astype(np.float64), DECIMALS)
            missing = set(ids[ids >= 0].tolist()) - known.keys()
            told = view.tables.items(request.modality, missing) if view.tables else {}
            known |= items.of_embeddings(self._store.catalog, missing, told)
            rows = zip(rounded.tolist(), ids.tolist(), excluded, strict=True)
            ranked = [_collapsed(zip(*pair, strict=True), known, out) for *pair, out in rows]
            if shots is not None:
                pairs = zip(vectors, ranked, strict=True)
                ranked = [shots.pooled(query, candidates) for query, candidates in pairs]
            ends = rounded[:, -1] if rounded.shape[1] else np.full(len(rounded), -np.inf)
            if depth >= total or all(
                len(candidates) >= k and candidates[k - 1].cosine > end
                for candidates, end in zip(ranked, ends, strict=True)
            ):
                return [candidates[:k] for candidates in ranked]
            depth = min(4 * depth, total)


class _Shots:
    """Scores shots by all of their pictures, whichever of these were found."""

    def __init__(self, store: Store, view: View) -> None:
        self._catalog = store.catalog
        self._space, self._dim = view.space_id, view.space.dim
        self._known: dict[int, FloatArray] = {}

    def pooled(self, query: FloatArray, candidates: Sequence[Candidate]) -> list[Candidate]:
        """The candidates with pooled scores, in the order of these."""
        missing = {candidate.item.id for candidate in candidates} - self._known.keys()
        self._known |= items.item_pictures(self._catalog, self._space, missing, self._dim)
        return ordered(self._scored(query, candidate) for candidate in candidates)

    def _scored(self, query: FloatArray, candidate: Candidate) -> Candidate:
        pictures = self._known.get(candidate.item.id)
        if pictures is None:  # all of them are damaged
            return candidate
        cosine = min(candidate.cosine, round(pooled(query, pictures), DECIMALS))
        return candidate._replace(cosine=cosine, score=cosine)


def _collapsed(
    pairs: Iterable[tuple[float, int]], known: Mapping[int, Item], excluded: Collection[int]
) -> list[Candidate]:
    """The best score of each item, in order, without those that are excluded."""
    best: dict[int, Candidate] = {}
    for cosine, number in pairs:
        item = known.get(number)
        if item is None or item.id in excluded:
            continue
        if item.id not in best or cosine > best[item.id].cosine:
            best[item.id] = Candidate(item, number, cosine, cosine, {})
    return ordered(best.values())


def ordered(candidates: Iterable[Candidate]) -> list[Candidate]:
    """The best first; ties by store, by path and by the place in the file."""
    found = sorted(candidates, key=_score, reverse=True)
    if len({one.score for one in found}) < len(found):
        found.sort(key=_order)
    return found


_score = attrgetter("score")


def _order(candidate: Candidate) -> tuple[Any, ...]:
    item = candidate.item
    return (-candidate.score, candidate.store, item.path, _places(item.locator), item.locator)


@lru_cache(_LOCATORS)
def _places(locator: str) -> tuple[int, ...]:
    """The numbers in a locator."""
    return tuple(int(number) for number in _NUMBER.findall(locator))
