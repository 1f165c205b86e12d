"""The approximate index: lists of rows around centroids, each row as one bit a dimension.

It is IVF with RaBitQ (Gao and Long, 2024), searched by FAISS and kept as plain arrays. FAISS's own
format is not read: a damaged or a crafted file of it can lead anywhere.
"""

# Tested by tests/unit/cmsearch/store/index/test_ivf.py

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import isqrt, prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cmsearch.protocols import VectorRows
from cmsearch.store.index.rows import CHUNK, chunks
from cmsearch.types import FloatArray, IdArray

_FORMAT = 1
_HEADER = 8
_PER_CENTROID = 40
"""Rows at most for each centroid that these are learned from."""
_ROUNDS = 7
_QUERY_BITS = 4
MOST_CANDIDATES = 65_536
"""Rows at most that a query is compared with exactly."""


class Depth(NamedTuple):
    """How far a search for up to `k` rows goes: that many lists, and rows compared exactly."""

    k: int
    lists: int
    rows: int


@dataclass(frozen=True, slots=True)
class Lists:
    """What is kept of an index of n rows in m lists; each row is in one of them.

    `learned` is the number of rows that there were when the centroids were.
    """

    learned: int
    depths: tuple[Depth, ...]
    rotation: FloatArray
    """Of shape `(dim, dim)`: bits tell the more the more alike the dimensions are."""
    centroids: FloatArray
    """Of shape `(m, dim)`, rotated."""
    sizes: NDArray[np.int32]
    """How many rows each list has `(m,)`."""
    order: NDArray[np.int32]
    """The rows of each list, one list after the other `(n,)`."""
    codes: NDArray[np.uint8]
    """What is kept of each row `(n, width)`, in this order."""

    def packed(self, *, follows: bool = False) -> NDArray[np.uint8]:
        """All of it as bytes; of what `follows` lists with the same centroids, the rows alone."""
        dim, (rows, width) = len(self.rotation), self.codes.shape
        depths = () if follows else self.depths
        head = [_FORMAT, dim, len(self.sizes), rows, width, len(depths), self.learned, int(follows)]
        arrays: list[NDArray[Any]] = [np.array(head, "<i4")]
        if not follows:
            arrays += [np.array([tuple(depth) for depth in depths], "<i4").reshape(-1)]
            arrays += [self.rotation.astype("<f4"), self.centroids.astype("<f4")]
        arrays += [self.sizes.astype("<i4"), self.order.astype("<i4"), self.codes]
        return np.concatenate([one.reshape(-1).view(np.uint8) for one in arrays])


def unpacked(kept: NDArray[np.uint8], rows: int, dim: int, first: Lists | None = None) -> Lists:
    """What `packed` gave for so many rows, of which some may follow the `first` lists.

    Raises `ValueError` for what can't be that.
    """
    if len(kept) < 4 * _HEADER:
        raise ValueError("it is too short")
    head = kept[: 4 * _HEADER].view("<i4").tolist()
    form, own_dim, lists, own_rows, width, depths, learned, follows = head
    if (form, own_dim, own_rows, width) != (_FORMAT, dim, rows, code_width(dim)):
        raise ValueError("it is of other vectors")
    if follows != (first is not None) or not (lists > 0 and learned > 0):
        raise ValueError("a number is out of range")
    shapes: list[tuple[str, tuple[int, ...]]]
    shapes = [("<i4", (lists,)), ("<i4", (rows,)), ("|u1", (rows, width))]
    if first is not None:
        if lists != len(first.sizes):
            raise ValueError("it is of other lists than the first")
        sizes, order, codes = _arrays(kept, shapes)
        own = replace(first, sizes=sizes, order=order, codes=codes)
    else:
        if not (lists <= rows and 0 < depths <= 8):
            raise ValueError("a number is out of range")
        shapes[:0] = [("<i4", (depths, 3)), ("<f4", (dim, dim)), ("<f4", (lists, dim))]
        settings, rotation, centroids, sizes, order, codes = _arrays(kept, shapes)
        read = tuple(Depth(*map(int, row)) for row in settings)
        own = Lists(learned, read, rotation, centroids, sizes, order, codes)
    _check(own, rows)
    return own


def _arrays(
    kept: NDArray[np.uint8], shapes: list[tuple[str, tuple[int, ...]]]
) -> list[NDArray[Any]]:
    """The arrays that come after the header, one after the other."""
    if len(kept) != 4 * _HEADER + sum(int(kind[2]) * prod(shape) for kind, shape in shapes):
        raise ValueError("it is of another length")
    found, start = list[NDArray[Any]](), 4 * _HEADER
    for kind, shape in shapes:
        end = start + int(kind[2]) * prod(shape)
        found.append(kept[start:end].view(kind).reshape(shape))
        start = end
    return found


def joined(parts: Sequence[Lists]) -> Lists:
    """The lists of rows that come one part after the other, with the centroids of the first."""
    if len(parts) == 1:
        return parts[0]
    numbers = np.arange(len(parts[0].sizes), dtype=np.int32)
    by_list = np.argsort(
        np.concatenate([np.repeat(numbers, one.sizes) for one in parts]), kind="stable"
    )
    starts = np.cumsum([0, *(len(one.order) for one in parts)])
    order = np.concatenate(
        [one.order + np.int32(start) for one, start in zip(parts, starts[:-1], strict=True)]
    )
    return replace(
        parts[0],
        sizes=np.sum([one.sizes for one in parts], axis=0, dtype=np.int32),
        order=order[by_list],
        codes=np.concatenate([one.codes for one in parts])[by_list],
    )


def _check(lists: Lists, rows: int) -> None:
    """Raise `ValueError` where a list would lead out of the rows, or a number is none."""
    if lists.sizes.min() < 0 or int(lists.sizes.sum(dtype=np.int64)) != rows:
        raise ValueError("its lists are longer or shorter than what is in them")
    if lists.order.min() < 0 or lists.order.max() >= rows:
        raise ValueError("a row is out of range")
    if (np.bincount(lists.order, minlength=rows) != 1).any():
        raise ValueError("a row is in no list or in several")
    for numbers in (lists.rotation, lists.centroids):
        if not (np.abs(numbers) <= 1.01).all():  # which is false for what is no number, too
            raise ValueError("a direction is none")
    for depth in lists.depths:
        if min(depth) <= 0 or depth.rows > MOST_CANDIDATES:
            raise ValueError("a depth is out of range")


def code_width(dim: int) -> int:
    """The bytes of a row's code: a bit a dimension, and two float32 that correct it."""
    return (dim + 7) // 8 + 8


def learned(rows: VectorRows) -> tuple[FloatArray, FloatArray]:
    """A rotation `(dim, dim)` and the centroids `(m, dim)`, rotated, of rows of chance."""
    import faiss

    count, dim = rows.size
    random = np.random.default_rng(0)
    rotation = np.linalg.qr(random.normal(size=(dim, dim)))[0].astype(np.float32)
    lists = max(1, 2 * isqrt(count))
    some = np.sort(random.permutation(count)[: _PER_CENTROID * lists])
    sample = np.empty((len(some), dim), np.float32)
    for start in range(0, len(some), CHUNK):  # float32 of all at once would be several copies
        part = rows.at(some[start : start + CHUNK]).astype(np.float32)
        sample[start : start + CHUNK] = _finite(part) @ rotation
    means = faiss.Kmeans(
        dim, lists, niter=_ROUNDS, spherical=True, seed=1,
        min_points_per_centroid=1, max_points_per_centroid=_PER_CENTROID,
    )  # fmt: skip
    means.train(sample)
    centroids = np.nan_to_num(np.asarray(means.centroids, np.float32))
    return rotation, centroids.clip(-1, 1)


def filled(
    rows: VectorRows, rotation: FloatArray, centroids: FloatArray, former: Known | None = None
) -> Lists:
    """The lists of all rows; those that the `former` ones had are taken from there."""
    count, dim = rows.size
    places = np.zeros(count, np.int32)
    codes = np.empty((count, code_width(dim)), np.uint8)
    missing = None
    if former is not None:
        old = np.empty(len(former.lists.order), np.int64)
        old[former.lists.order] = np.arange(len(old))  # where each row of before is in the order
        kept = np.flatnonzero(former.rows >= 0)
        at = old[former.rows[kept]]
        codes[kept] = former.lists.codes[at]
        places[kept] = np.repeat(np.arange(len(centroids)), former.lists.sizes)[at]
        missing = np.flatnonzero(former.rows < 0)
    index = _empty(centroids)
    for numbers, lists, own in _encoded(index, rows, rotation, missing):
        places[numbers], codes[numbers] = lists, own
    order = np.argsort(places, kind="stable").astype(np.int32)
    sizes = np.bincount(places, minlength=len(centroids)).astype(np.int32)
    learned_of = former.lists.learned if former else count
    depths = former.lists.depths if former else ()
    return Lists(learned_of, depths, rotation, centroids, sizes, order, codes[order])


class Known(NamedTuple):
    """Lists of former rows, and for each new row which of them it was, or −1."""

    lists: Lists
    rows: IdArray


def tuned(lists: Lists, depths: tuple[Depth, ...]) -> Lists:
    """The same lists, of which a search goes as deep."""
    return replace(lists, depths=depths)


def _encoded(
    index: Any, rows: VectorRows, rotation: FloatArray, missing: IdArray | None
) -> Iterator[tuple[IdArray, IdArray, NDArray[np.uint8]]]:
    """The numbers of rows, their lists, and their codes, some rows after the other."""
    import faiss

    for part, numbers in chunks(rows, missing):
        if not len(part):
            continue
        turned = _finite(part.astype(np.float32)) @ rotation
        _, lists = index.quantizer.search(turned, 1)
        lists = np.ascontiguousarray(lists[:, 0].clip(min=0), np.int64)
        codes = np.empty((len(turned), index.code_size), np.uint8)
        index.encode_vectors(
            len(turned), *(faiss.swig_ptr(one) for one in (turned, lists, codes.reshape(-1)))
        )
        yield numbers, lists, codes


def _finite(rows: FloatArray) -> FloatArray:
    found: FloatArray = np.ascontiguousarray(np.nan_to_num(rows, posinf=0, neginf=0))
    return found


def _empty(centroids: FloatArray) -> Any:
    """FAISS's index of these centroids, without rows."""
    import faiss

    dim = centroids.shape[1]
    quantizer = faiss.IndexFlatIP(dim)
    quantizer.add(np.ascontiguousarray(centroids, np.float32))
    index = faiss.IndexIVFRaBitQ(
        quantizer, dim, len(centroids), faiss.METRIC_INNER_PRODUCT, True, 1
    )
    quantizer.this.disown()
    index.is_trained, index.own_fields, index.qb = True, True, _QUERY_BITS
    return index


class Searcher:
    """Finds the rows whose codes say that they may be the nearest. Safe from threads."""

    def __init__(self, lists: Lists) -> None:
        import faiss

        self.lists = lists
        self._index = _empty(lists.centroids)
        ids = lists.order.astype(np.int64)
        codes = np.ascontiguousarray(lists.codes)
        ends = np.cumsum(lists.sizes, dtype=np.int64).tolist()
        for number, (size, end) in enumerate(zip(lists.sizes.tolist(), ends, strict=True)):
            if size:
                start = end - size
                self._index.invlists.add_entries(
                    number, size,
                    faiss.swig_ptr(ids[start:end]), faiss.swig_ptr(codes[start:end].reshape(-1)),
                )  # fmt: skip
        self._index.ntotal = len(ids)

    def counted(self, mask: NDArray[np.bool_]) -> IdArray:
        """How many rows of a mask `(n,)` each list has `(m,)`."""
        found = np.zeros(len(self.lists.sizes), np.int64)
        some = np.flatnonzero(self.lists.sizes)
        starts = (np.cumsum(self.lists.sizes, dtype=np.int64) - self.lists.sizes)[some]
        own = mask.take(self.lists.order).view(np.uint8)
        found[some] = np.add.reduceat(own, starts, dtype=np.int64)
        return found

    def turned(self, queries: FloatArray) -> FloatArray:
        """Queries `(n, dim)` as the codes are compared with them."""
        found: FloatArray = np.ascontiguousarray(_finite(queries) @ self.lists.rotation)
        return found

    def nearest_lists(self, turned: FloatArray) -> IdArray:
        """All lists `(m,)`, the nearest to a query `(dim,)` first."""
        found: IdArray = np.argsort(-(self.lists.centroids @ turned), kind="stable")
        return found

    def candidates(
        self, turned: FloatArray, depth: Depth, among: NDArray[np.uint8] | None = None
    ) -> IdArray:
        """Rows `(n, depth.rows)` for queries `(n, dim)`, those that seem the nearest first.

        With `among`, only rows whose bit is set; −1 where there are no more.
        """
        import faiss

        options: dict[str, Any] = {}
        if among is not None:
            options["sel"] = faiss.IDSelectorBitmap(len(self.lists.order), faiss.swig_ptr(among))
        lists = min(depth.lists, len(self.lists.sizes))
        params = faiss.IVFRaBitQSearchParameters(nprobe=lists, qb=_QUERY_BITS, **options)
        count = min(depth.rows, len(self.lists.order))
        rows: IdArray = self._index.search(turned, count, params=params)[1]
        return rows
