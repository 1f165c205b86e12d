"""Every vector index of the registry answers as an oracle does that compares row by row.

So does every server of vectors: in a file or folder where that is all it needs, and on Milvus's own
server where there is one (`scripts/test --services`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmsearch.protocols import Numbers, VectorIndex
from cmsearch.store.index.address import is_address
from cmsearch.store.index.plugins import checked_address, empty_index, indexes
from cmsearch.store.index.servers import connected
from cmsearch.types import IdArray
from tests import postgres
from tests.milvus_servers import standalone
from tests.oracle import Oracle, assert_exact, filled, ids, unit_vectors
from tests.served_indexes import laid_out_first

DIM = 6
NONE = np.empty((0, DIM), np.float32)
LIBRARIES = {"milvus": "milvus_lite", "qdrant": "qdrant_client"}
every_server = pytest.mark.parametrize(
    "name",
    [
        *(
            pytest.param(kind, marks=pytest.mark.skipif(not find_spec(one), reason=f"needs {one}"))
            for kind, one in LIBRARIES.items()
        ),
        pytest.param("milvus standalone", marks=pytest.mark.services),
        pytest.param("pgvector", marks=pytest.mark.services),
    ],
    indirect=True,
)
every_index = pytest.mark.parametrize(
    "name", [*sorted(indexes.rows()), *every_server.args[1]], indirect=True
)

some_ids = st.lists(st.integers(1, 30), unique=True, max_size=12).map(lambda found: ids(*found))


@dataclass
class Step:
    """One call of `changed`: ids that are put, with new vectors, and ids that are dropped."""

    upserts: IdArray
    deletes: IdArray


steps = st.lists(st.builds(Step, some_ids, some_ids), max_size=6)


@pytest.fixture(scope="module")
def name(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of an index, or the address of one on a server, which is there for all tests."""
    kind, place = request.param, tmp_path_factory.mktemp("vectors")
    if kind == "milvus standalone":
        with standalone(place) as port:
            yield f"milvus://127.0.0.1:{port}/contract"
    elif kind == "pgvector":
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PGUSER", "postgres")
            yield f"pgvector:{postgres.socket_folder()}"
    else:
        yield f"{kind}:{place}/own.db" if kind in LIBRARIES else kind


def make(name: str) -> VectorIndex:
    return laid_out_first(name, DIM) if is_address(name) else empty_index(name, DIM)


@pytest.mark.parametrize("name", sorted(indexes.rows()), indirect=True)
@given(steps=steps, allow=st.none() | some_ids, k=st.integers(1, 40), seed=st.integers(0, 999))
def test_it_agrees_with_the_oracle(
    name: str, steps: list[Step], allow: IdArray | None, k: int, seed: int
) -> None:
    agrees_with_the_oracle(name, steps, allow, k, seed)


@every_server
@settings(max_examples=6, deadline=None)
@given(steps=steps, allow=st.none() | some_ids, k=st.integers(1, 40), seed=st.integers(0, 999))
def test_a_server_agrees_with_the_oracle(
    name: str, steps: list[Step], allow: IdArray | None, k: int, seed: int
) -> None:
    agrees_with_the_oracle(name, steps, allow, k, seed)


@every_server
def test_a_collection_counts_its_vectors(name: str) -> None:
    address = checked_address(name)
    collection = connected(address)(address.collection)
    collection.begin(DIM)
    vectors, none = np.eye(4, DIM, dtype=np.float32), np.empty((0, DIM), np.float32)
    collection.write(ids(1, 2, 5, 9), vectors, ids())
    collection.write(ids(), none, ids(5), "somebody's")
    assert collection.count() == 3
    assert collection.mark() == "somebody's"
    collection.drop()


def agrees_with_the_oracle(
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


@every_server
def test_every_form_of_a_filter_is_understood_and_what_was_deleted_stays_so(name: str) -> None:
    random = np.random.default_rng(4)
    address = checked_address(name)
    collection = connected(address)(f"{address.collection}_forms")
    collection.drop()
    assert collection.mark() is None
    collection.begin(DIM)
    assert collection.mark() is None
    oracle, vectors, none = Oracle(), unit_vectors(random, 300, DIM), ids()
    own = filled(oracle, range(1, 301), vectors)
    for _ in range(2):  # to do it twice is to do it once
        collection.write(own, vectors, ids(7, 9))
    assert collection.mark() == ""
    collection.write(none, NONE, ids(7, 300, 2_000), "it is mine")
    oracle.sync((none, NONE), ids(7, 9, 300))
    assert collection.mark() == "it is mine"
    assert collection.ids(1, 12).tolist() == [1, 2, 3, 4, 5, 6, 8, 10, 11]
    some = random.permutation(own)[:50]
    ranges = np.array([[5, 20], [290, 290], [298, 400]])
    within = own[((own >= 5) & (own <= 20)) | (own == 290) | (own >= 298)]
    forms = (
        (Numbers("in", some), some),
        (Numbers("not in", some), np.setdiff1d(own, some)),
        (Numbers("ranges", ranges), within),
        (None, own),
    )
    queries = unit_vectors(random, 3, DIM)
    for among, allow in forms:
        found = collection.search(queries, 12, among)
        for query, row in zip(queries, found, strict=True):
            best = oracle.best(query, 10, allow)
            assert set(best) <= set(row.tolist())
    collection.drop()
    assert collection.mark() is None
