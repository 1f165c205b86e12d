"""Nearest-neighbour normalisation against a loop written from its paper."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmsearch.hubness import nearest_neighbour_bias
from cmsearch.types import FloatArray


def unit(random: np.random.Generator, count: int, dim: int = 12) -> FloatArray:
    rows = random.normal(size=(count, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def bias_of(item: FloatArray, bank: FloatArray, k: int) -> float:
    """The mean of the k highest scores of a gallery item over the reference queries.

    b(r) = 1/k Σ s(q_j, r) over the k queries q_j of the bank with the highest s(q_j, r) (Chowdhury
    et al. 2024, section 3).
    """
    scores = sorted((float(np.dot(item, query)) for query in bank), reverse=True)
    return sum(scores[:k]) / len(scores[:k])


@given(st.integers(0, 2**32 - 1), st.integers(1, 15), st.integers(1, 20), st.integers(1, 25))
def test_biases_are_those_of_the_paper(seed: int, items: int, queries: int, k: int) -> None:
    """Also where there are fewer queries in the bank than k."""
    random = np.random.default_rng(seed)
    gallery, bank = unit(random, items), unit(random, queries)
    found = nearest_neighbour_bias(gallery, bank, k)
    assert found.shape == (items,)
    assert found == pytest.approx([bias_of(item, bank, k) for item in gallery], abs=1e-5)


@pytest.mark.parametrize("strength", [0.5, 0.75, 1.0])
def test_corrected_rankings_are_those_of_the_paper(strength: float) -> None:
    """s(q, r) - α b(r), for each query of its own the whole gallery in order."""
    random = np.random.default_rng(3)
    gallery, bank, queries = unit(random, 40), unit(random, 30), unit(random, 10)
    corrected = queries @ gallery.T - strength * nearest_neighbour_bias(gallery, bank, 4)
    for query, row in zip(queries, corrected, strict=True):
        scores = [float(np.dot(query, one)) - strength * bias_of(one, bank, 4) for one in gallery]
        assert row == pytest.approx(scores, abs=1e-5)
        expected = sorted(range(len(gallery)), key=lambda place: -scores[place])
        assert np.argsort(-row, kind="stable").tolist() == expected


def test_a_hub_gives_way() -> None:
    """What every query of the bank finds first is found by none of them once it is corrected."""
    own = np.eye(8, dtype=np.float32)
    hub = np.full(8, 1 / np.sqrt(8), np.float32)
    gallery = np.concatenate([0.3 * own, hub[None]])
    before = own @ gallery.T
    after = before - nearest_neighbour_bias(gallery, own, 4)
    assert set(before.argmax(1)) == {8}
    assert after.argmax(1).tolist() == list(range(8))


def test_without_a_bank_there_is_no_bias() -> None:
    random = np.random.default_rng(0)
    empty = np.zeros((0, 12), np.float32)
    assert nearest_neighbour_bias(unit(random, 3), empty, 4).tolist() == [0, 0, 0]
    assert nearest_neighbour_bias(empty, unit(random, 3), 4).shape == (0,)
