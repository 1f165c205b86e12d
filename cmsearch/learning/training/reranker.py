"""Trains a reranker's network: to put right answers first in lists that a first stage made."""

# Tested by tests/unit/cmsearch/learning/test_fit_reranker.py

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from cmsearch.learning.training.crossing import DROPOUT, HEADS, LAYERS, WIDTH, Crossing
from cmsearch.learning.training.one_thread import one_thread
from cmsearch.types import FloatArray, IdArray, Modality

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5)
"""How much of what was learned may be added; chosen where it was not learned."""
_TEMPERATURES = np.geomspace(1.0, 0.003, 24)
"""The first of them where scores say nothing."""
_MOST_NORM = 1.0
_AT_ONCE = 8
"""Queries that are judged at once without being learned from."""


@dataclass(frozen=True, slots=True)
class Material:
    """Tokens of t texts and p pictures: `words (t, w, dim)` with `weights (t, w)`, and `cells
    (p, c, dim)`, which are `present (p, c)` by a weight above 0.
    """

    words: FloatArray
    weights: FloatArray
    cells: FloatArray
    present: FloatArray


@dataclass(frozen=True, slots=True)
class Lists:
    """What the stages before gave q queries: c candidates each, the best first.

    `queries (q,)` and `candidates (q, c)` are rows of texts and pictures, or the other way, by
    `asked`, the modality of the queries. `scores (q, c)` order the candidates, `right (q, c)` says
    which are right, and `beyond (q,)` which rank the best right one has where none is among them.
    The others count as wrong; `wrong (q, c)` says of which that is known.
    """

    asked: Modality
    queries: IdArray
    candidates: IdArray
    scores: FloatArray
    right: NDArray[np.bool_]
    beyond: NDArray[np.float64]
    wrong: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Settings:
    """How to learn; the rate was chosen on rendered shapes, for which docs/learning.md has the
    figures.
    """

    width: int = WIDTH
    heads: int = HEADS
    layers: int = LAYERS
    dropout: float = DROPOUT
    rate: float = 3e-3
    decay: float = 0.05
    batch: int = 16
    candidates: int = 32
    epochs: int = 20
    steps: tuple[int, int] = (600, 2000)
    """At least and at most, however few or many lists there are."""
    checks: int = 40
    """How often it is looked whether it still becomes better."""
    patience: int = 10
    warm_up: int = 50
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Trained:
    """The network's numbers, and by the modality of the query the temperature of the scores and
    the share of `SHARES` that was best; 0 where it is better left out.
    """

    net: Crossing
    shares: dict[Modality, float]
    temperatures: dict[Modality, float]

    def added(self, data: Tensors, lists: Lists) -> FloatArray:
        """What it adds to the scores `(q, c)` of lists."""
        scale = self.shares[lists.asked] * self.temperatures[lists.asked]
        return scale * judgements(self.net, data, lists)


def train(
    data: Tensors,
    learned: Mapping[Modality, Lists],
    chosen: Mapping[Modality, Lists],
    settings: Settings,
    tell: Callable[[int, int], object] = lambda done, total: None,
) -> Trained:
    """Learn from the lists of each direction, and choose when to stop, and how much of it counts,
    by others, of pictures that it doesn't learn from.

    The same numbers for the same lists and settings on the same machine. `tell` hears how many
    steps of how many are done.
    """
    with torch.random.fork_rng(devices=[]), one_thread():
        torch.manual_seed(settings.seed)
        return _Training(data, learned, chosen, settings).run(tell)


class _Training:
    def __init__(
        self,
        data: Tensors,
        learned: Mapping[Modality, Lists],
        chosen: Mapping[Modality, Lists],
        settings: Settings,
    ) -> None:
        self._data = data
        self._learned = list(learned.values())
        self._chosen = chosen
        self._settings = settings
        self._random = np.random.default_rng(settings.seed)
        self._temperatures = {key: temperature(one) for key, one in learned.items()}
        self._net = Crossing(
            data.dim,
            width=settings.width,
            heads=settings.heads,
            layers=settings.layers,
            dropout=settings.dropout,
        )
        self._optimiser = torch.optim.AdamW(
            self._net.parameters(), lr=settings.rate, weight_decay=settings.decay
        )

    def run(self, tell: Callable[[int, int], object]) -> Trained:
        settings = self._settings
        queries = sum(len(one.queries) for one in self._learned)
        least, most = settings.steps
        steps = min(max(settings.epochs * queries // settings.batch, least), most)
        each = max(1, steps // settings.checks)
        best, best_step, state = self._mrr(), 0, self._state()
        orders = [self._order(one) for one in self._learned]
        for step in range(steps):
            number = step % len(self._learned)
            self._step(self._learned[number], next(orders[number]), step, steps)
            tell(step + 1, steps)
            if (step + 1) % each == 0 or step + 1 == steps:
                mrr = self._mrr()
                if mrr > best:
                    best, best_step, state = mrr, step, self._state()
                elif step - best_step >= settings.patience * each:
                    break
        self._net.load_state_dict(state)
        self._net.eval()
        return Trained(self._net, self._shares(), self._temperatures)

    def _state(self) -> dict[str, Tensor]:
        return {name: one.clone() for name, one in self._net.state_dict().items()}

    def _order(self, lists: Lists) -> Iterator[IdArray]:
        """Places of queries, a batch each, in an order of chance again and again."""
        while True:
            order = self._random.permutation(len(lists.queries))
            size = min(self._settings.batch, len(order))
            for start in range(0, len(order) - size + 1, size):
                yield order[start : start + size]

    def _step(self, lists: Lists, rows: IdArray, step: int, steps: int) -> None:
        settings = self._settings
        self._net.train()
        warm = min(1.0, (step + 1) / settings.warm_up)
        for group in self._optimiser.param_groups:
            group["lr"] = settings.rate * warm * 0.5 * (1 + np.cos(np.pi * step / steps))
        columns, is_other = self._some(lists.right[rows], lists.wrong[rows])
        candidates = np.take_along_axis(lists.candidates[rows], columns, 1)
        scores = np.take_along_axis(lists.scores[rows], columns, 1)
        logits = torch.tensor(scores / self._temperatures[lists.asked], dtype=torch.float32)
        logits = logits + self._data.judged(self._net, lists.asked, lists.queries[rows], candidates)
        logits = logits.masked_fill(torch.tensor(is_other), -1e9)
        loss = functional.cross_entropy(logits, torch.zeros(len(rows), dtype=torch.long))
        self._optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._net.parameters(), _MOST_NORM)
        self._optimiser.step()

    def _some(
        self, right: NDArray[np.bool_], wrong: NDArray[np.bool_]
    ) -> tuple[IdArray, NDArray[np.bool_]]:
        """The columns `(b, k)` of a right candidate, which is the first, of those that are known to
        be wrong, and of others by chance; and which of them are right as well, and are not to be
        learned from as wrong.
        """
        keys = self._random.random(right.shape)
        first = np.where(right, keys, -1).argmax(1)
        keys[right] -= 1
        keys[wrong] += 1
        keys[np.arange(len(right)), first] = 2
        columns = np.argsort(-keys, axis=1)[:, : self._settings.candidates]
        is_other = np.take_along_axis(right, columns, 1)
        is_other[:, 0] = False
        return columns, is_other

    def _mrr(self) -> float:
        return float(np.mean([self._mrrs(one)[1.0] for one in self._chosen.values()]))

    def _mrrs(self, lists: Lists) -> dict[float, float]:
        """By share the mean reciprocal rank."""
        found = judgements(self._net, self._data, lists)
        scale = self._temperatures[lists.asked]
        return {
            share: float((1 / ranked(lists, lists.scores + share * scale * found)).mean())
            for share in SHARES
        }

    def _shares(self) -> dict[Modality, float]:
        found = {key: self._mrrs(lists) for key, lists in self._chosen.items()}
        return {key: max(mrrs, key=lambda one: mrrs[one]) for key, mrrs in found.items()}


class Tensors:
    """The material as torch takes it."""

    def __init__(self, material: Material) -> None:
        self._words = torch.from_numpy(material.words)
        self._weights = torch.from_numpy(material.weights)
        self._cells = torch.from_numpy(material.cells)
        self._present = torch.from_numpy(material.present)
        self.dim = material.words.shape[-1]

    def judged(
        self, net: Crossing, asked: Modality, queries: IdArray, candidates: IdArray
    ) -> Tensor:
        """Judgements `(q, c)` of the candidates `(q, c)` of q queries."""
        one, many = torch.from_numpy(queries)[:, None], torch.from_numpy(candidates)
        texts, pictures = (one, many) if asked is Modality.TEXT else (many, one)
        similar = self._words[texts] @ self._cells[pictures].transpose(-1, -2)
        # Each is brought to the network's width once, though it stands in many lists.
        read, seen = (
            brought(rows[some])[place]
            for brought, rows, (some, place) in (
                (net.read, self._words, torch.unique(texts, return_inverse=True)),
                (net.seen, self._cells, torch.unique(pictures, return_inverse=True)),
            )
        )
        return net.compared(read, self._weights[texts], seen, self._present[pictures], similar)


@torch.no_grad()
def judgements(net: Crossing, data: Tensors, lists: Lists) -> FloatArray:
    """The judgements `(q, c)` of all candidates of lists."""
    net.eval()
    parts = [
        data.judged(net, lists.asked, lists.queries[some], lists.candidates[some]).numpy()
        for start in range(0, len(lists.queries), _AT_ONCE)
        for some in [slice(start, start + _AT_ONCE)]
    ]
    return np.concatenate(parts)


def ranked(lists: Lists, scores: FloatArray) -> NDArray[np.float64]:
    """The rank of the best right answer `(q,)` with these scores `(q, c)` of the candidates.

    Those that tie are ranked as they are on average by chance.
    """
    best = np.where(lists.right, scores, -np.inf).max(1, initial=-np.inf)
    higher, level = ((test(scores, best[:, None])).sum(1) for test in (np.greater, np.equal))
    return np.where(np.isfinite(best), 1 + higher + (level - 1) / 2, lists.beyond)


def temperature(lists: Lists) -> float:
    """By which the scores of lists tell best how likely a candidate is right, as a softmax."""
    rows = np.where(lists.right.any(1))[0]
    scores, right = lists.scores[rows].astype(np.float64), lists.right[rows]
    losses = []
    for one in _TEMPERATURES:
        logits = scores / one
        logits -= logits.max(1, keepdims=True)
        powers = np.exp(logits)
        shares = np.where(right, powers, 0).sum(1) / powers.sum(1)
        losses.append(-np.log(np.maximum(shares, 1e-30)).mean())
    return float(_TEMPERATURES[int(np.argmin(losses))])
