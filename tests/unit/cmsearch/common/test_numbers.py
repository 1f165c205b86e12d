"""Lengths and shares of rows of numbers."""

from __future__ import annotations

import numpy as np
import pytest

from cmsearch.common.numbers import are_unit, distinct, softmax


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_vectors_of_length_1_are_told_from_others(kind: type[np.floating]) -> None:
    row = np.full(64, 1 / 8)
    rows = np.stack([row, row * 0.995, row * 1.005, row * 0.98, row * 1.02, row * 0]).astype(kind)
    assert are_unit(rows).tolist() == [True, True, True, False, False, False]
    assert are_unit(rows[:0]).shape == (0,)


def test_what_is_no_number_has_no_length() -> None:
    rows = np.array([[np.nan, 1], [np.inf, 0], [-np.inf, np.inf], [3e38, 3e38], [0, 1]], np.float32)
    assert are_unit(rows).tolist() == [False, False, False, False, True]


def test_distinct_numbers_are_in_order() -> None:
    assert distinct([3, 1, 3, -2]).tolist() == [-2, 1, 3]
    assert distinct([]).dtype == np.int64


def test_shares_add_up_to_1_over_the_last_axis() -> None:
    values = np.array([[[0, 0, 0, 0], [1000, 0, -1000, -np.inf]]], np.float32)
    shares = softmax(values)
    assert shares.dtype == np.float32
    np.testing.assert_allclose(shares, [[[0.25] * 4, [1, 0, 0, 0]]], atol=1e-6)


def test_where_nothing_may_be_chosen_all_shares_are_0() -> None:
    assert softmax(np.full((2, 3), -np.inf, np.float32)).tolist() == [[0.0] * 3] * 2
