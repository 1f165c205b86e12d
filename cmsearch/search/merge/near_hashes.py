"""Which pictures look alike from afar: pairs of coarse hashes that correlate, however turned.

Up to `EXACT` pictures all pairs are compared. Of more, each picture is in the lists of the
centroids that it is nearest to, and is compared with what is in those that it, turned in each of
the eight ways, is nearest to: an inverted file, as for vectors. The centroids are closed under
turning, so that one comparison with them tells the lists of all eight.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from math import isqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cmsearch.media import phash
from cmsearch.types import FloatArray, IdArray

NEAR = 0.7
"""Pairs whose coarse hashes correlate less, however turned, are not looked at any further."""
EXACT = 4_096
"""Of so many pictures all pairs are compared."""
BLOCK = 16_384
"""So many places are best given at a time."""
MOST = 2**20
"""Pairs at most that are found at a time."""
_ROWS = 512
_LISTS = 10
"""In so many lists each picture is, and in so many it is looked for, turned in each way. Of the
pairs that are near-duplicates by being laid over each other 0.999 are found, and all of one frame:
docs/duplicates.md."""
_CELLS = 2**21  # compared at a time
_ALONE = 2**18  # multiplications that OpenBLAS does in the thread that asks for them
_PER_CENTROID = 64
_ROUNDS = 8
_FREQUENCY = np.hypot(*np.indices((phash.COARSE, phash.COARSE))).astype(np.float32)


class Near(NamedTuple):
    """Pairs of a picture and an earlier one, how the first has to be turned, and how near they are
    then; all `(m,)`, in the order of the pairs.
    """

    own: IdArray
    other: IdArray
    orientation: IdArray
    correlation: FloatArray

    def among(self, kept: NDArray[np.bool_] | IdArray | slice) -> Near:
        """Some of the pairs."""
        own, other, orientation, correlation = self
        return Near(own[kept], other[kept], orientation[kept], correlation[kept])

    def joined(self, other: Near) -> Near:
        """The pairs of both, in order; each once."""
        return _best([self, other])


_PLACES = np.zeros(0, np.int64)
_NONE = Near(_PLACES, _PLACES, _PLACES, np.zeros(0, np.float32))


class NearHashes:
    """Finds the pairs among the pictures of which the coarse hashes `(n, 64)` are given."""

    def __init__(self, low: FloatArray) -> None:
        self._low = low
        self._lists = _Lists(low) if len(low) > EXACT else None

    @property
    def is_exact(self) -> bool:
        """Whether all pairs are compared."""
        return self._lists is None

    def pairs(self, block: IdArray, stays: NDArray[np.bool_]) -> Near | None:
        """For the pictures of a block, by their places in order, those before them that `stay (n,)`
        and are near; None where that would be too many for one block.
        """
        parts, count = [_NONE], 0
        for part in self._found(block, stays):
            if len(part.own):
                parts.append(part)
                count += len(part.own)
            if count > MOST and len(block) > 1:
                return None
        return _best(parts)

    def of(self, own: IdArray, other: IdArray) -> Near:
        """Those of given pairs that are near."""
        scores = np.stack(
            [
                np.einsum("nd,nd->n", turned, self._low[other])
                for turned in _all_turned(self._low[own])
            ]
        )
        orientation = scores.argmax(0)
        found = Near(own, other, orientation, scores.max(0, initial=-1))
        return found.among(found.correlation >= NEAR)

    def _found(self, block: IdArray, stays: NDArray[np.bool_]) -> Iterator[Near]:
        if self._lists is not None:
            stays = stays.copy()
            stays[block[-1] + 1 :] = False
            yield from self._lists.near(block, stays)
            return
        targets = np.flatnonzero(stays[: block[-1] + 1])
        for start in range(0, len(block), _ROWS):
            own = block[start : start + _ROWS]
            for orientation, turned in enumerate(_all_turned(self._low[own])):
                numbers = np.full(len(own), orientation)
                yield _compared(turned, own, numbers, self._low[targets], targets)


class _Lists:
    """Pictures by the centroids that they are nearest to."""

    def __init__(self, low: FloatArray) -> None:
        import faiss

        self._low = low
        base = isqrt(len(low))
        index = faiss.IndexFlatIP(low.shape[1])
        index.add(np.concatenate(_all_turned(_learned(low, base))))
        self._base = base
        self._nearest = np.empty((len(low), _LISTS), np.int32)
        for start in range(0, len(low), BLOCK):
            some = slice(start, start + BLOCK)
            self._nearest[some] = index.search(_told(low[some]), _LISTS)[1]
        order = np.argsort(self._nearest.reshape(-1), kind="stable")
        self._members = (order // _LISTS).astype(np.int32)
        sizes = np.bincount(self._nearest.reshape(-1), minlength=index.ntotal)
        self._bounds = np.concatenate([[0], np.cumsum(sizes)])

    def near(self, block: IdArray, stays: NDArray[np.bool_]) -> Iterator[Near]:
        """The pairs of a block with what stays, list by list; a pair may come several times."""
        wanted = stays[self._members]
        members = self._members[wanted]
        bounds = np.concatenate([[0], np.cumsum(wanted)])[self._bounds]
        turned = np.concatenate(_all_turned(self._low[block]))
        orientation, centroid = np.divmod(self._nearest[block], self._base)
        asked = np.concatenate([of[orientation] * self._base + centroid for of in _composed()])
        order = np.argsort(asked.reshape(-1), kind="stable")
        lists, visitors = asked.reshape(-1)[order], order // _LISTS
        starts = np.flatnonzero(np.r_[True, lists[1:] != lists[:-1]]).tolist()
        for start, end in pairwise([*starts, len(lists)]):
            number = lists[start]
            there = members[bounds[number] : bounds[number + 1]]
            step = _CELLS // max(len(there), 1) + 1
            for first in range(start, end if len(there) else start, step):
                some = visitors[first : min(first + step, end)]
                numbers, places = np.divmod(some, len(block))
                yield _compared(turned[some], block[places], numbers, self._low[there], there)


def _compared(
    turned: FloatArray, own: IdArray, orientation: IdArray, low: FloatArray, other: NDArray[Any]
) -> Near:
    scores = _products(turned, low).reshape(-1)
    found = np.flatnonzero(scores >= NEAR)
    if not len(found):
        return _NONE
    one, two = np.divmod(found, len(other))
    near = Near(own[one], other[two].astype(np.int64), orientation[one], scores[found])
    return near.among(near.other < near.own)


def _products(one: FloatArray, other: FloatArray) -> FloatArray:
    """Those of all rows, a few at a time: for more the library of matrices would start threads,
    whose waiting takes as much processor time as the work.
    """
    step = max(1, _ALONE // other.size)
    found = np.empty((len(one), len(other)), np.float32)
    even = len(one) // step * step
    stacked = one[:even].reshape(-1, step, one.shape[1])
    np.matmul(stacked, other.T, out=found[:even].reshape(-1, step, len(other)))
    found[even:] = one[even:] @ other.T
    return found


def _best(parts: Sequence[Near]) -> Near:
    """Each pair once, turned as it is nearest, in order."""
    near = Near(
        np.concatenate([part.own for part in parts]),
        np.concatenate([part.other for part in parts]),
        np.concatenate([part.orientation for part in parts]),
        np.concatenate([part.correlation for part in parts]),
    )
    pairs = near.own * (near.own.max(initial=0) + 1) + near.other
    order = np.lexsort((near.orientation, -near.correlation, pairs))
    first = np.ones(len(order), bool)
    first[1:] = pairs[order[1:]] != pairs[order[:-1]]
    return near.among(order[first])


def _learned(low: FloatArray, count: int) -> FloatArray:
    """Centroids `(count, 64)` of pictures of chance, turned by chance, always the same ones."""
    import faiss

    random = np.random.default_rng(0)
    some = np.sort(random.permutation(len(low))[: _PER_CENTROID * count])
    turns = random.integers(0, phash.ORIENTATIONS, len(some))
    square = low[some].reshape(-1, phash.COARSE, phash.COARSE)
    means = faiss.Kmeans(
        low.shape[1], count, niter=_ROUNDS, spherical=True, seed=1,
        min_points_per_centroid=1, max_points_per_centroid=_PER_CENTROID,
    )  # fmt: skip
    means.train(_told(phash.turned(square, turns).reshape(len(some), -1)))
    return np.nan_to_num(np.asarray(means.centroids, np.float32))


def _told(low: FloatArray) -> FloatArray:
    """Coarse hashes `(n, 64)` in which low frequencies count more: crops change these less."""
    rows = np.nan_to_num(low) / np.sqrt(np.maximum(_FREQUENCY, 1)).reshape(-1)
    result: FloatArray = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return result


def _all_turned(low: FloatArray) -> list[FloatArray]:
    """Coarse hashes `(n, 64)` turned in each way."""
    square = low.reshape(-1, phash.COARSE, phash.COARSE)
    return [
        phash.turned(square, orientation).reshape(low.shape)
        for orientation in range(phash.ORIENTATIONS)
    ]


@cache
def _composed() -> NDArray[np.int64]:
    """The orientation of what is in one (columns) and is turned by another (rows), `(8, 8)`."""
    some = np.random.default_rng(0).normal(size=(1, phash.COARSE**2)).astype(np.float32)
    turned = np.concatenate(_all_turned(some))
    again = np.stack(_all_turned(turned))
    found: NDArray[np.int64] = (again @ turned.T).argmax(-1)
    return found
