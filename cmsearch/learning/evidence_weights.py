"""What each way of ranking counts, learned from right and wrong answers: logistic regression.

The log-odds of being right are `features @ weights`. A ridge pulls the weights towards those that
ship, by a strength that is chosen where groups of answers are held out, and others than these are
given only where they are certainly better there.
"""

# Tested by tests/unit/cmsearch/learning/test_evidence_weights.py

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cmsearch.learning.ridge import FOLDS
from cmsearch.types import FloatArray, IdArray

Floats = NDArray[np.float64]
STRENGTHS = (1.0, 10.0, 100.0, 1000.0)
"""Of the pull towards the prior, in observations: each weight by the scale of its feature."""
CERTAIN = 2.0
"""Standard errors by which the log-loss has to be lower than by the prior's weights."""
STEPS = 50
LEAST = 10
"""Groups of answers; fewer say nothing of others."""


def evidence_weights(
    features: FloatArray, targets: NDArray[np.bool_], groups: IdArray, prior: FloatArray
) -> Floats | None:
    """The weights `(m,)` of evidence, or None where those of the `prior` are as good.

    `features (n, m)` of n answers hold a column of ones where the weights have an offset;
    `targets (n,)` say which answers are right, `groups (n,)` which depend on each other, as those
    to captions of one picture, and are held out together. None is also given for answers that are
    all right or all wrong, of fewer than `LEAST` groups, or not finite.
    """
    rows, right = np.asarray(features, np.float64), np.asarray(targets, np.float64)
    start = np.asarray(prior, np.float64)
    group = np.unique(groups, return_inverse=True)[1]
    if len(right) == 0 or right.min() == right.max() or group.max() + 1 < LEAST:
        return None
    if not (np.isfinite(rows).all() and np.isfinite(start).all()):
        return None
    fold = (np.random.default_rng(0).permutation(group.max() + 1) % FOLDS)[group]
    losses = np.zeros((len(STRENGTHS), len(right)))
    nested = np.zeros(len(right))
    for out in range(FOLDS):
        held, rest = fold == out, fold != out
        inner = _held_out(rows[rest], right[rest], fold[rest], start)
        for place, strength in enumerate(STRENGTHS):
            weights = regression(rows[rest], right[rest], start, strength)
            losses[place, held] = log_loss(rows[held] @ weights, right[held])
        nested[held] = losses[int(inner.mean(1).argmin()), held]
    gains = log_loss(rows @ start, right) - nested
    of_groups = np.bincount(group, gains - gains.mean())
    if gains.mean() * len(gains) <= CERTAIN * float(np.sqrt((of_groups**2).sum())):
        return None
    return regression(rows, right, start, STRENGTHS[int(losses.mean(1).argmin())])


def regression(rows: Floats, right: Floats, prior: Floats, strength: float) -> Floats:
    """The weights `(m,)` of the least log-loss with a ridge towards the prior, by Newton's steps.

    The penalty of a weight is `strength / 2` times the squared change that it makes to the
    log-odds on average over the rows `(n, m)`, so no feature's unit counts (Hastie et al. 2009,
    4.4.1 and 3.4.1).
    """
    penalty = strength * np.maximum((rows**2).mean(0), 1e-12)

    def cost(weights: Floats) -> float:
        pull = penalty @ (weights - prior) ** 2 / 2
        return float(log_loss(rows @ weights, right).sum() + pull)

    weights, lowest = prior.copy(), cost(prior)
    for _ in range(STEPS):
        chance = 0.5 * (1 + np.tanh(rows @ weights / 2))
        slope = rows.T @ (chance - right) + penalty * (weights - prior)
        curve = (rows.T * (chance * (1 - chance))) @ rows + np.diag(penalty)
        step = np.linalg.solve(curve, slope)
        tried = cost(weights - step)
        while tried > lowest and np.abs(step).max() > 1e-10:  # a step too far
            step = step / 2
            tried = cost(weights - step)
        if not tried < lowest - 1e-10:
            break
        weights, lowest = weights - step, tried
    return weights


def log_loss(log_odds: Floats, right: Floats) -> Floats:
    """The negative log-likelihood `(n,)` of what is right, without overflow."""
    found: Floats = np.logaddexp(0, log_odds) - right * log_odds
    return found


def _held_out(rows: Floats, right: Floats, fold: IdArray, prior: Floats) -> Floats:
    """The log-loss `(strengths, n)` of each row where its fold is held out."""
    found = np.zeros((len(STRENGTHS), len(right)))
    for out in np.unique(fold).tolist():
        held, rest = fold == out, fold != out
        for place, strength in enumerate(STRENGTHS):
            weights = regression(rows[rest], right[rest], prior, strength)
            found[place, held] = log_loss(rows[held] @ weights, right[held])
    return found
