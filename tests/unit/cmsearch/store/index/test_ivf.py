"""Lists of codes are kept as plain numbers, none of which is believed before it is used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cmsearch.store.index import ivf
from cmsearch.store.index.ivf import Depth
from cmsearch.store.index.rows import HeldRows
from tests.oracle import clustered

DIM, COUNT = 16, 1500
ROWS = HeldRows(clustered(np.random.default_rng(3), COUNT, DIM, 30).astype(np.float16))
QUERIES = clustered(np.random.default_rng(4), 20, DIM, 30)
DEPTHS = (Depth(10, 8, 100), Depth(100, 20, 500))
EVERYWHERE = Depth(10, COUNT, COUNT)


@pytest.fixture(scope="module")
def lists() -> ivf.Lists:
    return ivf.tuned(ivf.filled(ROWS, *ivf.learned(ROWS)), DEPTHS)


def test_each_row_is_in_one_list(lists: ivf.Lists) -> None:
    assert sorted(lists.order.tolist()) == list(range(COUNT))
    assert lists.sizes.sum() == COUNT
    found = ivf.Searcher(lists).candidates(ivf.Searcher(lists).turned(QUERIES), EVERYWHERE)
    assert (np.sort(found, axis=1) == np.arange(COUNT)).all()


def test_codes_tell_the_near_from_the_far(lists: ivf.Lists) -> None:
    searcher = ivf.Searcher(lists)
    found = searcher.candidates(searcher.turned(QUERIES), Depth(10, COUNT, 200))
    truth = np.argsort(-(QUERIES @ ROWS.values.T.astype(np.float32)), axis=1)[:, :10]
    pairs = zip(truth, found, strict=True)
    assert np.mean([np.isin(*pair).mean() for pair in pairs]) > 0.95


def test_lists_that_were_kept_answer_as_before(lists: ivf.Lists) -> None:
    again = ivf.unpacked(lists.packed(), COUNT, DIM)
    assert (again.learned, again.depths) == (COUNT, DEPTHS)
    before, after = ivf.Searcher(lists), ivf.Searcher(again)
    turned = before.turned(QUERIES)
    np.testing.assert_array_equal(after.turned(QUERIES), turned)
    for depth in DEPTHS:
        ours, theirs = after.candidates(turned, depth), before.candidates(turned, depth)
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(after.counted(np.ones(COUNT, bool)), lists.sizes)


def test_the_rows_of_a_mask_are_counted_by_list(lists: ivf.Lists) -> None:
    """In one that has none, too."""
    sizes, order = np.append(lists.sizes, 0).astype(np.int32), lists.order
    centroids = np.concatenate([lists.centroids, lists.centroids[:1]])
    searcher = ivf.Searcher(replace(lists, sizes=sizes, centroids=centroids))
    mask = np.random.default_rng(3).random(COUNT) < 0.3
    of_row = np.repeat(np.arange(len(sizes)), sizes)
    expected = np.bincount(of_row[mask[order]], minlength=len(sizes))
    np.testing.assert_array_equal(searcher.counted(mask), expected)


def test_only_rows_whose_bit_is_set_are_candidates(lists: ivf.Lists) -> None:
    searcher = ivf.Searcher(lists)
    mask = np.arange(COUNT) % 3 == 0
    bits = np.packbits(mask, bitorder="little")
    found = searcher.candidates(searcher.turned(QUERIES), EVERYWHERE, bits)
    assert {*found.ravel().tolist()} == {-1, *np.flatnonzero(mask).tolist()}


def test_rows_that_stay_keep_their_codes(lists: ivf.Lists) -> None:
    """In another order, without some of them, and with new ones between."""
    places = np.concatenate([np.arange(700, COUNT), np.full(50, -1), np.arange(100)])
    new = clustered(np.random.default_rng(5), 50, DIM, 30).astype(np.float16)
    values = np.concatenate([ROWS.values[700:], new, ROWS.values[:100]])
    kept = ivf.Known(lists, places)
    rows = HeldRows(values)
    found = ivf.filled(rows, lists.rotation, lists.centroids, kept)
    anew = ivf.filled(rows, lists.rotation, lists.centroids)
    np.testing.assert_array_equal(found.order, anew.order)
    np.testing.assert_array_equal(found.codes, anew.codes)
    assert (found.learned, found.depths) == (COUNT, DEPTHS)


def change(at: int, value: int) -> Callable[[np.ndarray], None]:
    def apply(numbers: np.ndarray) -> None:
        numbers[at] = value

    return apply


NAN = int(np.array(np.nan, np.float32).view(np.int32))
AFTER_DEPTHS = 8 + 6
SIZES = AFTER_DEPTHS + DIM * DIM + 2 * 38 * DIM


@pytest.mark.parametrize(
    "damage",
    [
        *(change(at, value) for at in range(5) for value in (-1, 0, 2**31 - 1)),
        *(change(at, value) for at in (5, 6) for value in (-1, 0)),
        *(change(at, value) for at in (8, 9, 10, 11, 12, 13) for value in (-1, 0)),
        change(10, 2**31 - 1),
        change(AFTER_DEPTHS, NAN),
        change(AFTER_DEPTHS + DIM * DIM, NAN),
        change(SIZES, -1),
        change(SIZES, 2**31 - 1),
        change(SIZES + 76, -1),
        change(SIZES + 76, COUNT),
    ],
)
def test_a_number_that_leads_out_is_refused(
    lists: ivf.Lists, damage: Callable[[np.ndarray], None]
) -> None:
    assert len(lists.sizes) == 76
    copy = lists.packed()
    damage(copy[: len(copy) // 4 * 4].view("<i4"))
    with pytest.raises(ValueError):
        ivf.unpacked(copy, COUNT, DIM)


def test_a_row_that_is_in_two_lists_is_refused(lists: ivf.Lists) -> None:
    lists.packed()
    copy = lists.packed()
    numbers = copy[: len(copy) // 4 * 4].view("<i4")
    numbers[SIZES + 76] = numbers[SIZES + 77]
    with pytest.raises(ValueError, match="in several"):
        ivf.unpacked(copy, COUNT, DIM)


@pytest.mark.parametrize("length", [0, 1, 31, 32, 33, 1000])
def test_too_little_is_refused(lists: ivf.Lists, length: int) -> None:
    packed = lists.packed()
    for short in (packed[:length], packed[:-1], np.append(packed, 0).astype(np.uint8)):
        with pytest.raises(ValueError):
            ivf.unpacked(short, COUNT, DIM)


@settings(max_examples=60)
@given(st.data())
def test_whatever_is_accepted_can_be_searched(lists: ivf.Lists, data: st.DataObject) -> None:
    """A crafted file may give poor answers, but only rows that are there."""
    copy = lists.packed()
    for _ in range(data.draw(st.integers(1, 20))):
        copy[data.draw(st.integers(0, len(copy) - 1))] = data.draw(st.integers(0, 255))
    try:
        searcher = ivf.Searcher(ivf.unpacked(copy, COUNT, DIM))
    except ValueError:
        return
    for depth in searcher.lists.depths:
        found = searcher.candidates(searcher.turned(QUERIES[:3]), depth)
        assert ((found >= -1) & (found < COUNT)).all()
