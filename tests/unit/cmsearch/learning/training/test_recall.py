"""Ranks and recall on a set small enough to do by hand."""

from __future__ import annotations

import numpy as np
import pytest

from cmsearch.learning.metrics import Gold
from cmsearch.learning.training.recall import mean_recall, measures, ranks

PICTURES = {"p": np.array([1.0, 0.0]), "q": np.array([0.0, 1.0]), "r": np.array([0.6, 0.8])}
CAPTIONS = {"of p": np.array([0.8, 0.6]), "of q and r": np.array([1.0, 0.1])}
PAIRS = [Gold("p", "of p"), Gold("q", "of q and r"), Gold("r", "of q and r")]


def test_ranks_are_of_the_best_right_answer() -> None:
    found = ranks(PICTURES, CAPTIONS, PAIRS)
    # "of p" scores 0.8, 0.6 and 0.96; "of q and r" 1.0, 0.1 and 0.68, of which r is right.
    assert found["text→image"].tolist() == [2, 2]
    # p scores 0.8 and 1.0; q 0.6 and 0.1; r 0.96 and 0.68.
    assert found["image→text"].tolist() == [2, 2, 2]


def test_what_ties_with_the_right_answer_comes_before_it() -> None:
    same = {name: np.array([1.0, 0.0]) for name in PICTURES}
    assert ranks(same, CAPTIONS, PAIRS)["text→image"].tolist() == [3, 2]


def test_vectors_that_are_no_numbers_find_nothing() -> None:
    broken = {name: np.array([np.nan, np.nan]) for name in PICTURES}
    assert ranks(broken, CAPTIONS, PAIRS)["text→image"].tolist() == [3, 2]


def test_recall_and_mean_reciprocal_rank() -> None:
    found = {"text→image": np.array([1, 2, 7, 40]), "image→text": np.array([1, 1, 1, 6])}
    of = measures(found)["text→image"]
    expected = {"recall@1": 1 / 4, "recall@5": 2 / 4, "recall@10": 3 / 4}
    expected |= {"mrr": (1 + 1 / 2 + 1 / 7 + 1 / 40) / 4}
    assert {name: one.value for name, one in of.items()} == pytest.approx(expected)
    assert mean_recall(found) == pytest.approx((1 / 4 + 2 / 4 + 3 / 4 + 3 / 4 + 3 / 4 + 1) / 6)
