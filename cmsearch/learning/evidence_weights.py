"""What each way of evidence counts, learned from searches whose right answers are known.

The log-odds of a candidate are what the ways say of it, each times its weight, with a constant; its
relevance is what they are when all candidates of a search compete (`cmsearch.search.merge`).
Weights make the log-loss of these relevances least, with a ridge towards the usual weights: so that
the order gets better where it can, and relevance says how often a hit is right.
"""

# Tested by tests/unit/cmsearch/learning/test_evidence_weights.py

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cmsearch.learning.metrics import are_certain
from cmsearch.learning.ridge import FOLDS
from cmsearch.types import IdArray

Floats = NDArray[np.float64]
STRENGTH = 10.0
"""Of the ridge, in searches: so many that the usual weights give count for these."""
LEAST = 30
"""Groups of searches; fewer say nothing of others."""
_STEPS = 100
_FAR = -1e4  # log-odds of what isn't there
_NEARLY = 1 - 1e-12


class Lists(NamedTuple):
    """What q searches found, at most k candidates each, padded."""

    said: Floats
    """What each way says `(q, k, m)`, 0 where it says nothing; the last column is of ones."""
    known: Floats
    """The log-odds `(q, k)` that are known whatever the weights; below -1000 where none is."""
    right: NDArray[np.bool_]
    """Which candidates are right `(q, k)`."""
    aims: Floats
    """From 0 to 1, how much of one thing each query means `(q,)`: so much it counts."""
    groups: IdArray
    """Which searches depend on each other `(q,)`, as those for one picture."""

    def some(self, rows: NDArray[Any]) -> Lists:
        """Those of these rows."""
        return Lists(*(one[rows] for one in self))


class Learned(NamedTuple):
    """Weights `(m,)`, and the mean log-loss of a search before and after, on what was held out."""

    weights: Floats
    before: float
    after: float


def evidence_weights(lists: Lists) -> Learned | None:
    """The weights of evidence; None where the usual ones are as good for searches held out.

    The usual weight of each way is 1, and of the last column 0. None is also given for searches of
    fewer than `LEAST` groups, or without a right candidate.
    """
    group = np.unique(lists.groups, return_inverse=True)[1]
    if not lists.right.any() or group.max() + 1 < LEAST:
        return None
    fold = (np.random.default_rng(0).permutation(group.max() + 1) % FOLDS)[group]
    after = np.zeros(len(group))
    for out in range(FOLDS):
        held = fold == out
        after[held] = log_loss(lists.some(held), weighted(lists.some(~held)))
    before = log_loss(lists, usual(lists))
    if not are_certain(before - after, group):
        return None
    return Learned(weighted(lists), float(before.mean()), float(after.mean()))


def usual(lists: Lists) -> Floats:
    """The weights `(m,)` that count as nothing learned."""
    ways = lists.said.shape[2] - 1
    return np.append(np.ones(ways), 0.0)


def weighted(lists: Lists, strength: float = STRENGTH) -> Floats:
    """The weights `(m,)` of the least log-loss with a ridge towards the usual ones; none of a way
    is below 0.

    The penalty of a weight is `strength / 2` times the squared change that it makes to the
    log-odds of a candidate, on average, so no way's unit counts.
    """
    import torch

    data = [torch.from_numpy(np.asarray(one, np.float64)) for one in lists[:4]]
    start = torch.from_numpy(usual(lists))
    there = data[1][..., None] > _FAR / 10
    penalty = strength * (torch.where(there, data[0], 0.0) ** 2).sum((0, 1)) / there.sum()
    weights = start.clone().requires_grad_()
    optimiser: Any = torch.optim.LBFGS(
        [weights], max_iter=_STEPS, tolerance_grad=1e-9, line_search_fn="strong_wolfe"
    )

    def cost() -> Any:
        optimiser.zero_grad()
        loss = _loss(data, weights).sum() + (penalty * (weights - start) ** 2).sum() / 2
        loss.backward()
        return loss

    optimiser.step(cost)
    found: Floats = weights.detach().numpy().copy()
    found[:-1] = found[:-1].clip(0)
    return found


def log_loss(lists: Lists, weights: Floats) -> Floats:
    """What relevances by these weights lose on each search `(q,)`, times its aim."""
    import torch

    data = [torch.from_numpy(np.asarray(one, np.float64)) for one in lists[:4]]
    found: Floats = _loss(data, torch.from_numpy(weights)).numpy()
    return found


def _loss(data: Sequence[Any], weights: Any) -> Any:
    """The log-loss `(q,)` of the candidates' relevances, as `relevance.competing` has them."""
    import torch

    said, known, right, aims = data
    odds = (said @ weights + known).clamp(_FAR, -_FAR)
    with_none = torch.nn.functional.pad(odds, (1, 0))  # log-odds of 0: it is none of them
    everything = torch.logsumexp(with_none, 1, keepdim=True)
    share = torch.exp(odds - everything).clamp(max=_NEARLY)
    shown = odds - aims[:, None] * (everything + torch.log1p(-share))
    losses = torch.nn.functional.softplus(shown) - right * shown
    return aims * losses.sum(1)
