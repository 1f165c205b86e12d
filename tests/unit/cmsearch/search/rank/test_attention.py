"""Late interaction against its formula, written out token by token."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmsearch.search.rank.attention import Tokens, attend, attention_map
from cmsearch.types import FloatArray

DIM = 16


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(7)


def tokens(random: np.random.Generator, count: int) -> Tokens:
    vectors = random.normal(size=(count, DIM))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32), random.uniform(0.1, 2, count).astype(np.float32)


def oracle(query: Tokens, item: Tokens, temperature: float) -> float:
    """softmax(Q Kᵀ / T) · (Q Kᵀ), summed over the keys and averaged over the queries by weight.

    In float64, over the tokens whose weight isn't 0.
    """
    words, shares = (part.astype(np.float64) for part in query)
    keys = item[0][item[1] > 0].astype(np.float64)
    if not len(keys) or not shares.sum():
        return 0.0
    similarities = np.einsum("wd,td->wt", words, keys)
    scaled = similarities / temperature
    powers = np.exp(scaled - scaled.max(axis=1)[:, None])
    attention = np.einsum("wt,w->wt", powers, 1 / np.einsum("wt->w", powers))
    return float(np.einsum("wt,wt,w->", attention, similarities, shares / shares.sum()))


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 12),
    st.lists(st.integers(0, 10), min_size=1, max_size=6),
    st.floats(0.01, 2),
)
def test_scores_are_those_of_the_formula(
    seed: int, words: int, lengths: list[int], temperature: float
) -> None:
    """Also of items with fewer tokens than others, with none, and with tokens of weight 0."""
    random = np.random.default_rng(seed)
    query, items = tokens(random, words), [tokens(random, length) for length in lengths]
    query[1][random.random(words) < 0.2] = 0
    for _, weights in items:
        weights[random.random(len(weights)) < 0.3] = 0
    found = attend(query, items, temperature)
    assert found.shape == (len(items),)
    expected = [oracle(query, item, temperature) for item in items]
    assert found == pytest.approx(expected, abs=1e-4)


def test_a_token_of_weight_0_is_no_token(random: np.random.Generator) -> None:
    query, item = tokens(random, 4), tokens(random, 6)
    item[1][[0, 3]] = 0
    kept = item[1] > 0
    shorter = item[0][kept], item[1][kept]
    assert attend(query, [item], 0.1) == pytest.approx(attend(query, [shorter], 0.1), abs=1e-6)


def test_an_item_counts_the_same_whatever_is_beside_it(random: np.random.Generator) -> None:
    query = tokens(random, 5)
    items = [tokens(random, length) for length in (1, 10, 0, 4)]
    alone = [attend(query, [item], 0.05)[0] for item in items]
    assert attend(query, items, 0.05) == pytest.approx(alone, abs=1e-6)


@pytest.mark.parametrize("temperature", [1e-4, 1e-6, 1e-30])
def test_as_the_temperature_falls_the_best_token_counts(
    random: np.random.Generator, temperature: float
) -> None:
    """ColBERT's sum of maxima, divided by the number of the query's tokens."""
    query, items = tokens(random, 6), [tokens(random, length) for length in (10, 3, 1)]
    query[1][:] = 1
    best = [np.mean((query[0] @ item.T).max(axis=1)) for item, _ in items]
    assert attend(query, items, temperature) == pytest.approx(best, abs=1e-4)


def test_as_the_temperature_rises_all_tokens_count_the_same(random: np.random.Generator) -> None:
    query, item = tokens(random, 6), tokens(random, 8)
    query[1][:] = 1
    assert attend(query, [item], 1e6) == pytest.approx([np.mean(query[0] @ item[0].T)], abs=1e-4)


def test_only_the_proportions_of_a_querys_weights_count(random: np.random.Generator) -> None:
    (words, weights), item = tokens(random, 6), tokens(random, 8)
    once, thrice = (attend((words, weights * by), [item], 0.1) for by in (1, 3))
    assert once == pytest.approx(thrice, abs=1e-6)
    assert attend((words, np.eye(6, dtype=np.float32)[2]), [item], 0.1) == pytest.approx(
        attend((words[2:3], np.ones(1, np.float32)), [item], 0.1), abs=1e-6
    )


def test_nothing_finds_nothing(random: np.random.Generator) -> None:
    query, item = tokens(random, 3), tokens(random, 4)
    none = np.zeros((0, DIM), np.float32), np.zeros(0, np.float32)
    silent = query[0], np.zeros(3, np.float32)
    assert attend(query, [], 0.1).shape == (0,)
    assert attend(query, [none, none], 0.1).tolist() == [0, 0]
    assert attend(none, [item], 0.1).tolist() == [0]
    assert attend(silent, [item, item], 0.1).tolist() == [0, 0]


@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.integers(1, 10), st.floats(0.01, 2))
def test_the_map_of_a_word_sums_to_1(
    seed: int, words: int, length: int, temperature: float
) -> None:
    random = np.random.default_rng(seed)
    query, item = tokens(random, words), tokens(random, length)
    item[1][1:][random.random(length - 1) < 0.5] = 0
    found: FloatArray = attention_map(query, item, temperature)
    assert found.shape == (words, length)
    assert found.sum(axis=1) == pytest.approx(np.ones(words), abs=1e-5)
    assert (found >= 0).all() and (found[:, item[1] == 0] == 0).all()
    attended = ((found * (query[0] @ item[0].T)).sum(1) * query[1]).sum() / query[1].sum()
    assert attend(query, [item], temperature) == pytest.approx([attended], abs=1e-4)
