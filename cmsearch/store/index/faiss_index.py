"""The index of a store: exact while it is small, then lists of codes whose best are rescored."""

# Tested by tests/unit/cmsearch/store/index/test_faiss_index.py

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from cmsearch.protocols import FormerRows, Kept, VectorRows
from cmsearch.store.index import ivf, recall
from cmsearch.store.index.laid_out import LaidOut, Wanted
from cmsearch.store.index.layers import Layers, first_rows
from cmsearch.types import FloatArray, IdArray

EXACT_LIMIT = 20_000
"""Vectors up to which a query is compared with every one."""
_GROWTH = 1.5
"""By as much a store may grow before the centroids of its lists are learned anew."""


class FaissIndex:
    """Rows that are laid out once, and a small exact index of what came after them.

    Up to `EXACT_LIMIT` a query is compared with every row. Above that with the codes of the rows in
    some lists, and exactly with the best of these. What is deleted stays laid out and is hidden.
    Changed copies share what is.
    """

    def __init__(self, dim: int, layers: Layers[Wanted] | None = None) -> None:
        self._dim = dim
        self._layers = Layers(dim, LaidOut.wanted) if layers is None else layers

    def __len__(self) -> int:
        return len(self._layers)

    def changed(self, upserts: tuple[IdArray, FloatArray], deletes: IdArray) -> FaissIndex:
        """Give one with vectors under their ids, and without the ids to delete."""
        if self._layers.main is None:
            first = first_rows(upserts, deletes)
            return self if first is None else self._laid(LaidOut(*first))
        layers = self._layers.changed(upserts, deletes)
        return self if layers is self._layers else FaissIndex(self._dim, layers)

    def _laid(self, main: LaidOut) -> FaissIndex:
        return FaissIndex(self._dim, self._layers.laid(main))

    def built(
        self, rows: VectorRows, queries: FloatArray, former: FormerRows | None = None
    ) -> NDArray[np.uint8] | None:
        """The lists of codes of rows, tuned by queries `(n, dim)`; None for as few as are compared.

        Those of `former` rows go on, until there are so many more that other centroids fit better.
        Rows that come after others are put into the lists of these.
        """
        count, dim = rows.size
        if former is not None and former.first is not None:
            return _added(rows, former, former.first)
        if count <= EXACT_LIMIT:
            return None
        if former is not None:
            try:
                lists = _unpacked(former.parts, dim)
            except ValueError:  # damaged, or of another version
                return self.built(rows, queries)
            if lists.learned / _GROWTH <= count < lists.learned * _GROWTH:
                known = ivf.Known(lists, former.rows)
                return ivf.filled(rows, lists.rotation, lists.centroids, known).packed()
        lists = ivf.filled(rows, *ivf.learned(rows))
        if not len(queries):
            queries = rows.at(np.arange(0, count, -(-count // 128))).astype(np.float32)
        return ivf.tuned(lists, recall.depths(ivf.Searcher(lists), rows, queries)).packed()

    def opened(self, ids: IdArray, rows: VectorRows, kept: Sequence[Kept]) -> FaissIndex:
        """One in which rows are laid out, with their lists of codes; raises `ValueError`."""
        searcher = None
        if kept:
            if sum(one.rows for one in kept) != rows.size[0]:
                raise ValueError("it is of other vectors")
            searcher = ivf.Searcher(_unpacked(kept, rows.size[1]))
        return self._laid(LaidOut(ids, rows, searcher))

    def search(
        self, queries: FloatArray, k: int, *, allow: IdArray | None = None
    ) -> tuple[FloatArray, IdArray]:
        """Give the best scores and ids for each query."""
        return self._layers.search(queries, k, allow, _nearest)


def _nearest(
    main: LaidOut, queries: FloatArray, k: int, wanted: Wanted
) -> Iterator[tuple[FloatArray, IdArray]]:
    return (main.nearest(query, k, wanted) for query in queries)


def _unpacked(parts: Sequence[Kept], dim: int) -> ivf.Lists:
    """The lists of parts that come one after the other; raises `ValueError`."""
    first = ivf.unpacked(parts[0].content, parts[0].rows, dim)
    others = [ivf.unpacked(one.content, one.rows, dim, first) for one in parts[1:]]
    return ivf.joined([first, *others])


def _added(rows: VectorRows, former: FormerRows, first: Kept) -> NDArray[np.uint8] | None:
    """The rows in the lists of the `first` ones; None where these are damaged."""
    dim = rows.size[1]
    try:
        lists = ivf.unpacked(first.content, first.rows, dim)
        parts = [ivf.unpacked(one.content, one.rows, dim, lists) for one in former.parts]
    except ValueError:
        return None
    known = ivf.Known(ivf.joined(parts), former.rows) if parts else None
    return ivf.filled(rows, lists.rotation, lists.centroids, known).packed(follows=True)
