"""What an adapter gains on pictures and captions that it has not seen."""

# Tested by tests/unit/cmsearch/learning/test_fit_adapter.py

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cmsearch.learning.attended import Attended
from cmsearch.learning.choosing import Choice, Table, best, table
from cmsearch.learning.metrics import BOOTSTRAP, Measure
from cmsearch.learning.ridge import FEW, FOLDS, QUERIES, Design, Held, Learner, Line, Pairs, ranks
from cmsearch.types import FloatArray, IdArray

REPEATS = 4
"""How often all is done, with other folds, where there are few pictures."""
MEASURES: Mapping[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "recall@1": lambda found: (found <= 1).astype(float),
    "recall@10": lambda found: (found <= 10).astype(float),
    "mrr": lambda found: 1 / found,
}
"""From the ranks of the first right answers to a value for each query."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The figures of one direction on what was held out.

    Intervals are of 95 %, from a bootstrap over groups of pictures, whose captions depend on each
    other.
    """

    direction: str
    """The direction, or the kind of question."""
    queries: int
    """The number of queries."""
    before: dict[str, Measure]
    """The figures before, by measure."""
    after: dict[str, Measure]
    """The figures after, by measure."""
    gain: dict[str, Measure]
    """The differences, by measure; their bootstrap is paired."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What was learned from all pairs, and what the same way of learning gains on unseen ones."""

    line: Line
    choice: Choice
    repeats: int
    comparisons: tuple[Comparison, ...]

    @property
    def is_better(self) -> bool:
        """Whether text finds pictures significantly better, and nothing is significantly worse."""
        return is_better(self.comparisons)


def is_better(comparisons: Sequence[Comparison], first: int = 1) -> bool:
    """Whether the MRR of the `first` ones is significantly better, and no measure of any worse."""
    worse = any(measure.high < 0 for one in comparisons for measure in one.gain.values())
    return all(one.gain["mrr"].low > 0 for one in comparisons[:first]) and not worse


class Tally:
    """The ranks of `count` queries, each perhaps several times, before and after."""

    def __init__(self, count: int) -> None:
        self._sums = {name: np.zeros((2, count)) for name in MEASURES}
        self._times = np.zeros(count)

    def add(self, rows: IdArray, before: FloatArray, after: FloatArray, right: IdArray) -> None:
        """Scores `(q, m)` of the queries of these rows, before and after."""
        self.add_ranks(rows, ranks(before, right), ranks(after, right))

    def add_ranks(
        self, rows: IdArray, before: NDArray[np.float64], after: NDArray[np.float64]
    ) -> None:
        """The ranks `(q,)` of the first right answers to the queries of these rows."""
        self._times[rows] += 1
        for place, found in enumerate((before, after)):
            for name, value in MEASURES.items():
                self._sums[name][place, rows] += value(found)

    @property
    def is_asked(self) -> bool:
        """Whether any query was asked."""
        return bool(self._times.any())

    def compared(self, direction: str, groups: IdArray) -> Comparison:
        """The means over all that were asked, with intervals over their groups `(count,)`."""
        asked = np.flatnonzero(self._times)
        before, after, gain = {}, {}, {}
        for name, sums in self._sums.items():
            old, new = sums[:, asked] / self._times[asked]
            before[name], after[name], gain[name] = (
                clustered(values, groups[asked]) for values in (old, new, new - old)
            )
        return Comparison(direction, len(asked), before, after, gain)


def learn(
    pairs: Pairs,
    second: Attended | None = None,
    tell: Callable[[int, int], object] = lambda done, total: None,
) -> Learned:
    """Learn from all pairs; measured by holding out each fifth of the pictures in turn.

    How it is learned is chosen anew for each fifth, from the others, and for all pairs from what
    all of these say. Text→image is ranked with the `second` stage, if there is one, image→text by
    cosines alone. `tell` hears how many of the steps are done.
    """
    design = Design(pairs.inputs, pairs.dim)
    repeats = REPEATS if len(pairs.inputs) < FEW else 1
    trial, tables = Trial(pairs, second), []
    tell(0, repeats * FOLDS)
    for seed in range(repeats):
        learner, random = Learner(pairs, design, seed), np.random.default_rng(seed)
        tables.append(table(learner, second, seed))
        for fold, part in enumerate(learner.held):
            choice = tables[-1].without(fold)
            line = learner.line((fold,), choice.strength)
            (after,) = learner.adapted(part.pictures, line, [choice.share])
            trial.ask(part, after, choice.attention, random)
            tell(seed * FOLDS + fold + 1, repeats * FOLDS)
        if second is not None:
            second.forget()
    choice = _chosen(tables)
    line = design.unfolded(Learner(pairs, design, seed=0).line((), choice.strength))
    return Learned(line, choice, repeats, trial.compared())


def _chosen(tables: Sequence[Table]) -> Choice:
    """What all divisions together say is best."""
    values = np.concatenate([one.means for one in tables], axis=1)
    return best(tables[0].choices, values, np.concatenate([one.groups for one in tables]))


class Trial:
    """Asks parts that were held out, with the vectors of their pictures before and after."""

    def __init__(self, pairs: Pairs, second: Attended | None) -> None:
        self._pairs = pairs
        self._second = second
        self._texts = Tally(len(pairs.texts))
        self._pictures = Tally(len(pairs.inputs))

    def ask(
        self, part: Held, after: FloatArray, attention: float, random: np.random.Generator
    ) -> None:
        """Rank a part's pictures for its texts, and its texts for its pictures.

        Of what attention adds, a part is left after.
        """
        vectors = self._pairs.vectors[part.pictures], after
        self._ask_texts(part, vectors, (1.0, attention), random)
        some = np.sort(random.permutation(len(part.pictures))[:QUERIES])
        before, after = (one[some] @ self._pairs.texts[part.texts].T for one in vectors)
        right = _places(part.links, some, len(part.pictures))
        self._pictures.add(part.pictures[some], before, after, right)

    def compared(self) -> tuple[Comparison, ...]:
        """The figures of both directions."""
        pairs = self._pairs
        of_text = np.zeros(len(pairs.texts), np.int64)
        of_text[pairs.links[:, 1]] = pairs.groups[pairs.links[:, 0]]
        return (
            self._texts.compared("text→image", of_text),
            self._pictures.compared("image→text", pairs.groups),
        )

    def _ask_texts(
        self,
        part: Held,
        vectors: tuple[FloatArray, FloatArray],
        attention: tuple[float, float],
        random: np.random.Generator,
    ) -> None:
        some = np.sort(random.permutation(len(part.texts))[:QUERIES])
        rows = part.texts[some]
        both = [self._pairs.texts[rows] @ one.T for one in vectors]
        if self._second is not None:
            both = [
                self._second.reranked(scores, rows, part.pictures, counts, one)
                for scores, counts, one in zip(both, attention, vectors, strict=True)
            ]
        right = _places(part.links[:, ::-1], some, len(part.texts))
        self._texts.add(rows, both[0], both[1], right)


def _places(links: IdArray, some: IdArray, count: int) -> IdArray:
    """The links of which the first end is among `some` of `count`, as places in these."""
    place = np.full(count, -1)
    place[some] = np.arange(len(some))
    kept = links[place[links[:, 0]] >= 0]
    return np.stack([place[kept[:, 0]], kept[:, 1]], axis=1)


def clustered(values: NDArray[np.float64], groups: IdArray) -> Measure:
    """The mean of values with its interval where those of one group depend on each other.

    Groups are drawn with replacement, each with all its values (Davison and Hinkley 1997, 3.8).
    """
    _, member = np.unique(groups, return_inverse=True)
    sums, counts = np.bincount(member, values), np.bincount(member)
    random = np.random.default_rng(0)
    drawn = random.integers(0, len(sums), (BOOTSTRAP, len(sums)))
    means = sums[drawn].sum(1) / counts[drawn].sum(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return Measure(float(values.mean()), float(low), float(high))
