"""What chance does, by direction: by hand, and with few items as with many."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from math import atanh, tanh
from statistics import NormalDist

import numpy as np
import pytest

from cmsearch.search.query import background_captions
from cmsearch.store.index.background import (
    AS_MANY,
    BANK,
    ENOUGH,
    Rows,
    background,
    banked,
    unrelated,
)
from cmsearch.types import FloatArray, Modality
from tests.fakes import FakeEncoder
from tests.oracle import ids, unit_vectors

DIM = 16
TEXT, IMAGE, VIDEO, AUDIO = Modality.TEXT, Modality.IMAGE, Modality.VIDEO, Modality.SPEECH


def rows(count: int, seed: int = 0, around: float = 0.0) -> FloatArray:
    """Vectors by chance; with `around` they lie together, as texts do beside pictures."""
    found = unit_vectors(np.random.default_rng(seed), count, DIM)
    moved = found + around * np.eye(DIM, dtype=np.float32)[0]
    lengths = np.linalg.norm(moved, axis=1, keepdims=True)
    return np.asarray(moved / np.maximum(lengths, 1e-9), np.float32)


def items(count: int, first: int, seed: int = 0, around: float = 0.0) -> Rows:
    return Rows(rows(count, seed, around), np.arange(first, first + count))


BANKED = banked(rows(150, seed=9, around=0.5))
PICTURES = items(100, 1, seed=1, around=-0.5)


def test_the_best_unrelated_score_is_worked_out_by_hand() -> None:
    far = np.tile(np.array([[0, 0, 1]], np.float32), (1000, 1))
    queries = np.array([[1, 0, 0], [0, 1, 0], [0.6, 0.8, 0]], np.float32)
    near = np.array([[1, 0, 0], [0, 1, 0], [0.8, 0.6, 0]], np.float32)
    subjects = np.concatenate([ids(1, 2, 9), 100 + np.arange(len(far))])
    # The first query is of target 0 (1), the second of target 1 (1), the third of none.
    best = [0.8, 0.6, 0.6 * 0.8 + 0.8 * 0.6]
    mean = sum(best) / 3
    deviation = (sum((value - mean) ** 2 for value in best) / 3) ** 0.5
    targets = Rows(np.concatenate([near, far]), subjects)
    found = unrelated(Rows(queries, ids(1, 2, 3)), targets)
    assert found is not None
    assert found[:2] == pytest.approx((mean, deviation), rel=1e-5)


def test_all_unrelated_scores_are_worked_out_by_hand() -> None:
    """The best of few is raised to that of many; the mean of all needs no such thing."""
    queries = np.array([[1, 0, 0], [0, 1, 0], [0.6, 0.8, 0]], np.float32)
    targets = np.array([[1, 0, 0], [0, 1, 0], [0.8, 0.6, 0]], np.float32)
    scores = [0, 0.8, 0, 0.6, 0.6, 0.8, 0.6 * 0.8 + 0.8 * 0.6]  # without 1 and 1, as above
    mean = sum(scores) / 7
    deviation = (sum((value - mean) ** 2 for value in scores) / 7) ** 0.5
    found = unrelated(Rows(queries, ids(1, 2, 3)), Rows(targets, ids(1, 2, 9)))
    assert found is not None
    assert found[2:4] == pytest.approx((mean, deviation), rel=1e-5)


def test_the_best_of_few_is_raised_to_that_of_many() -> None:
    queries = np.array([[1, 0], [0.8, 0.6], [0.6, 0.8]], np.float32)
    scores = [0.28, 0.28 * 0.8 + 0.96 * 0.6, 0.28 * 0.6 + 0.96 * 0.8]
    mean = sum(scores) / 3
    deviation = (sum((value - mean) ** 2 for value in scores) / 3) ** 0.5
    wide = [atanh(score) for score in scores]
    middle = sum(wide) / 3
    spread = (sum((value - middle) ** 2 for value in wide) / 3) ** 0.5
    few = Rows(np.array([[0.28, 0.96]], np.float32), ids(9))
    found = unrelated(Rows(queries, ids(1, 2, 3)), few)
    blom = NormalDist().inv_cdf((AS_MANY - 0.375) / (AS_MANY + 0.25))
    expected = (tanh(middle + spread * blom), deviation, mean, deviation, 1.0)
    assert found == pytest.approx(expected, rel=1e-5)


def test_copies_of_one_are_no_more_than_one() -> None:
    """Three hundred pictures of one scene are no collection that has something for everybody."""
    one = items(1, 1, seed=1)
    many = Rows(np.repeat(one.vectors, 300, axis=0), 1 + np.arange(300))
    assert unrelated(BANKED, many) == pytest.approx(unrelated(BANKED, one), rel=1e-5)


def test_what_is_about_one_subject_is_one_thing() -> None:
    rows = items(100, 1, seed=1)
    captions = Rows(rows.vectors, np.arange(100) // 5)
    found = unrelated(BANKED, captions)
    assert found is not None and found.apart == 0.2


def test_the_deviation_has_a_least_value() -> None:
    queries = Rows(np.tile(np.array([[1, 0]], np.float32), (3, 1)), ids(1, 2, 3))
    found = unrelated(queries, Rows(np.array([[0.6, 0.8]], np.float32), ids(9)))
    assert found == pytest.approx((0.6, 0.02, 0.6, 0.02, 1.0))


@pytest.mark.parametrize("queries", [0, 2])
def test_two_queries_know_nothing(queries: int) -> None:
    assert unrelated(items(queries, 0), items(5, 10, seed=1)) is None


def test_what_is_all_related_knows_nothing() -> None:
    related = np.zeros(10, np.int64)
    assert unrelated(Rows(rows(10), related), Rows(rows(10, seed=1), related)) is None
    assert unrelated(Rows(rows(10), related), items(0, 1)) is None


@pytest.mark.parametrize("texts", [0, 1, 2, 3, 10])
def test_a_text_is_judged_in_each_direction_however_few_there_are(texts: int) -> None:
    content = {IMAGE: PICTURES} | ({TEXT: items(texts, 1000, 2, 0.5)} if texts else {})
    found = background(content, BANKED)
    for query in (BANK, TEXT, IMAGE):
        assert found[query].keys() == content.keys()


@pytest.mark.parametrize(("modality", "around"), [(TEXT, 0.5), (AUDIO, 0.5), (VIDEO, -0.5)])
def test_one_item_is_judged_nearly_as_many_of_its_kind(modality: Modality, around: float) -> None:
    """What one could find by chance is not all that it has to do better than."""
    many = items(ENOUGH, 1000, 3, around)
    whole = background({IMAGE: PICTURES, modality: many}, BANKED)[BANK][modality]
    one = Rows(many.vectors[:1], many.subjects[:1])
    alone = background({IMAGE: PICTURES, modality: one}, BANKED)[BANK][modality]
    for own, other in ((alone[:2], whole[:2]), (alone[2:], whole[2:])):
        assert abs(own[0] - other[0]) < 0.6 * other[1]
        assert 0.6 < own[1] / other[1] < 1.6


@pytest.mark.parametrize("modality", [TEXT, IMAGE, AUDIO, VIDEO])
@pytest.mark.parametrize("query", [BANK, TEXT, IMAGE])
def test_nothing_jumps_when_one_more_comes(modality: Modality, query: str) -> None:
    around = 0.5 if modality in (TEXT, AUDIO) else -0.5
    beside, first = (IMAGE, PICTURES) if modality is not IMAGE else (TEXT, items(100, 1, 4, 0.5))
    some = items(2 * ENOUGH, 1000, 5, around)
    found = []
    for number in range(1, 2 * ENOUGH):
        own = Rows(some.vectors[:number], some.subjects[:number])
        found.append(background({beside: first, modality: own}, BANKED)[query][modality])
    for one, other in pairwise(found):
        for own, next_ in ((one[:2], other[:2]), (one[2:], other[2:])):
            assert abs(own[0] - next_[0]) < max(own[1], next_[1])
            assert 0.6 < own[1] / next_[1] < 1.6


def test_enough_items_are_judged_by_themselves() -> None:
    texts = items(50, 1000, 2, 0.5)
    found = background({TEXT: texts, IMAGE: PICTURES}, BANKED)
    alone = background({TEXT: texts, IMAGE: PICTURES}, banked(BANKED.vectors[:0]))
    assert {one: alone[one] for one in (TEXT, IMAGE)} == {one: found[one] for one in (TEXT, IMAGE)}


def test_without_a_bank_few_items_know_nothing() -> None:
    empty = banked(BANKED.vectors[:0])
    found = background({TEXT: items(2, 1000), IMAGE: items(1, 1)}, empty)
    assert found[BANK] == found[TEXT] == {}
    assert background({}, empty) == {BANK: {}, TEXT: {}, IMAGE: {}}


def test_the_bank_is_the_same_on_one_thread_and_on_several(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is encoded in the same batches, on threads of which each has some."""
    encoder = FakeEncoder()
    alone = background_captions.encoded(encoder)
    monkeypatch.setattr(background_captions, "cpu_count", lambda: 3)
    monkeypatch.setattr(encoder, "capabilities", replace(encoder.capabilities, workers=8))
    assert np.array_equal(background_captions.encoded(encoder), alone)
    assert len(alone) == background_captions.SIZE
