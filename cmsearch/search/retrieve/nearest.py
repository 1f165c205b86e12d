"""The first stage of a search: nearest neighbours by cosine, filtered, one answer an item."""

from __future__ import annotations

import re
import threading
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from cmsearch.protocols import VectorIndex
from cmsearch.search.query.compose import QueryVector
from cmsearch.search.retrieve.shot_pooling import pooled
from cmsearch.store.catalog import items
from cmsearch.store.store import Store
from cmsearch.store.view import View
from cmsearch.types import Filter, FloatArray, IdArray, Item, Modality

DECIMALS = 6
"""Scores are told apart at this many, so that equal vectors tie."""
EVERYTHING = Filter()
_NUMBER = re.compile(r"\d+")


class Candidate(NamedTuple):
    """An item with its best embedding and that one's cosine, or the pooled one of a shot.

    `score` orders it, and `stages` are what was added to the cosine, by name.
    """

    item: Item
    embedding: int
    cosine: float
    score: float
    stages: Mapping[str, float]


class Retriever:
    """Finds candidates in a store. Safe from threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._allowed: dict[tuple[Any, ...], IdArray] = {}

    def search(
        self,
        view: View,
        queries: Sequence[QueryVector],
        modality: Modality,
        kind: str | None,
        k: int,
        where: Filter,
        barred: Sequence[Container[int]] = (),
    ) -> list[list[Candidate]]:
        """For each query the k best items of a modality, and of one kind, if given, without those
        that are `barred` to it.
        """
        allow = self._allow(view, modality, kind, where)
        vectors = np.stack([query.vector for query in queries])
        bars = barred or [()] * len(queries)
        shots = _Shots(self._store, view) if modality is Modality.VIDEO else None
        return self._search(view.indexes[modality], vectors, k, allow, bars, shots)

    def of(
        self,
        view: View,
        query: QueryVector,
        modality: Modality,
        kind: str | None,
        where: Filter,
        paths: Sequence[str],
    ) -> list[Candidate]:
        """All items in the files at some paths, the best first."""
        catalog = self._store.catalog
        allow = items.embedding_ids(catalog, view.space_id, modality, kind, where, paths)
        shots = _Shots(self._store, view) if modality is Modality.VIDEO else None
        index, vectors = view.indexes[modality], query.vector[None]
        return self._search(index, vectors, len(allow), allow, [()], shots)[0] if len(allow) else []

    def _allow(
        self, view: View, modality: Modality, kind: str | None, wanted: Filter
    ) -> IdArray | None:
        """The embeddings to search among, remembered for the next query; None for all."""
        if kind is None and wanted == EVERYTHING:
            return None
        key = (view.version, modality, kind, wanted)
        found = self._allowed.get(key)
        if found is None:
            catalog = self._store.catalog
            found = items.embedding_ids(catalog, view.space_id, modality, kind, wanted)
            with self._lock:
                kept = {old: ids for old, ids in self._allowed.items() if old[0] == view.version}
                self._allowed = {**dict(list(kept.items())[-7:]), key: found}
        return found

    def _search(
        self,
        index: VectorIndex,
        vectors: FloatArray,
        k: int,
        allow: IdArray | None,
        barred: Sequence[Container[int]],
        shots: _Shots | None,
    ) -> list[list[Candidate]]:
        """The k best items for each query; of an item with several embeddings the best counts, or
        for `shots` all of them, pooled.

        Searches deeper until k items are found and nothing beyond them ties with the last: what is
        pooled is no more than the best, so no item that wasn't found scores more.
        """
        known: dict[int, Item] = {}
        total, depth = len(index), k + 8
        while True:
            scores, ids = index.search(vectors, depth, allow=allow)
            rounded = np.round(scores.astype(np.float64), DECIMALS)
            missing = set(ids[ids >= 0].tolist()) - known.keys()
            known |= items.of_embeddings(self._store.catalog, missing)
            found = [
                _collapsed(zip(row_scores, row_ids, strict=True), known, barred[row])
                for row, (row_scores, row_ids) in enumerate(
                    zip(rounded.tolist(), ids.tolist(), strict=True)
                )
            ]
            if shots is not None:
                pairs = zip(vectors, found, strict=True)
                found = [shots.pooled(query, answers) for query, answers in pairs]
            ends = rounded[:, -1] if rounded.shape[1] else np.full(len(rounded), -np.inf)
            if depth >= total or all(
                len(hits) >= k and hits[k - 1].cosine > end
                for hits, end in zip(found, ends, strict=True)
            ):
                return [hits[:k] for hits in found]
            depth = min(4 * depth, total)


class _Shots:
    """Scores shots by all of their pictures, whichever of these were found."""

    def __init__(self, store: Store, view: View) -> None:
        self._catalog = store.catalog
        self._space, self._dim = view.space_id, view.space.dim
        self._known: dict[int, FloatArray] = {}

    def pooled(self, query: FloatArray, answers: Sequence[Candidate]) -> list[Candidate]:
        """The answers with pooled scores, in the order of these."""
        missing = {answer.item.id for answer in answers} - self._known.keys()
        self._known |= items.item_pictures(self._catalog, self._space, missing, self._dim)
        return sorted((self._scored(query, answer) for answer in answers), key=order)

    def _scored(self, query: FloatArray, answer: Candidate) -> Candidate:
        pictures = self._known.get(answer.item.id)
        if pictures is None:  # all of them are damaged
            return answer
        cosine = min(answer.cosine, round(pooled(query, pictures), DECIMALS))
        return answer._replace(cosine=cosine, score=cosine)


def _collapsed(
    pairs: Iterable[tuple[float, int]], known: Mapping[int, Item], barred: Container[int]
) -> list[Candidate]:
    """The best score of each item, in order, without those that are barred."""
    best: dict[int, Candidate] = {}
    for cosine, number in pairs:
        item = known.get(number)
        if item is None or item.id in barred:
            continue
        if item.id not in best or cosine > best[item.id].cosine:
            best[item.id] = Candidate(item, number, cosine, cosine, {})
    return sorted(best.values(), key=order)


def order(answer: Candidate) -> tuple[Any, ...]:
    """The best first; ties by path and by the place in the file."""
    item = answer.item
    places = tuple(int(number) for number in _NUMBER.findall(item.locator))
    return (-answer.score, item.path, places, item.locator)
