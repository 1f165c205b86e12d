"""Every vector index of the registry answers as an oracle does that compares row by row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmsearch.protocols import VectorIndex
from cmsearch.store.index.plugins import empty_index, indexes
from cmsearch.types import IdArray
from tests.oracle import Oracle, assert_exact, ids, unit_vectors

DIM = 6
NONE = np.empty((0, DIM), np.float32)
every_index = pytest.mark.parametrize("name", sorted(indexes.rows()))

some_ids = st.lists(st.integers(1, 30), unique=True, max_size=12).map(lambda found: ids(*found))


@dataclass
class Step:
    """One call of `changed`: ids that are put, with new vectors, and ids that are dropped."""

    upserts: IdArray
    deletes: IdArray


steps = st.lists(st.builds(Step, some_ids, some_ids), max_size=6)


def make(name: str) -> VectorIndex:
    return empty_index(name, DIM)


@every_index
@given(steps=steps, allow=st.none() | some_ids, k=st.integers(1, 40), seed=st.integers(0, 999))
def test_it_agrees_with_the_oracle(
    name: str, steps: list[Step], allow: IdArray | None, k: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    index, oracle = make(name), Oracle()
    queries = unit_vectors(random, 3, DIM)
    former = [(index, len(index), index.search(queries, k, allow=allow))]
    for step in steps:
        upserts = step.upserts, unit_vectors(random, len(step.upserts), DIM)
        index = index.changed(upserts, step.deletes)
        oracle.sync(upserts, step.deletes)
        assert len(index) == len(oracle.vectors)
        former.append((index, len(index), index.search(queries, k, allow=allow)))
    assert_exact(index, oracle, queries, k, allow)
    for one, count, (scores, found) in former:  # each is as it was
        again = one.search(queries, k, allow=allow)
        assert len(one) == count
        np.testing.assert_array_equal(again[0], scores)
        np.testing.assert_array_equal(again[1], found)


@every_index
def test_an_empty_index_finds_nothing(name: str) -> None:
    index = make(name)
    for allow in (None, ids(), ids(1, 2)):
        scores, found = index.search(unit_vectors(np.random.default_rng(0), 2, DIM), 5, allow=allow)
        assert scores.shape == found.shape
        assert len(found) == 2
        assert not (found >= 0).any()
    assert len(index) == 0


@every_index
def test_more_are_asked_for_than_there_are(name: str) -> None:
    index = make(name)
    index = index.changed((ids(4, 2), np.eye(DIM, dtype=np.float32)[:2]), ids())
    scores, found = index.search(np.eye(DIM, dtype=np.float32)[1:2], 10)
    assert found[found >= 0].tolist() == [2, 4]
    np.testing.assert_allclose(scores[found >= 0], [1, 0])


@every_index
def test_an_id_that_is_put_again_has_only_its_new_vector(name: str) -> None:
    index, axes = make(name), np.eye(DIM, dtype=np.float32)
    index = index.changed((ids(1), axes[:1]), ids())
    index = index.changed((ids(1), axes[1:2]), ids())
    scores, found = index.search(axes[:2], 5)
    assert found.tolist() == [[1], [1]]
    np.testing.assert_allclose(scores, [[0], [1]])


@every_index
def test_deleting_what_is_not_there_does_nothing(name: str) -> None:
    index = make(name)
    index = index.changed((ids(1), np.eye(DIM, dtype=np.float32)[:1]), ids(7))
    index = index.changed((ids(), NONE), ids(8))
    assert len(index) == 1


@every_index
def test_ids_may_be_large(name: str) -> None:
    index, large = make(name), 2**40 + 1
    index = index.changed((ids(large), np.eye(DIM, dtype=np.float32)[:1]), ids())
    assert index.search(np.eye(DIM, dtype=np.float32)[:1], 1)[1].tolist() == [[large]]


@every_index
def test_many_queries_at_once_are_as_one_by_one(name: str) -> None:
    random = np.random.default_rng(3)
    index, queries = make(name), unit_vectors(random, 50, DIM)
    index = index.changed((np.arange(1, 201), unit_vectors(random, 200, DIM)), ids())
    together = index.search(queries, 5)[1]
    alone = np.concatenate([index.search(query[None], 5)[1] for query in queries])
    np.testing.assert_array_equal(together, alone)
