"""Recall is measured against every row, and depths are as small as it allows."""

from __future__ import annotations

import numpy as np

from cmsearch.store.index import ivf, recall
from cmsearch.store.index.exact import ExactIndex
from cmsearch.store.index.rows import CHUNK, HeldRows
from tests.oracle import clustered, ids, unit_vectors

DIM = 16
ROWS = HeldRows(clustered(np.random.default_rng(0), 2000, DIM, 40).astype(np.float16))
QUERIES = clustered(np.random.default_rng(1), 40, DIM, 40)


def test_the_exact_rows_are_those_of_all_parts() -> None:
    rows = unit_vectors(np.random.default_rng(2), 2 * CHUNK + 100, 4)
    query = unit_vectors(np.random.default_rng(3), 3, 4)
    truth = np.argsort(-(query @ rows.T), axis=1)[:, :20]
    np.testing.assert_array_equal(
        recall.exact(HeldRows(rows.astype(np.float16)), query, 20)[:, :5], truth[:, :5]
    )
    some = np.array([5, CHUNK + 7])
    found = recall.exact(HeldRows(rows.astype(np.float16)), query, 20, some)
    assert np.sort(found, axis=1).tolist() == [some.tolist()] * 3


def test_depths_find_what_is_wanted() -> None:
    lists = ivf.filled(ROWS, *ivf.learned(ROWS))
    searcher = ivf.Searcher(lists)
    depths = recall.depths(searcher, ROWS, QUERIES)
    assert [depth.k for depth in depths] == [20, 120]
    for depth in depths:
        truth = recall.exact(ROWS, QUERIES, depth.k)
        found = searcher.candidates(searcher.turned(QUERIES), depth)
        pairs = zip(truth, found, strict=True)
        share = np.mean([np.isin(*pair).mean() for pair in pairs])
        assert share >= recall.WANTED[depth.k]
        assert depth.rows < 2000 or depth.lists < len(lists.sizes)  # not merely everything


def test_the_recall_of_an_index_that_lacks_half() -> None:
    numbers = np.arange(100, 2100)
    half = ExactIndex(DIM).changed((numbers[::2], ROWS.values[::2].astype(np.float32)), ids())
    found = recall.measured(half, numbers, ROWS, QUERIES)
    assert (found["rows"], found["queries"]) == (2000, 40)
    assert 0.35 < found["10"] < 0.65 and 0.4 < found["100"] < 0.6


def test_without_queries_nothing_is_told_of_recall() -> None:
    found = recall.measured(ExactIndex(DIM), np.arange(2000), ROWS, QUERIES[:0])
    assert found == {"rows": 2000, "queries": 0}
