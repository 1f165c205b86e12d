"""What each stage of the ranking gains, and what relevance tells apart, on one's own store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cmsearch.evaluate import DEPTH, Direction, Gold, Measure, evaluate, given_or_own, measure
from cmsearch.ranking import MEASURED, UNMEASURED, Hubness, Ranking, Stages
from cmsearch.searcher import Engine
from cmsearch.types import Modality

MEASURES = ("recall@1", "recall@10", "mrr")
THRESHOLDS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 0.9)
_PLAIN = Ranking(match="picture", stages=Stages())
_HUBNESS = Hubness(0.75, 4)


@dataclass(frozen=True, slots=True)
class Gain:
    """What a stage adds to the first stage alone in one direction, by measure, in parts of 1.

    The interval is that of a paired bootstrap: of the differences query by query.
    """

    direction: str
    stage: str
    gains: dict[str, Measure]


@dataclass(frozen=True, slots=True)
class Calibration:
    """Of queries with their answer in the store, and with it left out, those below thresholds.

    `auc` is the area under the ROC curve of telling the two apart by the best hit's relevance.
    """

    queries: int
    auc: float
    thresholds: dict[float, tuple[float, float]]


def ablate(engine: Engine, gold: Sequence[Gold] | None = None) -> list[Gain]:
    """What attention, hubness correction, and the default gain in each direction.

    With the parameters that were measured for the store's encoder, or else the general ones.
    """
    gold = given_or_own(engine, gold)
    base = evaluate(engine, gold, _PLAIN)
    found = []
    for name, ranking in _variants(engine.space.encoder).items():
        for before, after in zip(base, evaluate(engine, gold, ranking), strict=True):
            found.append(Gain(before.name, name, gains(before, after)))
    return found


def gains(before: Direction, after: Direction) -> dict[str, Measure]:
    """By measure what `after` has more than `before` on the same queries."""
    first, second = (_per_query(one) for one in (before, after))
    return {name: measure(second[name] - first[name]) for name in MEASURES}


def calibrate(engine: Engine, gold: Sequence[Gold] | None = None) -> Calibration:
    """How well relevance tells captions whose picture is here from those whose isn't.

    By the pictures alone; a caption's picture is left out to see how relevant the best of the
    others seems. Captions without any relevance, where no bank was kept yet, are left out.
    """
    pairs = given_or_own(engine, gold)
    ranking = Ranking(match="picture")
    asked = engine.search([one.caption for one in pairs], target="image", k=DEPTH, ranking=ranking)
    within, without = [], []
    for pair, hits in zip(pairs, asked, strict=True):
        right = engine.store.absolute(pair.image)
        known = [(hit.relevance, hit.path == right) for hit in hits if hit.relevance is not None]
        others = [likely for likely, is_right in known if not is_right]
        if others:
            within.append(max(likely for likely, _ in known))
            without.append(max(others))
    return _calibration(np.array(within), np.array(without))


def _calibration(within: NDArray[np.float64], without: NDArray[np.float64]) -> Calibration:
    if not len(within):
        return Calibration(0, float("nan"), {})
    above = np.searchsorted(np.sort(without), within, "left")
    level = np.searchsorted(np.sort(without), within, "right") - above
    auc = float((above + level / 2).mean() / len(without))
    shares = {
        one: (float((within < one).mean()), float((without < one).mean())) for one in THRESHOLDS
    }
    return Calibration(len(within), auc, shares)


def _variants(encoder: str) -> dict[str, Ranking]:
    text_image = MEASURED.get((encoder, Modality.TEXT, Modality.IMAGE), Stages())
    image_text = MEASURED.get((encoder, Modality.IMAGE, Modality.TEXT), Stages())
    attention = text_image.attention or image_text.attention or UNMEASURED
    hubness = image_text.hubness or text_image.hubness or _HUBNESS
    return {
        "attention": Ranking(match="picture", stages=Stages(attention=attention)),
        "hubness": Ranking(match="picture", stages=Stages(hubness=hubness)),
        "default": Ranking(match="picture"),
    }


def _per_query(direction: Direction) -> dict[str, NDArray[np.float64]]:
    ranks = np.array(direction.ranks)
    found = ranks > 0
    return {
        "recall@1": (found & (ranks <= 1)).astype(float),
        "recall@10": (found & (ranks <= 10)).astype(float),
        "mrr": np.where(found, 1 / np.maximum(ranks, 1), 0.0),
    }
