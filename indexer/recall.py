"""Measuring anew what share of the true nearest the index of a store finds, and how fast."""

# Tested by tests/unit/indexer/test_recall.py

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cmsearch.store import publication
from cmsearch.store.catalog import items
from cmsearch.store.index.recall import TOLD, exact_in, share
from cmsearch.store.store import Store
from cmsearch.types import Modality


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of the index of one modality.

    `recall` is by 10 and 100 the share of so many true nearest that is found, of the texts whose
    number `queries` is; `p50` and `p99` are milliseconds of a search for ten, and `bytes` what the
    files of the index take.
    """

    modality: Modality
    vectors: int
    queries: int
    recall: dict[int, float]
    p50: float
    p99: float
    bytes: int


def measure(store: Store) -> Iterator[Measured]:
    """Compare what the index of each modality finds with what comparing every vector does.

    It is asked captions of the bank, and texts of the store. Without any nothing is measured.
    """
    with store.reading() as view:
        catalog, number, dim = store.catalog, view.space_id, view.space.dim
        queries = publication.texts(catalog, number, dim)
        manifest = store.published(number)
        for modality, index in view.indexes.items():
            if not len(index) or not len(queries):
                continue
            pages = items.pages(catalog, number, modality, dim)
            truth = exact_in(((rows, ids) for ids, rows in pages), queries, max(TOLD))
            took = []
            for query in queries:
                start = time.perf_counter()
                index.search(query[None], min(TOLD))
                took.append(1e3 * (time.perf_counter() - start))
            found = {k: share(index.search(queries, k)[1], truth[:, :k]) for k in TOLD}
            low, high = (round(float(np.percentile(took, part)), 2) for part in (50, 99))
            segments = manifest.of(modality) if manifest else []
            size = sum(file.size for one in segments for file in one.files)
            yield Measured(modality, len(index), len(queries), found, low, high, size)
