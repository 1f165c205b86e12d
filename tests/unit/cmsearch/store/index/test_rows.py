"""Rows of float16, in memory and in files, and the nearest of them."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np
import pytest

from cmsearch.protocols import VectorRows
from cmsearch.store.index.rows import (
    CHUNK,
    CheckedRows,
    HalfArray,
    HeldRows,
    JoinedRows,
    nearest,
)
from cmsearch.types import IdArray
from tests.oracle import unit_vectors

DIM, BLOCK = 24, 1000  # rows of 48 bytes: some lie in two blocks
ROWS = unit_vectors(np.random.default_rng(0), 500, DIM).astype("<f2")


def checked(data: bytes, instead: Callable[[IdArray], HalfArray]) -> CheckedRows:
    """The rows of a file, of which `ROWS` were written."""
    whole = ROWS.tobytes()
    sums = [zlib.crc32(whole[at : at + BLOCK]) for at in range(0, len(whole), BLOCK)]
    return CheckedRows(np.frombuffer(data, np.uint8), DIM, (BLOCK, np.array(sums)), instead)


def nothing(numbers: IdArray) -> HalfArray:
    raise AssertionError(f"{numbers} are not damaged")


@pytest.mark.parametrize(
    "rows",
    [
        HeldRows(ROWS),
        checked(ROWS.tobytes(), nothing),
        JoinedRows([HeldRows(ROWS[:20]), HeldRows(ROWS[20:41]), HeldRows(ROWS[41:])]),
    ],
)
def test_rows_are_those_that_were_written(rows: VectorRows) -> None:
    numbers = np.array([0, 499, 20, 20, 41])
    assert rows.size == (500, DIM)
    np.testing.assert_array_equal(rows.at(numbers), ROWS[numbers])
    np.testing.assert_array_equal(rows.between(490, 600), ROWS[490:])
    np.testing.assert_array_equal(rows.between(19, 42), ROWS[19:42])
    assert rows.between(500, 600).shape == (0, DIM)


def test_the_rows_of_a_damaged_block_are_had_from_elsewhere() -> None:
    data = bytearray(ROWS.tobytes())
    data[1500] ^= 1  # in the second block, which has rows 20, half of it, to 41
    asked = list[int]()

    def instead(numbers: IdArray) -> HalfArray:
        asked.extend(numbers.tolist())
        return ROWS[numbers]

    rows = checked(bytes(data), instead)
    np.testing.assert_array_equal(rows.at(np.arange(10)), ROWS[:10])
    assert asked == []
    np.testing.assert_array_equal(rows.at(np.arange(10, 60)), ROWS[10:60])
    np.testing.assert_array_equal(rows.between(0, 500), ROWS)
    assert asked == [*range(20, 42)] * 2


@pytest.mark.parametrize("numbers", [None, np.array([3]), np.arange(0, 500, 7)])
def test_the_nearest_are_those_that_every_comparison_finds(numbers: IdArray | None) -> None:
    queries = unit_vectors(np.random.default_rng(1), 5, DIM)
    own = np.arange(500) if numbers is None else numbers
    for query in queries:
        scores, found = nearest(HeldRows(ROWS), query, 10, numbers)
        truth = ROWS[own].astype(np.float32) @ query
        best = np.argsort(-truth, kind="stable")[:10]
        assert found.tolist() == own[best].tolist()
        np.testing.assert_allclose(scores, truth[best], atol=1e-6)


def test_the_nearest_over_several_parts_and_ties() -> None:
    rows = np.zeros((2 * CHUNK + 5, 4), np.float16)
    rows[[3, CHUNK + 1, 2 * CHUNK + 4], 0] = 0.5, 1, 1
    scores, found = nearest(HeldRows(rows), np.array([1, 0, 0, 0], np.float32), 3)
    assert found.tolist() == [CHUNK + 1, 2 * CHUNK + 4, 3]
    assert scores.tolist() == [1, 1, 0.5]


@pytest.mark.parametrize("crafted", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_never_found(crafted: float) -> None:
    rows = ROWS.copy()
    rows[5] = crafted
    found = nearest(HeldRows(rows), ROWS[7].astype(np.float32), 500)[1]
    assert 5 not in found
    assert found[0] == 7
