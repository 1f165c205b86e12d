"""How an adapter is learned: its strength, its share and what attention counts beside it.

Others than the usual numbers are taken only where they are certainly better on what is held out.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cmsearch.learning.attended import Attended
from cmsearch.learning.metrics import are_certain
from cmsearch.learning.ridge import FEW, FOLDS, QUERIES, STRENGTH, Held, Learner, Line, ranks
from cmsearch.types import FloatArray, IdArray

POOL = 500
"""Pictures of a fold among which the queries that choose are asked; of more, some by chance."""


class Choice(NamedTuple):
    """How an adapter is learned and used."""

    strength: float
    """The strength of the regularisation."""
    share: float
    """What the learned part counts beside the own vector of a picture."""
    attention: float
    """The part that is left of what attention counts."""


USUAL = Choice(STRENGTH, 0.5, 0.5)
"""Half of a picture's own vector is left, so half is of what attention finds in the picture;
docs/learning.md has the figures.
"""
STRENGTHS = (0.03, 0.1, USUAL.strength, 1.0, 3.0)
SHARES = (0.3, USUAL.share, 0.7, 0.85, 1.0)
PARTS = (0.0, 0.25, USUAL.attention, 1.0)


class Asked(NamedTuple):
    """The part of a fold that is asked, and what attention adds there `(t, p)`, if it runs."""

    part: Held
    second: Attended | None
    added: FloatArray

    def scores(self, cosines: FloatArray, vectors: FloatArray, counted: float) -> FloatArray:
        """Cosines `(t, p)` with a part of attention, for pictures with these vectors."""
        if self.second is None or not counted:
            return cosines
        found: FloatArray = cosines - self.second.taken(vectors) + counted * self.added
        return found


@dataclass(frozen=True)
class Table:
    """How good each choice was where it was held out.

    `values (folds, choices, l)` are of `l` links of texts and pictures, without anything of the
    fold; `known (folds, l)` says which of them were asked, `groups (l,)` which depend on each
    other.
    """

    choices: list[Choice]
    values: NDArray[np.float64]
    known: NDArray[np.bool_]
    groups: IdArray

    def without(self, fold: int) -> Choice:
        """The choice in which the fold has no part."""
        known = self.known[fold]
        return best(self.choices, self.values[fold][:, known], self.groups[known])

    @property
    def means(self) -> NDArray[np.float64]:
        """The values `(choices, l)` over all folds that were left out."""
        known = self.known[:, None]
        found: NDArray[np.float64] = np.where(known, self.values, 0).sum(0) / known.sum(0)
        return found


def best(choices: list[Choice], values: NDArray[np.float64], groups: IdArray) -> Choice:
    """The choice of the highest mean of values `(choices, l)`, or the usual one where it isn't
    certainly better: by two standard errors, over groups `(l,)` of values that depend on each
    other.
    """
    usual = choices.index(USUAL)
    highest = int(values.mean(1).argmax())
    return choices[highest if are_certain(values[highest] - values[usual], groups) else usual]


def table(learner: Learner, second: Attended | None, seed: int) -> Table:
    """Each choice held out: for each fold that is left out, whose own texts have no part in it, of
    the others each in turn is left out too, or of many pictures its two neighbours.
    """
    asked = _asked(learner, second, np.random.default_rng(seed))
    starts = np.cumsum([0, *(len(one.part.links) for one in asked)])
    parts = PARTS if second is not None else (USUAL.attention,)
    choices = [Choice(*one) for one in product(STRENGTHS, SHARES, parts)]
    values = np.zeros((FOLDS, len(choices), starts[-1]))
    known = np.zeros((FOLDS, starts[-1]), bool)
    ways = list(combinations(range(FOLDS), 2))
    if len(learner.pairs.inputs) >= FEW:
        ways = [(fold, (fold + 1) % FOLDS) for fold in range(FOLDS)]
    each = len(SHARES) * len(parts)
    for place, strength in enumerate(STRENGTHS):
        rows = slice(place * each, (place + 1) * each)
        for way in ways:
            line = learner.line(way, strength, np.float32)  # half the time
            for without, other in (way, way[::-1]):
                columns = slice(starts[other], starts[other + 1])
                values[without, rows, columns] = _values(learner, line, asked[other], parts)
                known[without, columns] = True
    pictures = np.concatenate([one.part.pictures[one.part.links[:, 0]] for one in asked])
    return Table(choices, values, known, learner.pairs.groups[pictures])


def _asked(learner: Learner, second: Attended | None, random: np.random.Generator) -> list[Asked]:
    """Of each fold at most `QUERIES` texts, and `POOL` pictures or all that these are of."""
    found = []
    for one in learner.held:
        texts = np.sort(random.permutation(len(one.texts))[:QUERIES])
        links = one.links[np.isin(one.links[:, 1], texts)]
        own = np.unique(links[:, 0])
        others = random.permutation(np.setdiff1d(np.arange(len(one.pictures)), own))
        pictures = np.sort(np.concatenate([own, others[: max(0, POOL - len(own))]]))
        links = np.stack(
            [np.searchsorted(pictures, links[:, 0]), np.searchsorted(texts, links[:, 1])], axis=1
        )
        part = Held(one.pictures[pictures], one.texts[texts], links)
        added = np.zeros((0, 0), np.float32)
        if second is not None:
            added = second.among(part.texts, part.pictures)
        found.append(Asked(part, second, added))
    return found


def _values(
    learner: Learner, line: Line, asked: Asked, parts: tuple[float, ...]
) -> NDArray[np.float64]:
    """The mean reciprocal ranks `(choices, l)` by share and part of attention.

    Those of text→image, which decide what is kept, count twice.
    """
    part = asked.part
    texts, right = learner.pairs.texts[part.texts], part.links[:, ::-1]
    shown, places = np.unique(part.links[:, 0], return_inverse=True)
    back = np.stack([places, part.links[:, 1]], axis=1)
    found = []
    for vectors in learner.adapted(part.pictures, line, SHARES):
        cosines = texts @ vectors.T
        again = 1 / ranks(cosines.T[shown], back)[places]
        for counted in parts:
            there = 1 / ranks(asked.scores(cosines, vectors, counted), right)[part.links[:, 1]]
            found.append((2 * there + again) / 3)
    return np.array(found)
