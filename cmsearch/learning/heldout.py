"""What an adapter gains on pictures and captions that it has not seen."""

# Tested by tests/unit/cmsearch/learning/test_fit_adapter.py

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
Second = Callable[[FloatArray, IdArray, IdArray], FloatArray]
"""The second stage: from scores `(q, m)` of rows of texts and of pictures to others."""


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
    strength: float
    share: float
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
    second: Second | None = None,
    tell: Callable[[int, int], object] = lambda done, total: None,
) -> Learned:
    """Learn from all pairs; measured by holding out each fifth of the pictures in turn.

    Strength and share are chosen anew for each fifth, from the others, and for all pairs are those
    that were chosen most often. Text→image is ranked with
    the `second` stage, if there is one, image→text by cosines alone. `tell` hears how many of the
    steps are done.
    """
    design = Design(pairs.inputs, pairs.dim)
    repeats = REPEATS if len(pairs.inputs) < FEW else 1
    texts, pictures = Tally(len(pairs.texts)), Tally(len(pairs.inputs))
    tell(0, repeats * FOLDS)
    chosen: Counter[tuple[float, float]] = Counter()
    for seed in range(repeats):
        learner, random = Learner(pairs, design, seed), np.random.default_rng(seed)
        for fold, (strength, share) in enumerate(learner.choices()):
            chosen[strength, share] += 1
            line = learner.line((fold,), strength)
            (after,) = learner.adapted(fold, line, [share])
            _ask(pairs, learner.held[fold], after, (texts, pictures), second, random)
            tell(seed * FOLDS + fold + 1, repeats * FOLDS)
    learner = Learner(pairs, design, seed=0)
    ((strength, share), _), *_ = chosen.most_common(1)
    line = design.unfolded(learner.line((), strength))
    of_text = np.zeros(len(pairs.texts), np.int64)
    of_text[pairs.links[:, 1]] = pairs.groups[pairs.links[:, 0]]
    comparisons = (
        texts.compared("text→image", of_text),
        pictures.compared("image→text", pairs.groups),
    )
    return Learned(line, strength, share, repeats, comparisons)


def _ask(
    pairs: Pairs,
    part: Held,
    after: FloatArray,
    tallies: tuple[Tally, Tally],
    second: Second | None,
    random: np.random.Generator,
) -> None:
    """Rank the pictures of a part for its texts, and its texts for its pictures."""
    texts, before = pairs.texts[part.texts], pairs.vectors[part.pictures]
    some = np.sort(random.permutation(len(part.texts))[:QUERIES])
    rows = part.texts[some]
    both = [texts[some] @ vectors.T for vectors in (before, after)]
    if second is not None:
        both = [second(scores, rows, part.pictures) for scores in both]
    tallies[0].add(rows, both[0], both[1], _places(part.links[:, ::-1], some, len(part.texts)))
    some = np.sort(random.permutation(len(part.pictures))[:QUERIES])
    both = [vectors[some] @ texts.T for vectors in (before, after)]
    right = _places(part.links, some, len(part.pictures))
    tallies[1].add(part.pictures[some], both[0], both[1], right)


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
