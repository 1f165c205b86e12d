"""FAISS over a main index that was built once: compared throughout, or a graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import faiss
import numpy as np
import pytest

from cmsearch.store.index import faiss_index, hnsw
from cmsearch.store.index.exact import ExactIndex
from cmsearch.store.index.faiss_index import FaissIndex
from cmsearch.store.index.hnsw import RECALL
from cmsearch.types import FloatArray, IdArray
from tests.oracle import Oracle, assert_exact, clustered, filled, ids, recall, unit_vectors

DIM = 16
COUNT = 3000
LIMIT = 100


@dataclass(slots=True)
class Filled:
    """An index with a main one, the oracle of the same content, and queries from its clusters."""

    index: FaissIndex
    oracle: Oracle
    queries: FloatArray

    def sync(self, upserts: tuple[IdArray, FloatArray], deletes: IdArray) -> None:
        self.index = self.index.changed(upserts, deletes)
        self.oracle.sync(upserts, deletes)


def made(main: Any, rows: FloatArray) -> Filled:
    """`main` has the first of the rows, and the others are the queries."""
    oracle = Oracle()
    numbers = filled(oracle, range(10, 10 + 3 * main.ntotal, 3), rows[: main.ntotal])
    return Filled(FaissIndex(DIM, main=main, ids=numbers), oracle, rows[main.ntotal :])


@pytest.fixture(scope="module")
def rows() -> FloatArray:
    return clustered(np.random.default_rng(0), COUNT + 40, DIM, clusters=30)


@pytest.fixture(scope="module")
def main_graph(rows: FloatArray) -> Any:
    """Built once: an index hides what changes and leaves its main one as it is."""
    return hnsw.graph(rows[:COUNT])


@pytest.fixture
def flat(rows: FloatArray) -> Filled:
    return made(hnsw.flat(rows[:500]), rows[:540])


@pytest.fixture
def graph(rows: FloatArray, main_graph: Any, monkeypatch: pytest.MonkeyPatch) -> Filled:
    """A graph that is searched as one from `LIMIT` vectors on."""
    monkeypatch.setattr(faiss_index, "EXACT_LIMIT", LIMIT)
    return made(main_graph, rows)


def test_equal_scores_go_to_the_lower_id() -> None:
    index = ExactIndex(2)
    index = index.changed((ids(9, 3, 7), np.ones((3, 2), np.float32)), ids())
    assert index.search(np.ones((1, 2), np.float32), 2)[1].tolist() == [[3, 7]]


def test_a_flat_main_index_is_exact(flat: Filled) -> None:
    assert_exact(flat.index, flat.oracle, flat.queries, 10)
    assert_exact(flat.index, flat.oracle, flat.queries[:1], 1000)


@pytest.mark.parametrize("seed", range(5))
def test_a_flat_main_index_follows_changes(flat: Filled, seed: int) -> None:
    random = np.random.default_rng(seed)
    for _ in range(4):
        known = np.array(list(flat.oracle.vectors))
        put = np.unique(np.concatenate([random.choice(known, 20), random.integers(2000, 2100, 20)]))
        flat.sync((put, unit_vectors(random, len(put), DIM)), random.choice(known, 60))
        assert len(flat.index) == len(flat.oracle.vectors)
        allow = random.choice(known, 50)
        assert_exact(flat.index, flat.oracle, flat.queries, 10)
        assert_exact(flat.index, flat.oracle, flat.queries, 10, allow)


def test_copies_share_what_is_large(flat: Filled) -> None:
    """So that a change costs in proportion to what changes."""
    none, one = np.empty((0, DIM), np.float32), unit_vectors(np.random.default_rng(0), 1, DIM)
    added = flat.index.changed((ids(5000), one), ids())
    hidden = added.changed((ids(), none), ids(10))
    assert flat.index._main is added._main is hidden._main
    assert flat.index._ids is added._ids is hidden._ids
    assert flat.index._alive is added._alive
    assert added.changed((ids(), none), ids(9999))._alive is added._alive
    assert hidden._delta is added._delta
    assert len(flat.index) == 500 and len(added) == 501 and len(hidden) == 500


def test_the_first_vectors_become_the_main_index() -> None:
    rows = unit_vectors(np.random.default_rng(0), 3, DIM)
    index = FaissIndex(DIM).changed((ids(9, 3, 7), rows), ids(7))
    assert index._main.ntotal == len(index) == 2
    assert index.search(rows, 1)[1][[0, 1], 0].tolist() == [9, 3]


def test_a_main_index_of_which_all_is_deleted(flat: Filled) -> None:
    flat.sync((ids(5000), unit_vectors(np.random.default_rng(0), 1, DIM)), np.arange(5000))
    assert_exact(flat.index, flat.oracle, flat.queries, 10)
    assert len(flat.index) == 1


def test_the_graph_finds_nearly_all_of_the_best_ten(graph: Filled) -> None:
    faiss.cvar.hnsw_stats.reset()
    assert recall(graph.index, graph.oracle, graph.queries, 10) >= 0.9
    assert faiss.cvar.hnsw_stats.n1 == len(graph.queries)  # searched through the graph


def test_the_graph_gives_true_scores_in_order(graph: Filled) -> None:
    scores, found = graph.index.search(graph.queries, 10)
    assert (np.diff(scores, axis=1) <= 0).all()
    for query, row_scores, row in zip(graph.queries, scores, found, strict=True):
        truth = graph.oracle.scores(query)
        np.testing.assert_allclose(row_scores, [truth[one] for one in row.tolist()], atol=1e-5)


def test_the_graph_never_gives_what_was_deleted(graph: Filled) -> None:
    deleted = np.unique(np.concatenate([graph.index.search(graph.queries, 5)[1].ravel(), ids(10)]))
    graph.sync((ids(), np.empty((0, DIM), np.float32)), deleted)
    found = graph.index.search(graph.queries, 10)[1]
    assert not np.isin(found, deleted).any()
    assert recall(graph.index, graph.oracle, graph.queries, 10) >= 0.9


def test_the_graph_and_what_came_after_it_are_searched_as_one(graph: Filled) -> None:
    new = np.arange(20_000, 20_000 + len(graph.queries))
    graph.sync((new, graph.queries), ids())  # each query finds itself
    assert graph.index.search(graph.queries, 3)[1][:, 0].tolist() == new.tolist()
    assert recall(graph.index, graph.oracle, graph.queries, 10) >= 0.9


def test_a_vector_of_the_graph_can_be_replaced(graph: Filled) -> None:
    query = graph.queries[:1]
    best = graph.index.search(query, 1)[1][0]
    graph.sync((best, -query), ids())
    assert best[0] not in graph.index.search(query, 50)[1]
    assert graph.index.search(-query, 1)[1][0, 0] == best[0]


@pytest.mark.parametrize("count", [1, 7, LIMIT])
def test_few_allowed_ids_are_compared_one_by_one(graph: Filled, count: int) -> None:
    allow = np.random.default_rng(1).choice(
        np.array(list(graph.oracle.vectors)), count, replace=False
    )
    assert_exact(graph.index, graph.oracle, graph.queries, 10, allow)


def test_many_allowed_ids_are_searched_through_the_graph(graph: Filled) -> None:
    allow = np.arange(10, 10 + 3 * COUNT, 6)
    found = graph.index.search(graph.queries, 10, allow=allow)[1]
    truth = [graph.oracle.best(query, 10, allow) for query in graph.queries]
    assert np.isin(found, [*allow, -1]).all()
    assert np.mean([np.isin(right, row) for right, row in zip(truth, found, strict=True)]) >= 0.9


def test_no_allowed_id_finds_nothing(graph: Filled) -> None:
    assert not (graph.index.search(graph.queries, 10, allow=ids(1, 2))[1] >= 0).any()


def test_a_graph_is_tuned_for_its_recall(rows: FloatArray, main_graph: Any) -> None:
    held_out = rows[COUNT - 256 : COUNT]
    truth = hnsw.flat(rows[:COUNT]).search(held_out, 10)[1]
    found = main_graph.search(held_out, 10)[1]
    assert main_graph.ntotal == COUNT
    hits = [np.isin(right, row) for right, row in zip(truth, found, strict=True)]
    assert np.mean(hits) >= RECALL - 0.01  # it was tuned before these were added
