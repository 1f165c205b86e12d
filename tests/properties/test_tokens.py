"""Tokens survive their eight bits with a known error."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cmsearch.store.catalog.blobs import pack_tokens, unpack_tokens
from cmsearch.types import MAX_TOKENS, FloatArray

HALF_EPSILON = 2**-11
"""The greatest relative error of rounding to float16."""

# Whole weights below 2048 are exact in float16; 0 is filling.
weight_lists = st.lists(st.integers(0, 20), max_size=2 * MAX_TOKENS)
seeds = st.integers(0, 2**32 - 1)


def made(seed: int, weights: list[int], dim: int) -> tuple[FloatArray, FloatArray]:
    """Tokens of all lengths between 0.01 and 10, and the weights."""
    random = np.random.default_rng(seed)
    lengths = 10 ** random.uniform(-2, 1, (len(weights), 1))
    rows = random.normal(size=(len(weights), dim))
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return (lengths * unit).astype(np.float32), np.array(weights, np.float32)


@given(seeds, weight_lists, st.integers(1, 40))
def test_what_is_unpacked_is_what_was_packed(seed: int, weights: list[int], dim: int) -> None:
    tokens, given_weights = made(seed, weights, dim)
    found, found_weights = unpack_tokens(pack_tokens(tokens, given_weights), dim)
    kept = np.flatnonzero(given_weights)[:MAX_TOKENS]
    assert found.shape == (len(kept), dim)
    np.testing.assert_array_equal(found_weights, given_weights[kept])
    largest = np.abs(tokens[kept]).max(1, keepdims=True, initial=0)
    bound = largest / 127 / 2 + 2 * HALF_EPSILON * largest  # half a step, and the rounded scale
    assert (np.abs(found - tokens[kept]) <= bound).all()


@given(seeds, weight_lists, st.integers(1, 40))
def test_packing_again_changes_no_byte_of_the_values(
    seed: int, weights: list[int], dim: int
) -> None:
    packed = pack_tokens(*made(seed, weights, dim))
    again = pack_tokens(*unpack_tokens(packed, dim))
    one, other = (
        np.frombuffer(blob, np.int8).reshape(-1, dim + 4)[:, 4:] for blob in (packed, again)
    )
    np.testing.assert_array_equal(one, other)


@given(seeds)
def test_ten_tokens_fit_a_page_of_memory(seed: int) -> None:
    packed = pack_tokens(*made(seed, [1] * 10, 384))
    assert len(packed) == 10 * (384 + 2 + 2) <= 4096


def test_zero_tokens_stay_zero() -> None:
    found, weights = unpack_tokens(
        pack_tokens(np.zeros((2, 3), np.float32), np.ones(2, np.float32)), 3
    )
    np.testing.assert_array_equal(found, np.zeros((2, 3)))
    np.testing.assert_array_equal(weights, [1, 1])
