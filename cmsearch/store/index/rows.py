"""Vectors as rows of float16: held in memory, or in a mapped file that is checked as it is read."""

# Tested by tests/unit/cmsearch/store/index/test_rows.py

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cmsearch.common.numbers import distinct
from cmsearch.protocols import VectorRows
from cmsearch.types import FloatArray, IdArray

HalfArray = NDArray[np.float16]
CHUNK = 16_384
"""Rows that are looked at together where all are."""
_own = threading.local()


class HeldRows(NamedTuple):
    """Rows in memory."""

    values: HalfArray

    @property
    def size(self) -> tuple[int, int]:
        """The number of rows, and of the numbers in each."""
        return self.values.shape[0], self.values.shape[1]

    def at(self, numbers: IdArray) -> HalfArray:
        """The rows of some numbers."""
        return np.take(self.values, numbers, axis=0)

    def between(self, start: int, end: int) -> HalfArray:
        """The rows from one number up to another, without this."""
        return self.values[start:end]


class CheckedRows:
    """Rows of a mapped file. Each block is checked when a row of it is first read.

    Rows of a block that isn't as it was written are taken from elsewhere. Safe from threads: what
    two check at once they find alike.
    """

    def __init__(
        self,
        data: NDArray[np.uint8],
        dim: int,
        checksums: tuple[int, NDArray[Any]],
        instead: Callable[[IdArray], HalfArray],
    ) -> None:
        """`data` is the file, `checksums` are the bytes of a block, in which a row ends that began
        in the one before it, and the CRC-32 of each; `instead` gives rows by their numbers.
        """
        self._data = data
        self._values: HalfArray = data.view("<f2").reshape(-1, dim)
        self._block, self._sums = checksums
        self._instead = instead
        self._is_read = np.zeros(len(self._sums), bool)
        self._is_damaged = np.zeros(len(self._sums), bool)

    @property
    def size(self) -> tuple[int, int]:
        """The number of rows, and of the numbers in each."""
        return self._values.shape[0], self._values.shape[1]

    def at(self, numbers: IdArray) -> HalfArray:
        """The rows of some numbers."""
        width = 2 * self._values.shape[1]
        first, last = numbers * width // self._block, (numbers * width + width - 1) // self._block
        self._check(first)
        self._check(last)
        found = np.take(self._values, numbers, axis=0)
        bad = self._is_damaged[first] | self._is_damaged[last]
        if bad.any():
            found[bad] = self._instead(numbers[bad])
        return found

    def between(self, start: int, end: int) -> HalfArray:
        """The rows from one number up to another, without this."""
        end = min(end, self.size[0])
        width = 2 * self._values.shape[1]
        blocks = np.arange(start * width // self._block, -(-end * width // self._block))
        self._check(blocks)
        if self._is_damaged[blocks].any():
            return self.at(np.arange(start, end))
        return self._values[start:end]

    def _check(self, blocks: IdArray) -> None:
        if self._is_read[blocks].all():
            return
        size, content = self._block, self._data.data
        some = distinct(blocks[~self._is_read[blocks]].tolist())
        starts = (some * size).tolist()
        own = [zlib.crc32(content[start : start + size]) for start in starts]
        self._is_damaged[some] = np.array(own) != self._sums[some]
        self._is_read[some] = True


class JoinedRows:
    """Rows of several parts, one after the other."""

    def __init__(self, parts: Sequence[VectorRows]) -> None:
        self._parts = parts
        self._starts = np.cumsum([0, *(part.size[0] for part in parts)])

    @property
    def size(self) -> tuple[int, int]:
        """The number of rows, and of the numbers in each."""
        return int(self._starts[-1]), self._parts[0].size[1]

    def at(self, numbers: IdArray) -> HalfArray:
        """The rows of some numbers."""
        found = np.empty((len(numbers), self.size[1]), np.float16)
        place = np.searchsorted(self._starts, numbers, side="right") - 1
        for part in np.flatnonzero(np.bincount(place)).tolist():
            own = place == part
            found[own] = self._parts[part].at(numbers[own] - self._starts[part])
        return found

    def between(self, start: int, end: int) -> HalfArray:
        """The rows from one number up to another, without this."""
        found = []
        for first, part in zip(self._starts[:-1].tolist(), self._parts, strict=True):
            own = max(start - first, 0), min(end - first, part.size[0])
            if own[0] < own[1]:
                found.append(part.between(*own))
        if len(found) == 1:
            return found[0]
        return np.concatenate(found) if found else np.empty((0, self.size[1]), np.float16)


def chunks(rows: VectorRows, numbers: IdArray | None) -> Iterator[tuple[HalfArray, IdArray]]:
    """All rows, or those of some numbers, in parts with their numbers."""
    count = rows.size[0] if numbers is None else len(numbers)
    for start in range(0, count, CHUNK):
        if numbers is None:
            part = rows.between(start, start + CHUNK)
            yield part, np.arange(start, start + len(part))
        else:
            yield rows.at(numbers[start : start + CHUNK]), numbers[start : start + CHUNK]


def nearest(
    rows: VectorRows, query: FloatArray, k: int, numbers: IdArray | None = None
) -> tuple[FloatArray, IdArray]:
    """Scores and numbers `(m,)` of the k rows with the highest inner product with a query `(dim,)`.

    Among the rows of some ascending `numbers`, or all; equal scores by their numbers. A row that
    has no finite score, which only a crafted file has, is left out. FAISS compares float16 as it
    lies, several times as fast as NumPy converts it.
    """
    import faiss

    scores, found = np.full(k, -np.inf, np.float32), np.full(k, -1, np.int64)
    scanner = _scanner(rows.size[1])
    query = np.ascontiguousarray(query, np.float32)
    scanner.set_query(faiss.swig_ptr(query))
    for part, own in chunks(rows, numbers):
        codes, own = np.ascontiguousarray(part), np.ascontiguousarray(own, np.int64)
        scanner.scan_codes(
            len(own),
            *(faiss.swig_ptr(codes.reshape(-1).view(np.uint8)), faiss.swig_ptr(own)),
            *(faiss.swig_ptr(scores), faiss.swig_ptr(found), k),
        )
    order = np.lexsort((found, -scores))
    order = order[(found >= 0)[order] & np.isfinite(scores[order])]
    return scores[order], found[order]


def _scanner(dim: int) -> Any:
    """What compares float16 rows with a query, of which each thread has its own."""
    import faiss

    if getattr(_own, "dim", None) != dim:
        codec = faiss.ScalarQuantizer(dim, faiss.ScalarQuantizer.QT_fp16)
        _own.scanner = codec.select_InvertedListScanner(
            faiss.METRIC_INNER_PRODUCT, None, False, None, False
        )
        _own.codec, _own.dim = codec, dim  # the scanner reads it
    return _own.scanner
