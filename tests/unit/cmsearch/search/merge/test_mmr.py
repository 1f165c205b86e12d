"""Hits in the order of their maximal marginal relevance."""

from __future__ import annotations

import numpy as np
import pytest

from cmsearch.search.merge.mmr import diversified
from cmsearch.types import FloatArray


def oracle(scores: FloatArray, vectors: FloatArray, weight: float) -> list[int]:
    """As the paper writes it."""
    order: list[int] = []
    while len(order) < len(scores):
        gains = {
            one: weight * float(scores[one])
            - (1 - weight) * max(float(vectors[one] @ vectors[other]) for other in order)
            if order
            else float(scores[one])
            for one in range(len(scores))
            if one not in order
        }
        order.append(max(gains, key=lambda one: (gains[one], -one)))
    return order


@pytest.mark.parametrize("weight", [0.0, 0.3, 0.7, 1.0])
def test_the_order_is_that_of_the_paper(weight: float) -> None:
    random = np.random.default_rng(3)
    vectors = random.normal(size=(30, 6)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    scores = np.sort(random.random(30).astype(np.float32))[::-1].copy()
    assert diversified(scores, vectors, weight).tolist() == oracle(scores, vectors, weight)


def test_another_thing_comes_before_the_same_again() -> None:
    vectors = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    scores = np.array([0.9, 0.8, 0.5], np.float32)
    assert diversified(scores, vectors, 0.5).tolist() == [0, 2, 1]
    assert diversified(scores, vectors, 1.0).tolist() == [0, 1, 2]


def test_of_equal_ones_the_earlier_comes_first() -> None:
    vectors = np.tile(np.eye(1, 3, dtype=np.float32), (4, 1))
    assert diversified(np.ones(4, np.float32), vectors, 0.5).tolist() == [0, 1, 2, 3]


def test_nothing_gives_nothing() -> None:
    found = diversified(np.zeros(0, np.float32), np.zeros((0, 3), np.float32), 0.5)
    assert found.tolist() == []
