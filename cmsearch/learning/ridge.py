"""Learning an adapter from pictures and their captions: ridge regression, in closed form.

From what a store keeps of a picture its mean caption is predicted, and a share of that is added to
the picture's own vector. What the texts of the held-out pictures say has no part in what is
learned, and a text is never on both sides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cmsearch.models.adapters import blended
from cmsearch.types import FloatArray, IdArray

STRENGTH = 0.3
"""Chosen on 80 photographs with captions; docs/learning.md has the figures."""
FOLDS = 5
FEW = 2000
"""Pictures below which more is tried, since chance counts more."""
QUERIES = 300
"""Held-out queries of a fold that are ranked; of more, some are chosen by chance."""


@dataclass(frozen=True)
class Pairs:
    """n pictures and t texts, each different from the others, and which text is of which picture.

    `inputs (n, d)` are what an adapter reads, of which the first `dim` are the encoder's vectors.
    `texts (t, dim)` are unit vectors, `links (l, 2)` pairs of a picture's row and a text's, by
    which each picture and each text has one at least. Of pictures that share a text one is never
    held out without the others, unless more than `most` share it, if that is given.
    """

    inputs: FloatArray
    texts: FloatArray
    links: IdArray
    most: int | None = None

    @property
    def dim(self) -> int:
        """The dimension of the vectors."""
        return int(self.texts.shape[1])

    @property
    def vectors(self) -> FloatArray:
        """The encoder's own vectors `(n, dim)`."""
        return self.inputs[:, : self.dim]

    @cached_property
    def targets(self) -> FloatArray:
        """The mean text of each picture `(n, dim)`."""
        total = np.zeros((len(self.inputs), self.dim), np.float32)
        np.add.at(total, self.links[:, 0], self.texts[self.links[:, 1]])
        counts = np.bincount(self.links[:, 0], minlength=len(total))
        means: FloatArray = (total / counts[:, None]).astype(np.float32)
        return means

    @cached_property
    def groups(self) -> IdArray:
        """Of each picture the number of its group `(n,)`: pictures joined by texts they share."""
        group, links = np.arange(len(self.inputs)), self.links
        if self.most is not None:
            links = links[np.bincount(links[:, 1])[links[:, 1]] <= self.most]
        while True:
            of_text = np.full(len(self.texts), len(group))
            np.minimum.at(of_text, links[:, 1], group[links[:, 0]])
            joined = group.copy()
            np.minimum.at(joined, links[:, 0], of_text[links[:, 1]])
            if np.array_equal(joined, group):
                found: IdArray = np.unique(group, return_inverse=True)[1]
                return found
            group = joined

    def folds(self, seed: int) -> list[IdArray]:
        """The pictures in `FOLDS` parts as equal as whole groups allow, divided by chance."""
        sizes = np.bincount(self.groups)
        order = np.random.default_rng(seed).permutation(len(sizes))
        order = order[np.argsort(-sizes[order], kind="stable")]
        fold_of, filled = np.zeros(len(sizes), np.int64), np.zeros(FOLDS, np.int64)
        for group in order.tolist():
            fold_of[group] = filled.argmin()
            filled[fold_of[group]] += sizes[group]
        return [np.flatnonzero(fold_of[self.groups] == fold) for fold in range(FOLDS)]


class Held(NamedTuple):
    """A part of the pairs to ask with: rows of pictures and texts, and which of them belong
    together, as places among those rows.
    """

    pictures: IdArray
    texts: IdArray
    links: IdArray


def held(pairs: Pairs, pictures: IdArray) -> Held:
    """The pictures of these rows with their texts."""
    place = np.full(len(pairs.inputs), -1)
    place[pictures] = np.arange(len(pictures))
    links = pairs.links[place[pairs.links[:, 0]] >= 0]
    texts, columns = np.unique(links[:, 1], return_inverse=True)
    return Held(pictures, texts, np.stack([place[links[:, 0]], columns], axis=1))


class Moments(NamedTuple):
    """What ridge regression needs to know of some rows: their number, sums, and products."""

    n: int
    x: FloatArray
    y: FloatArray
    xx: FloatArray
    xy: FloatArray


class Line(NamedTuple):
    """A prediction `x @ weight + bias`."""

    weight: FloatArray
    bias: FloatArray


def moments(x: FloatArray, y: FloatArray) -> Moments:
    """Of rows `x (n, d)` with targets `y (n, k)`."""
    return Moments(len(x), x.sum(0), y.sum(0), x.T @ x, x.T @ y)


def added(parts: Sequence[Moments]) -> Moments:
    """Of the rows of all parts together."""
    n, *sums = (sum(values) for values in zip(*parts, strict=True))
    return Moments(n, *sums)


def ridge(known: Moments, strength: float, precision: type = np.float64) -> Line:
    """Ridge regression with an intercept (Hoerl and Kennard 1970).

    Minimises the squared error over all rows plus `strength` times the squared weights.
    """
    n, *sums = known
    parts: list[NDArray[Any]] = [np.asarray(one, precision) for one in sums]
    x, y, xx, xy = parts
    centred = xx - np.outer(x, x) / n
    centred[np.diag_indices_from(centred)] += strength
    weight = np.linalg.solve(centred, xy - np.outer(x, y) / n)
    return Line(weight.astype(np.float32), ((y - x @ weight) / n).astype(np.float32))


class Design:
    """Inputs brought to one scale: vector and features each have mean 0 and count alike.

    `rows (n, r)` have a mean squared length of 1. Where there are fewer pictures than inputs, they
    are those in the space that the pictures span, which changes no solution and is smaller.
    """

    def __init__(self, inputs: FloatArray, dim: int) -> None:
        self.mean = inputs.mean(0)
        rows = inputs - self.mean
        blocks = [block for block in (slice(0, dim), slice(dim, None)) if rows[:, block].size]
        self.scale = np.ones(inputs.shape[1], np.float32)
        for block in blocks:
            length = float(np.sqrt((rows[:, block] ** 2).sum(1).mean() * len(blocks)))
            self.scale[block] = 1 / max(length, 1e-6)
        rows *= self.scale
        self._basis: FloatArray | None = None
        if len(rows) < rows.shape[1]:
            self._basis, upper = np.linalg.qr(rows.T)
            rows = np.ascontiguousarray(upper.T)
        self.rows = rows

    def unfolded(self, line: Line) -> Line:
        """What was learned from `rows`, to be used on inputs as they are."""
        weight = line.weight if self._basis is None else self._basis @ line.weight
        weight = (self.scale[:, None] * weight).astype(np.float32)
        return Line(weight, (line.bias - self.mean @ weight).astype(np.float32))


class Learner:
    """Learns from all folds of the pairs but some."""

    def __init__(self, pairs: Pairs, design: Design, seed: int) -> None:
        self.pairs = pairs
        self.held = [held(pairs, rows) for rows in pairs.folds(seed)]
        self._design = design
        self._moments = [
            moments(design.rows[one.pictures], pairs.targets[one.pictures]) for one in self.held
        ]

    def line(self, without: Sequence[int], strength: float, precision: type = np.float64) -> Line:
        """What is learned from the folds that are not left out."""
        kept = [one for fold, one in enumerate(self._moments) if fold not in without]
        return ridge(added(kept), strength, precision)

    def adapted(
        self, pictures: IdArray, line: Line, shares: Sequence[float]
    ) -> Iterator[FloatArray]:
        """The vectors `(m, dim)` of the pictures of these rows for each share."""
        predicted = self._design.rows[pictures] @ line.weight + line.bias
        own = self.pairs.vectors[pictures]
        return (blended(own, predicted, share) for share in shares)


def ranks(scores: FloatArray, right: IdArray) -> NDArray[np.float64]:
    """The rank of the best right answer `(q,)`, from 1, for scores `(q, m)`.

    `right (l, 2)` are pairs of a query and a right answer; each query has one at least. Answers
    that tie are ranked as they are on average by chance.
    """
    best = np.full(len(scores), -np.inf, np.float32)
    np.maximum.at(best, right[:, 0], scores[right[:, 0], right[:, 1]])
    higher, level = ((test(scores, best[:, None])).sum(1) for test in (np.greater, np.equal))
    found: NDArray[np.float64] = 1 + higher + (level - 1) / 2
    return found
