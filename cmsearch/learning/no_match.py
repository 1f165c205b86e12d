"""How well relevance tells queries that a store answers from those that it doesn't."""

# Tested by tests/unit/cmsearch/learning/test_calibration.py

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np

from cmsearch.learning.evaluate import DEPTH, given_or_own
from cmsearch.learning.metrics import Gold
from cmsearch.search.engine import Engine
from cmsearch.search.rank.second_stage import Ranking

THRESHOLDS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 0.9)
FALSE_ALARMS = (0.01, 0.05, 0.1)
"""Shares of absurd queries that have a hit all the same."""
_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Calibration:
    """How well relevance tells queries with an answer in the store from those without."""

    queries: int
    """The number of queries with an answer."""
    auc: float | None
    """The area under the ROC curve of telling them apart by the best hit's relevance; None where
    no relevance is known.
    """
    thresholds: dict[float, tuple[float, float]]
    """The shares of both kinds that lie below each threshold, those with an answer first."""


@dataclass(frozen=True, slots=True)
class NoMatch:
    """What queries that nothing answers find, as a search ranks by default."""

    queries: int
    """The number of these queries."""
    auc: float | None
    """The area under the ROC curve of telling captions, each asked without itself, from them; None
    where no relevance is known.
    """
    relevance: Mapping[float, float]
    """By share of these queries the relevance above which no more of them have a hit."""


def absurd() -> list[str]:
    """Queries that hardly any collection answers, in several languages, and some nonsense."""
    text = resources.files(__package__).joinpath("absurd.txt").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def no_match(engine: Engine, queries: Sequence[str], answered: Sequence[float]) -> NoMatch:
    """What `queries` that nothing answers find beside the best relevances of those `answered`."""
    best = list(_best(engine, queries))
    if not best:
        return NoMatch(0, None, {})
    ordered = sorted(best, reverse=True)
    least = {share: ordered[int(share * len(ordered))] for share in FALSE_ALARMS}
    auc = _area(answered, best) if answered else None
    return NoMatch(len(best), auc, least)


def _best(engine: Engine, queries: Sequence[str]) -> Iterator[float]:
    """The highest relevance that a picture has for each query; 0 where there is no picture."""
    for start in range(0, len(queries), _AT_ONCE):
        some = queries[start : start + _AT_ONCE]
        for hits in engine.search(some, target="image", ranking=Ranking()):
            yield max((hit.relevance for hit in hits), default=0.0)


def calibrate(
    engine: Engine, gold: Sequence[Gold] | None = None, absurd: Sequence[str] | None = None
) -> Calibration:
    """How well relevance tells queries that something here answers from those that nothing does.

    By the pictures alone. The former are the captions; the latter are the queries `absurd`, or
    the captions again, each with its picture left out to see how relevant the best of the others
    seems.
    """
    pairs = given_or_own(engine, gold)
    asked = _by_picture(engine, [one.caption for one in pairs])
    if absurd is not None:
        rows = _by_picture(engine, absurd)
        return _calibration(*([max(row.values()) for row in some if row] for some in (asked, rows)))
    within, without = [], []
    for pair, row in zip(pairs, asked, strict=True):
        right = engine.store.absolute(pair.image)
        others = [likely for path, likely in row.items() if path != right]
        if others:
            within.append(max(row.values()))
            without.append(max(others))
    return _calibration(within, without)


def _by_picture(engine: Engine, queries: Sequence[str]) -> list[dict[Path, float]]:
    """For each query the relevance of the pictures."""
    ranking = Ranking(match="picture", fold=False)
    asked = engine.search(queries, target="image", k=DEPTH, ranking=ranking)
    return [{hit.path: hit.relevance for hit in hits} for hits in asked]


def _calibration(here: Sequence[float], missing: Sequence[float]) -> Calibration:
    """Of the best relevances of queries that have an answer, and of queries that have none."""
    if not here or not missing:
        return Calibration(0, None, {})
    within, without = np.array(here), np.array(missing)
    shares = {
        one: (float((within < one).mean()), float((without < one).mean())) for one in THRESHOLDS
    }
    return Calibration(len(within), _area(here, missing), shares)


def _area(here: Sequence[float], missing: Sequence[float]) -> float:
    """The area under the ROC curve: how often one of the first is above one of the others."""
    without = np.sort(np.array(missing))
    above = np.searchsorted(without, here, "left")
    level = np.searchsorted(without, here, "right") - above
    return float((above + level / 2).mean() / len(without))
