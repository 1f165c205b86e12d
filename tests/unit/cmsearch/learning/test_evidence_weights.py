"""Weights of evidence: against the relevance of searches, on planted weights, and on nothing."""

from __future__ import annotations

import numpy as np
import pytest

from cmsearch.learning.evidence_weights import (
    Floats,
    Lists,
    evidence_weights,
    log_loss,
    usual,
    weighted,
)
from cmsearch.search.merge.relevance import competing, relevance

PLANTED = np.array([0.5, 1.5, 1.0])
USUAL = np.array([1.0, 1.0, 0.0])
CANDIDATES = 6


def drawn(searches: int, weights: Floats, seed: int = 0, aim: float = 1.0) -> Lists:
    """Searches among a few things with two ways that speak by chance, and which thing is meant, or
    none, by chance as the weights say.
    """
    random = np.random.default_rng(seed)
    said = np.concatenate(
        [random.normal(size=(searches, CANDIDATES, 2)), np.ones((searches, CANDIDATES, 1))], 2
    )
    known = np.full((searches, CANDIDATES), -1.0)
    odds = np.exp(said @ weights + known)
    odds = np.hstack([np.ones((searches, 1)), odds])
    chosen = (odds.cumsum(1) / odds.sum(1, keepdims=True) < random.random((searches, 1))).sum(1)
    right = chosen[:, None] == np.arange(1, CANDIDATES + 1)
    return Lists(said, known, right, np.full(searches, aim), np.arange(searches))


@pytest.mark.parametrize("aim", [1.0, 0.5])
def test_the_loss_is_that_of_the_relevance_that_hits_show(aim: float) -> None:
    lists = drawn(20, PLANTED, aim=aim)
    for row, loss in enumerate(log_loss(lists, PLANTED)):
        pairs = zip(lists.said[row] @ PLANTED + lists.known[row], lists.right[row], strict=True)
        odds = sorted(pairs, reverse=True)
        values = competing([one for one, _ in odds], range(len(odds)), len(odds), aim)
        shown = [relevance(value) for value in values]
        expected = -sum(
            np.log(one if right else 1 - one) for one, (_, right) in zip(shown, odds, strict=True)
        )
        assert loss == pytest.approx(aim * expected, rel=2e-3)


def test_the_weights_make_the_loss_with_its_ridge_least() -> None:
    lists = drawn(100, PLANTED)
    penalty = 10 * (lists.said**2).mean((0, 1))

    def cost(weights: Floats) -> float:
        ridge = penalty @ (weights - USUAL) ** 2 / 2
        return float(log_loss(lists, weights).sum() + ridge)

    found = weighted(lists)
    for step in np.eye(3) * 0.01:
        assert cost(found) < min(cost(found + step), cost(found - step))


def test_what_is_padded_counts_nothing() -> None:
    lists = drawn(50, PLANTED)
    padded = Lists(
        np.pad(lists.said, ((0, 0), (0, 3), (0, 0))),
        np.pad(lists.known, ((0, 0), (0, 3)), constant_values=-np.inf),
        np.pad(lists.right, ((0, 0), (0, 3))),
        *lists[3:],
    )
    assert log_loss(padded, PLANTED) == pytest.approx(log_loss(lists, PLANTED))
    assert weighted(padded) == pytest.approx(weighted(lists), abs=1e-6)


def test_a_stronger_ridge_stays_with_the_usual_weights() -> None:
    lists = drawn(100, PLANTED)
    assert usual(lists).tolist() == USUAL.tolist()
    assert weighted(lists, 1e9) == pytest.approx(USUAL, abs=1e-5)


def test_no_way_has_a_weight_below_0() -> None:
    assert weighted(drawn(500, np.array([-1.0, 1.0, 0.0]))).min() == 0


def test_sure_evidence_gives_finite_weights() -> None:
    lists = drawn(60, PLANTED)
    said = np.where(lists.right[..., None], 1e3, -1e3) * np.ones(3)
    found = weighted(lists._replace(said=said))
    assert np.isfinite(found).all()
    assert np.isfinite(log_loss(lists._replace(said=said), found)).all()


def test_planted_weights_are_recovered() -> None:
    found = evidence_weights(drawn(2000, PLANTED))
    assert found is not None and found.after < found.before
    assert found.weights == pytest.approx(PLANTED, abs=0.2)


def test_the_same_searches_give_the_same_weights() -> None:
    first, second = (evidence_weights(drawn(400, PLANTED)) for _ in range(2))
    assert first is not None and second is not None
    assert np.array_equal(first.weights, second.weights)


def test_where_the_usual_weights_are_right_nothing_is_learned() -> None:
    """By chance alone one of some forty sets is certain of what isn't so."""
    learned = [evidence_weights(drawn(150, USUAL, seed)) for seed in range(8)]
    assert sum(one is not None for one in learned) <= 1


def test_searches_that_depend_on_each_other_make_nothing_more_certain() -> None:
    """Each of a few stands thirty times: as one it isn't certain, as thirty it would be."""
    few = drawn(40, np.array([0.8, 1.1, 0.2]), seed=2)
    many = few.some(np.repeat(np.arange(40), 30))
    assert evidence_weights(many) is None
    assert evidence_weights(many._replace(groups=np.arange(1200))) is not None


@pytest.mark.parametrize("case", ["few groups", "none right"])
def test_what_nothing_can_be_learned_from_is_left(case: str) -> None:
    lists = drawn(400, PLANTED)
    if case == "few groups":
        lists = lists._replace(groups=np.arange(400) // 20)
    if case == "none right":
        lists = lists._replace(right=np.zeros_like(lists.right))
    assert evidence_weights(lists) is None
