"""An index whose first vectors are laid out on a server, as a publication's are."""

from __future__ import annotations

import numpy as np

from cmsearch.protocols import VectorCollection, VectorIndex
from cmsearch.store.index.layers import first_rows
from cmsearch.store.index.plugins import checked_address
from cmsearch.store.index.served import ServedIndex, fill
from cmsearch.store.index.servers import connected
from cmsearch.types import FloatArray, IdArray


def laid_out_first(address: str, dim: int) -> VectorIndex:
    """An empty index for vectors `(n, dim)`, whose first ones go into a collection made anew."""
    known = checked_address(address)
    return _Empty(connected(known)(known.collection), dim)


class _Empty:
    """One that has no vectors yet."""

    def __init__(self, collection: VectorCollection, dim: int) -> None:
        self._collection, self._dim = collection, dim

    def __len__(self) -> int:
        return 0

    def changed(self, upserts: tuple[IdArray, FloatArray], deletes: IdArray) -> VectorIndex:
        first = first_rows(upserts, deletes)
        if first is None:
            return self
        ids, rows = first
        none, empty = np.empty(0, np.int64), np.empty((0, self._dim), np.float32)
        self._collection.begin(self._dim)
        fill(self._collection, (ids, rows), np.arange(len(ids)))
        self._collection.settle()
        self._collection.write(none, empty, none, "a test's")
        return ServedIndex(self._dim, self._collection, int(ids[-1])).opened(ids, rows, [])

    def search(
        self, queries: FloatArray, k: int, *, allow: IdArray | None = None
    ) -> tuple[FloatArray, IdArray]:
        return ServedIndex(self._dim, self._collection).search(queries, k, allow=allow)
