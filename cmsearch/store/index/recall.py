"""How much of the true nearest is found, and how far a search has to go for that."""

# Tested by tests/unit/cmsearch/store/index/test_recall.py

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cmsearch.protocols import VectorIndex, VectorRows
from cmsearch.store.index.ivf import Depth, Searcher
from cmsearch.store.index.rows import chunks
from cmsearch.types import FloatArray, IdArray

WANTED = {20: 0.994, 120: 0.987, 1024: 0.987}
"""By how many are searched for, the share of the true nearest that a depth of its own has to find.

Searches for 10 and for 100 look a little further, to see what ties.
"""
TOLD = (10, 100)
"""For how many the recall is told."""
_LEAST_ROWS, _MOST_ROWS = 64, 16_384
_PER_ROW, _PER_CODE = 0.4, 0.025
"""What comparing a row exactly costs, and by its code; only the quotient matters."""


def exact(rows: VectorRows, queries: FloatArray, k: int, among: IdArray | None = None) -> IdArray:
    """The k nearest rows `(n, min(k, rows))` to each of the queries `(n, dim)`, the best first."""
    return exact_in(chunks(rows, among), queries, k)


def exact_in(parts: Iterable[tuple[NDArray[Any], IdArray]], queries: FloatArray, k: int) -> IdArray:
    """The numbers of the k nearest of vectors that come in parts, each with its numbers."""
    best: NDArray[Any] = np.empty((len(queries), 0), np.float32)
    found: NDArray[Any] = np.empty((len(queries), 0), np.int64)
    for part, numbers in parts:
        scores = np.nan_to_num(queries @ part.astype(np.float32).T, nan=-np.inf)
        best = np.concatenate([best, scores], 1)
        found = np.concatenate([found, np.broadcast_to(numbers, scores.shape)], 1)
        if best.shape[1] > k:
            kept = np.argpartition(-best, k - 1, axis=1)[:, :k]
            best, found = np.take_along_axis(best, kept, 1), np.take_along_axis(found, kept, 1)
    order = np.argsort(-best, axis=1, kind="stable")
    return np.take_along_axis(found, order, 1)


def depths(searcher: Searcher, rows: VectorRows, queries: FloatArray) -> tuple[Depth, ...]:
    """The cheapest depths that find the `WANTED` share of the nearest to queries `(n, dim)`."""
    counts = [k for k in WANTED if 4 * k <= rows.size[0]] or [min(WANTED)]
    truth = exact(rows, queries, counts[-1])
    cheapest: dict[int, tuple[float, Depth]] = {}
    for lists in _steps(4, len(searcher.lists.sizes)):
        scanned = _PER_CODE * rows.size[0] * lists / len(searcher.lists.sizes)
        if len(cheapest) == len(counts) and all(scanned > cost for cost, _ in cheapest.values()):
            break
        places = _places(searcher, queries, Depth(0, lists, _MOST_ROWS), truth)
        for k in counts:
            for most in _steps(max(k, _LEAST_ROWS), _MOST_ROWS):
                cost = scanned + _PER_ROW * most
                is_enough = (places[:, :k] < most).mean() >= WANTED[k]
                if is_enough and cost < cheapest.get(k, (np.inf,))[0]:
                    cheapest[k] = cost, Depth(k, lists, most)
    last = Depth(0, len(searcher.lists.sizes), _MOST_ROWS)
    return tuple(cheapest[k][1] if k in cheapest else last._replace(k=k) for k in counts)


def measured(
    index: VectorIndex, ids: IdArray, rows: VectorRows, queries: FloatArray
) -> dict[str, float]:
    """The recall of an index for as many as are `TOLD`, of as many queries, against all rows."""
    told = {"rows": float(rows.size[0]), "queries": float(len(queries))}
    if not len(queries) or not rows.size[0]:
        return told
    truth = ids[exact(rows, queries, max(TOLD))]
    return told | {str(k): share(index.search(queries, k)[1], truth[:, :k]) for k in TOLD}


def share(found: IdArray, truth: IdArray) -> float:
    """The share of the true ids `(n, k)` that were found for each of n queries."""
    pairs = zip(truth, found, strict=True)
    return round(float(np.mean([np.isin(*pair).mean() for pair in pairs])), 4)


def _steps(first: int, last: int) -> Iterator[int]:
    """Numbers up to the last, each about a third more than the one before."""
    number = first
    while number < last:
        yield number
        number += max(1, number // 3)
    yield last


def _places(searcher: Searcher, queries: FloatArray, depth: Depth, truth: IdArray) -> IdArray:
    """Where among the candidates each of the true nearest is; beyond them for one that isn't."""
    places = np.full(truth.shape, _MOST_ROWS, np.int64)
    for row, query in enumerate(searcher.turned(queries)):
        candidates = searcher.candidates(query[None], depth)[0]
        order = np.argsort(candidates)
        at = np.searchsorted(candidates, truth[row], sorter=order).clip(max=len(order) - 1)
        here = candidates[order[at]] == truth[row]
        places[row, here] = order[at][here]
    return places
