"""Weights of evidence: against conditions of the optimum, on planted weights, and on nothing."""

from __future__ import annotations

import numpy as np
import pytest

from cmsearch.learning.evidence_weights import Floats, evidence_weights, log_loss, regression

PLANTED = np.array([-2.0, 1.5, 0.5])
PRIOR = np.array([-1.0, 1.0, 1.0])


def drawn(n: int, weights: Floats, seed: int = 0) -> tuple[Floats, np.ndarray]:
    """Rows of an offset and two ways, and whether they are right by chance as the weights say."""
    random = np.random.default_rng(seed)
    rows = np.hstack([np.ones((n, 1)), random.normal(size=(n, 2))])
    return rows, random.random(n) < 1 / (1 + np.exp(-rows @ weights))


def test_the_weights_are_the_minimum_of_their_loss() -> None:
    """Its slope is 0 there, which with a convex loss only the minimum has."""
    rows, right = drawn(200, PLANTED)
    found = regression(rows, right.astype(float), PRIOR, 3.0)
    chance = 1 / (1 + np.exp(-rows @ found))
    pull = 3.0 * (rows**2).mean(0) * (found - PRIOR)
    assert rows.T @ (chance - right) + pull == pytest.approx(0, abs=1e-5)


def test_a_stronger_pull_stays_with_the_prior() -> None:
    rows, right = drawn(200, PLANTED)
    assert regression(rows, right.astype(float), PRIOR, 1e9) == pytest.approx(PRIOR, abs=1e-5)


def test_no_feature_has_a_unit() -> None:
    rows, right = drawn(200, PLANTED)
    units = np.array([1.0, 1000.0, 0.001])
    plain = regression(rows, right.astype(float), PRIOR, 10.0)
    other = regression(rows * units, right.astype(float), PRIOR / units, 10.0)
    assert other * units == pytest.approx(plain, abs=1e-5)


def test_what_is_separable_has_finite_weights() -> None:
    rows = np.hstack([np.ones((40, 1)), np.linspace(-50, 50, 40)[:, None]])
    found = regression(rows, (rows[:, 1] > 0).astype(float), np.array([0.0, 100.0]), 1.0)
    assert np.isfinite(found).all()
    assert found[1] > 0


def test_the_loss_never_overflows() -> None:
    found = log_loss(np.array([-1e4, 1e4, 0.0]), np.array([1.0, 1.0, 0.0]))
    assert found == pytest.approx([1e4, 0, np.log(2)])


def test_planted_weights_are_recovered() -> None:
    rows, right = drawn(3000, PLANTED)
    found = evidence_weights(rows, right, np.arange(3000), PRIOR)
    assert found is not None
    assert found == pytest.approx(PLANTED, abs=0.2)


def test_the_same_rows_give_the_same_weights() -> None:
    rows, right = drawn(1000, PLANTED)
    first, second = (evidence_weights(rows, right, np.arange(1000), PRIOR) for _ in range(2))
    assert first is not None and np.array_equal(first, second)


def test_where_the_prior_is_right_nothing_is_learned() -> None:
    """By chance alone one of some forty sets is certain of what isn't so."""
    learned = [
        evidence_weights(*drawn(300, PRIOR, seed), np.arange(300), PRIOR) for seed in range(10)
    ]
    assert sum(one is not None for one in learned) <= 1


def test_answers_that_depend_on_each_other_make_nothing_more_certain() -> None:
    """Each of a few answers stands fifty times: as one it isn't certain, as fifty it would be."""
    rows, right = drawn(40, PRIOR * 0.5, seed=1)
    many = np.repeat(rows, 50, axis=0), np.repeat(right, 50)
    assert evidence_weights(*many, np.repeat(np.arange(40), 50), PRIOR) is None
    assert evidence_weights(*many, np.arange(2000), PRIOR) is not None


@pytest.mark.parametrize("case", ["none", "all right", "few groups", "not finite"])
def test_what_nothing_can_be_learned_from_is_left(case: str) -> None:
    rows, right = drawn(0 if case == "none" else 100, PLANTED)
    groups = np.arange(len(right))
    if case == "all right":
        right[:] = True
    if case == "few groups":
        groups //= 20
    if case == "not finite":
        rows[3, 1] = np.nan
    assert evidence_weights(rows, right, groups, PRIOR) is None
