"""FAISS over rows that are laid out once: compared throughout, or by lists of codes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from cmsearch.protocols import FormerRows, Kept
from cmsearch.store.index import faiss_index, ivf, laid_out
from cmsearch.store.index.exact import ExactIndex
from cmsearch.store.index.faiss_index import FaissIndex
from cmsearch.store.index.rows import HeldRows
from cmsearch.types import FloatArray, IdArray
from tests.oracle import Oracle, assert_exact, clustered, filled, ids, recall, unit_vectors

DIM = 16
COUNT = 3000
LIMIT = 100


@dataclass(slots=True)
class Filled:
    """An index of rows that are laid out, the oracle of the same content, and queries like them."""

    index: FaissIndex
    oracle: Oracle
    queries: FloatArray

    def sync(self, upserts: tuple[IdArray, FloatArray], deletes: IdArray) -> None:
        self.index = self.index.changed(upserts, deletes)
        self.oracle.sync(upserts, deletes)


def made(rows: FloatArray, queries: FloatArray, kept: np.ndarray | None = None) -> Filled:
    oracle = Oracle()
    numbers = filled(oracle, range(10, 10 + 3 * len(rows), 3), rows)
    parts = [] if kept is None else [Kept(kept, len(rows))]
    index = FaissIndex(DIM).opened(numbers, HeldRows(rows.astype(np.float16)), parts)
    return Filled(index, oracle, queries)


@pytest.fixture(scope="module")
def rows() -> FloatArray:
    return clustered(np.random.default_rng(0), COUNT + 40, DIM, clusters=30)


@pytest.fixture(scope="module")
def kept(rows: FloatArray) -> np.ndarray:
    """Built once: an index hides what changes and leaves what is laid out as it is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(faiss_index, "EXACT_LIMIT", LIMIT)
        found = FaissIndex(DIM).built(HeldRows(rows[:COUNT].astype(np.float16)), rows[COUNT:])
    assert found is not None
    return found


@pytest.fixture
def flat(rows: FloatArray) -> Filled:
    return made(rows[:500], rows[500:540])


@pytest.fixture
def coded(rows: FloatArray, kept: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> Filled:
    """Lists of codes that are searched among more than `LIMIT` rows."""
    monkeypatch.setattr(laid_out, "COMPARED", LIMIT)
    return made(rows[:COUNT], rows[COUNT:], kept)


def test_equal_scores_go_to_the_lower_id() -> None:
    index = ExactIndex(2)
    index = index.changed((ids(9, 3, 7), np.ones((3, 2), np.float32)), ids())
    assert index.search(np.ones((1, 2), np.float32), 2)[1].tolist() == [[3, 7]]


def test_a_compared_index_is_exact(flat: Filled) -> None:
    assert_exact(flat.index, flat.oracle, flat.queries, 10)
    assert_exact(flat.index, flat.oracle, flat.queries[:1], 1000)


@pytest.mark.parametrize("seed", range(5))
def test_a_compared_index_follows_changes(flat: Filled, seed: int) -> None:
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
    assert flat.index._layers.main is added._layers.main is hidden._layers.main
    assert flat.index._layers.alive is added._layers.alive
    assert added.changed((ids(), none), ids(9999)) is added
    assert hidden._layers.delta is added._layers.delta
    assert len(flat.index) == 500 and len(added) == 501 and len(hidden) == 500


def test_the_first_vectors_are_laid_out() -> None:
    rows = unit_vectors(np.random.default_rng(0), 3, DIM)
    index = FaissIndex(DIM).changed((ids(9, 3, 7), rows), ids(7))
    assert index._layers.main is not None
    assert len(index._layers.main) == len(index) == 2
    assert index.search(rows, 1)[1][[0, 1], 0].tolist() == [9, 3]


def test_an_index_of_which_all_is_deleted(flat: Filled) -> None:
    flat.sync((ids(5000), unit_vectors(np.random.default_rng(0), 1, DIM)), np.arange(5000))
    assert_exact(flat.index, flat.oracle, flat.queries, 10)
    assert len(flat.index) == 1


def test_codes_find_nearly_all_of_the_best_ten(coded: Filled) -> None:
    assert recall(coded.index, coded.oracle, coded.queries, 10) >= 0.9


def test_codes_give_true_scores_in_order(coded: Filled) -> None:
    scores, found = coded.index.search(coded.queries, 10)
    assert (np.diff(scores, axis=1) <= 0).all()
    for query, row_scores, row in zip(coded.queries, scores, found, strict=True):
        truth = coded.oracle.scores(query)
        np.testing.assert_allclose(row_scores, [truth[one] for one in row.tolist()], atol=1e-5)


def test_codes_never_give_what_was_deleted(coded: Filled) -> None:
    deleted = np.unique(np.concatenate([coded.index.search(coded.queries, 5)[1].ravel(), ids(10)]))
    coded.sync((ids(), np.empty((0, DIM), np.float32)), deleted)
    found = coded.index.search(coded.queries, 10)[1]
    assert not np.isin(found, deleted).any()
    assert recall(coded.index, coded.oracle, coded.queries, 10) >= 0.9


def test_codes_and_what_came_after_it_are_searched_as_one(coded: Filled) -> None:
    new = np.arange(20_000, 20_000 + len(coded.queries))
    coded.sync((new, coded.queries), ids())  # each query finds itself
    assert coded.index.search(coded.queries, 3)[1][:, 0].tolist() == new.tolist()
    assert recall(coded.index, coded.oracle, coded.queries, 10) >= 0.9


def test_a_vector_among_codes_can_be_replaced(coded: Filled) -> None:
    query = coded.queries[:1]
    best = coded.index.search(query, 1)[1][0]
    coded.sync((best, -query), ids())
    assert best[0] not in coded.index.search(query, 50)[1]
    assert coded.index.search(-query, 1)[1][0, 0] == best[0]


@pytest.mark.parametrize("count", [1, 7, LIMIT])
def test_few_allowed_ids_are_compared_one_by_one(coded: Filled, count: int) -> None:
    allow = np.random.default_rng(1).choice(
        np.array(list(coded.oracle.vectors)), count, replace=False
    )
    assert_exact(coded.index, coded.oracle, coded.queries, 10, allow)


def test_many_allowed_ids_are_searched_by_codes(coded: Filled) -> None:
    allow = np.arange(10, 10 + 3 * COUNT, 6)
    found = coded.index.search(coded.queries, 10, allow=allow)[1]
    truth = [coded.oracle.best(query, 10, allow) for query in coded.queries]
    assert np.isin(found, [*allow, -1]).all()
    assert np.mean([np.isin(right, row) for right, row in zip(truth, found, strict=True)]) >= 0.9


def test_no_allowed_id_finds_nothing(coded: Filled) -> None:
    assert not (coded.index.search(coded.queries, 10, allow=ids(1, 2))[1] >= 0).any()


@pytest.mark.parametrize("hidden", [0, 600, 2500])
def test_codes_among_what_is_left(coded: Filled, hidden: int) -> None:
    none = np.empty((0, DIM), np.float32)
    coded.sync((ids(), none), np.arange(10, 10 + 3 * hidden))
    assert recall(coded.index, coded.oracle, coded.queries, 10) >= 0.98


def test_what_passes_a_filter_and_is_all_elsewhere_is_found(coded: Filled) -> None:
    """As the pictures of one trip, asked for something of another."""
    shares = []
    for query in coded.queries:
        far = np.array(coded.oracle.best(-query, 400))
        found = coded.index.search(query[None], 10, allow=far)[1][0]
        shares.append(np.isin(coded.oracle.best(query, 10, far), found).mean())
    assert np.mean(shares) >= 0.95


def test_a_filter_that_lets_the_near_pass_goes_through_fewer_lists(coded: Filled) -> None:
    """And one that doesn't through as many as there are rows of it, up to twice those of a search
    without one.
    """
    main, query = coded.index._layers.main, coded.queries[0]
    assert main is not None and main.searcher is not None
    turned, places = main.searcher.turned(query[None])[0], np.arange(COUNT)
    order = main.searcher.nearest_lists(turned)
    rank = np.empty(len(order), int)
    rank[order] = np.arange(len(order))
    far = np.zeros(COUNT, bool)
    lists_of = np.empty(COUNT, int)
    kept = main.searcher.lists
    lists_of[kept.order] = np.repeat(np.arange(len(kept.sizes)), kept.sizes)
    far[np.argsort(-rank[lists_of], kind="stable")[: COUNT // 3]] = True
    lists = [
        main._depth(turned, 10, main.wanted(mask)).lists for mask in (None, places % 3 == 0, far)
    ]
    assert lists == sorted(set(lists))
    assert main._depth(turned, 2 * COUNT, main.wanted(far)).lists > 0


def test_a_filter_is_worked_out_once_for_its_array(coded: Filled) -> None:
    allow = np.arange(10, 10 + 3 * COUNT, 6)
    scope = coded.index._layers._scope(allow)
    assert coded.index._layers._scope(allow) is scope
    assert coded.index._layers._scope(allow.copy()) is not scope
    coded.sync((ids(), np.empty((0, DIM), np.float32)), ids(10))
    assert coded.index._layers._scope(allow) is not scope


def test_many_more_rows_have_centroids_of_their_own(
    rows: FloatArray, kept: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faiss_index, "EXACT_LIMIT", LIMIT)
    halves = HeldRows(rows[:COUNT].astype(np.float16))
    for former, learned in ((COUNT, COUNT), (1000, 1000), (1000, COUNT)):
        start = HeldRows(halves.values[:former])
        own = FaissIndex(DIM).built(start, rows[COUNT:]) if former < COUNT else kept
        assert own is not None
        now = HeldRows(halves.values[: 1400 if learned == 1000 else COUNT])
        places = np.arange(len(now.values))
        places[former:] = -1
        found = FaissIndex(DIM).built(now, rows[COUNT:], FormerRows([Kept(own, former)], places))
        assert found is not None
        assert ivf.unpacked(found, len(now.values), DIM).learned == learned


def test_what_was_kept_of_other_rows_is_refused(rows: FloatArray, kept: np.ndarray) -> None:
    with pytest.raises(ValueError, match="other vectors"):
        made(rows[:100], rows, kept)


def test_parts_that_came_later_answer_as_one(
    rows: FloatArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They lie in the lists of the first, and what is taken up keeps its codes."""
    monkeypatch.setattr(faiss_index, "EXACT_LIMIT", LIMIT)
    halves, empty = rows[:COUNT].astype(np.float16), FaissIndex(DIM)
    one = empty.built(HeldRows(halves[:1000]), rows[COUNT:])
    assert one is not None
    first, new = Kept(one, 1000), np.full(200, -1)
    part = empty.built(HeldRows(halves[1000:1200]), rows[:0], FormerRows([], new, first))
    assert part is not None and len(part) < len(one) // 4
    places = np.concatenate([np.arange(200), new])
    former = FormerRows([Kept(part, 200)], places, first)
    two = empty.built(HeldRows(halves[1000:1400]), rows[:0], former)
    assert two is not None
    whole = empty.built(
        HeldRows(halves[:1400]), rows[:0], FormerRows([first], np.r_[:1000, [-1] * 400])
    )
    assert whole is not None
    ids = np.arange(1400)
    joined = empty.opened(ids, HeldRows(halves[:1400]), [first, Kept(two, 400)])
    same = empty.opened(ids, HeldRows(halves[:1400]), [Kept(whole, 1400)])
    for own, other in zip(
        joined.search(rows[COUNT:], 10), same.search(rows[COUNT:], 10), strict=True
    ):
        np.testing.assert_array_equal(own, other)


def test_a_part_of_other_lists_is_refused(
    rows: FloatArray, kept: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faiss_index, "EXACT_LIMIT", LIMIT)
    halves, empty = rows[:COUNT].astype(np.float16), FaissIndex(DIM)
    small = empty.built(HeldRows(halves[:900]), rows[COUNT:])
    assert small is not None
    new = np.full(100, -1)
    own = FormerRows([], new, Kept(small, 900))
    part = empty.built(HeldRows(halves[900:1000]), rows[:0], own)
    assert part is not None
    more = HeldRows(np.concatenate([halves, halves[:100]]))
    for parts in (
        [Kept(kept, COUNT), Kept(part, 100)],
        [Kept(kept, COUNT), Kept(small, 900)],
        [Kept(part, 100)],
        [Kept(kept, COUNT)],
    ):
        with pytest.raises(ValueError, match=r"other|range"):
            empty.opened(np.arange(COUNT + 100), more, parts)
    damaged = Kept(kept[:-1], COUNT)
    assert empty.built(HeldRows(halves[:100]), rows[:0], FormerRows([], new, damaged)) is None
