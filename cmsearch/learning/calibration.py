"""How well the relevance of hits agrees with how many of them are right, on one's own store."""

# Tested by tests/unit/cmsearch/learning/test_calibration.py

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cmsearch.learning.questions import Questions
from cmsearch.search.engine import Engine
from cmsearch.search.rank.second_stage import Ranking
from cmsearch.types import Hit

BINS = 10
SHOWN = 10
"""Hits of each query that are looked at: as many as are shown by default."""
MOST = 1000
"""Questions that are enough."""
_DRAWS = 200
_AT_ONCE = 64
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bin:
    """Hits of about the same relevance."""

    low: float
    """The lowest relevance."""
    high: float
    """The highest relevance."""
    hits: int
    """The number of hits."""
    said: float
    """The mean of their relevance."""
    right: float
    """The share of them that are right."""


@dataclass(frozen=True, slots=True)
class Reliability:
    """How the relevance of some hits agrees with how many are right."""

    direction: str
    """The direction: `text→image` or `image→text`."""
    of: str
    """Which hits: the `first` of each query, or all that are `shown`."""
    hits: int
    """The number of hits."""
    right: float
    """The share of them that are right: the base rate."""
    error: float
    """The expected calibration error in bins of equal count (Naeini et al. 2015)."""
    by_chance: float
    """What that error would be on average if relevance were exact, for so few hits."""
    brier: float
    """The Brier score of relevance: the mean squared difference to 1 for right and 0 for wrong."""
    brier_of_base: float
    """The Brier score of saying the base rate of every hit."""
    equal_counts: tuple[Bin, ...]
    """The hits in at most ten bins of about as many each; equal relevances stay together."""
    equal_widths: tuple[Bin, ...]
    """The hits in bins of 0.1 each, but for empty ones."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The hits of one direction: of each query the relevances, and whether each hit is right."""

    direction: str
    rows: tuple[tuple[tuple[float, bool], ...], ...]

    @property
    def best(self) -> list[float]:
        """The highest relevance of each query that has a hit."""
        return [max(value for value, _ in row) for row in self.rows if row]

    def reliabilities(self) -> list[Reliability]:
        """Those of the first hits and of all; none where nothing was found."""
        kinds = {
            "first": [row[0] for row in self.rows if row],
            "shown": [hit for row in self.rows for hit in row],
        }
        return [reliability(self.direction, of, hits) for of, hits in kinds.items() if hits]


def judged(engine: Engine, questions: Questions) -> list[Judged]:
    """What a search shows by default in both directions, and whether that is right.

    Text→image is asked with the questions, each without its own caption; a hit is right that is, or
    holds as a copy, the picture of the question. Image→text is asked with these pictures; a caption
    is right that is about the picture.
    """
    to_images = zip(
        (one.image for one in questions.rows), questions.hits(engine, Ranking(), SHOWN), strict=True
    )
    images = list(dict.fromkeys(one.image for one in questions.rows))
    to_texts = zip(images, _captions(engine, images), strict=True)
    found = []
    for direction, answers in (("text→image", to_images), ("image→text", to_texts)):
        rows = (_judged(hits, engine.store.absolute(image)) for image, hits in answers)
        found.append(Judged(direction, tuple(rows)))
    return found


def joined(parts: Sequence[Sequence[Judged]]) -> list[Judged]:
    """What was judged in parts."""
    return [
        Judged(rows[0].direction, tuple(chain.from_iterable(row.rows for row in rows)))
        for rows in zip(*parts, strict=True)
    ]


def _captions(engine: Engine, images: Sequence[str]) -> Iterator[list[Hit]]:
    """The captions that an engine finds for each picture."""
    for start in range(0, len(images), _AT_ONCE):
        files = [engine.store.absolute(image) for image in images[start : start + _AT_ONCE]]
        yield from engine.search(image=files, target="caption", k=SHOWN, ranking=Ranking())


def _judged(hits: Sequence[Hit], right: Path) -> tuple[tuple[float, bool], ...]:
    return tuple((hit.relevance, right in (hit.path, *hit.copies)) for hit in hits)


def reliability(direction: str, of: str, hits: Sequence[tuple[float, bool]]) -> Reliability:
    """How the relevance of hits (relevance, whether it is right) agrees with how many are right."""
    said = np.array([value for value, _ in hits], np.float64)
    right = np.array([is_right for _, is_right in hits], np.float64)
    counts = _equal_counts(said)
    random = np.random.default_rng(0)
    drawn = (random.random((_DRAWS, len(said))) < said).astype(np.float64)
    chance = [_error(said, row, counts) for row in drawn]
    base = float(right.mean())
    return Reliability(
        direction,
        of,
        len(hits),
        base,
        _error(said, right, counts),
        float(np.mean(chance)),
        float(((said - right) ** 2).mean()),
        base * (1 - base),
        _bins(said, right, counts),
        _bins(said, right, np.minimum((said * BINS).astype(np.int64), BINS - 1)),
    )


def _equal_counts(said: Values) -> NDArray[np.int64]:
    """The bin of each hit, of about as many each."""
    ordered = np.sort(said)
    count = min(BINS, len(said))
    edges = ordered[[len(said) * place // count for place in range(1, count)]]
    bins: NDArray[np.int64] = np.searchsorted(edges, said, "right")
    return bins


def _bins(said: Values, right: Values, places: NDArray[np.int64]) -> tuple[Bin, ...]:
    """What is in each bin that isn't empty, the lowest first."""
    found = []
    for place in np.unique(places):
        own, hits = said[places == place], right[places == place]
        found.append(
            Bin(float(own.min()), float(own.max()), len(own), float(own.mean()), float(hits.mean()))
        )
    return tuple(found)


def _error(said: Values, right: Values, places: NDArray[np.int64]) -> float:
    """The expected calibration error: the mean over hits of how far their bin is off."""
    off = np.bincount(places, said) - np.bincount(places, right)
    return float(np.abs(off).sum() / len(said))
