"""What each stage of the ranking gains on one's own store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cmsearch.learning.evaluate import (
    Direction,
    Mixed,
    Parts,
    evaluate,
    evaluate_mixed,
    given_or_own,
)
from cmsearch.learning.metrics import Gold, Measure, measure
from cmsearch.learning.questions import Questions
from cmsearch.search.engine import Engine
from cmsearch.search.rank.second_stage import OWN, Ranking
from cmsearch.search.rank.stages import (
    UNMEASURED,
    UNMEASURED_HUBNESS,
    StageSettings,
    Table,
    defaults,
    pack,
)
from cmsearch.types import Modality

MEASURES = ("recall@1", "recall@10", "mrr")
_DIRECTIONS = {
    "text→image": (Modality.TEXT, Modality.IMAGE),
    "image→text": (Modality.IMAGE, Modality.TEXT),
}
LEFT_OUT = {
    "captions and words": Ranking(match="picture"),
    "attention and rerankers": Ranking(rerank="none"),
    "hubness": Ranking(correct=False),
}
"""The default without one way of evidence each, by what is left out."""
_PLAIN = Ranking(match="picture", fold=False, stages=StageSettings())


@dataclass(frozen=True, slots=True)
class Gain:
    """What a stage adds to the first stage alone in one direction, or a way to all others."""

    direction: str
    """The direction: `text→image` or `image→text`."""
    stage: str
    """The name of the stage, of the way, or of the model."""
    gains: dict[str, Measure]
    """The difference by measure, in parts of 1; its interval is that of a paired bootstrap."""


def ablate(engine: Engine, gold: Sequence[Gold] | None = None) -> list[Gain]:
    """What attention, hubness correction, both, the reranker that was learned from the store if
    it has one, and the default gain in each direction.

    With the parameters that were measured for the store's encoder, or else the general ones.
    """
    gold = given_or_own(engine, gold)
    base = evaluate(engine, gold, _PLAIN, timed=0)
    rankings = {
        name: Ranking(match="picture", fold=False, stages=stages)
        for name, stages in variants(engine.space.encoder).items()
    }
    learned = engine.reranks
    if learned:
        rankings[OWN] = Ranking(match="picture", fold=False, stages=StageSettings(model=OWN))
    found = []
    for name, ranking in (rankings | {"default": Ranking(match="picture", fold=False)}).items():
        for before, after in zip(base, evaluate(engine, gold, ranking, timed=0), strict=True):
            if name != OWN or _DIRECTIONS[before.name] in learned:
                found.append(Gain(before.name, name, gains(before, after)))
    return found


def ablate_mixed(parts: Parts, questions: Questions, default: Mixed) -> list[Gain]:
    """What each way of evidence adds to all others where captions speak for pictures.

    That is what is lost without it: `default` are the figures with all of them, of all pictures.
    """
    without = evaluate_mixed(parts, questions, LEFT_OUT)
    rows = [row for row in without if row.group == default.group]
    return [Gain(row.name, row.way, gains(row, default)) for row in rows]


def table(encoder: str, found: Sequence[Gain]) -> Table:
    """What to run by default, by what was gained: in each direction what raises MRR the most.

    Of what raises it significantly and lowers neither recall@1 nor recall@10 significantly; else
    nothing. What was learned from these captions has no part in it.
    """
    chosen = dict.fromkeys(_DIRECTIONS.values(), StageSettings())
    best = dict.fromkeys(_DIRECTIONS.values(), 0.0)
    known = variants(encoder)
    for gain in found:
        way, mrr = _DIRECTIONS[gain.direction], gain.gains["mrr"]
        lowered = any(one.high < 0 for one in gain.gains.values())
        if gain.stage in known and mrr.low > 0 and not lowered and mrr.value > best[way]:
            chosen[way], best[way] = known[gain.stage], mrr.value
    return chosen


def keep(engine: Engine, found: Sequence[Gain]) -> Table:
    """Let the engine's store run by default what gained there, in place of what ships.

    Gives what that is. Raises `StoreReadOnlyError` and `StoreLockedError`.
    """
    view = engine.store.view()
    chosen = table(view.space.encoder, found)
    with engine.store.locked(), engine.store.catalog.writing() as writer:
        writer.put_stages(view.space_id, pack(chosen))
    return chosen


def variants(encoder: str) -> dict[str, StageSettings]:
    """The stages that are measured, by name."""
    known = defaults(encoder, None).values()
    attention = next((one.attention for one in known if one.attention), UNMEASURED)
    hubness = next((one.hubness for one in known if one.hubness), UNMEASURED_HUBNESS)
    return {
        "attention": StageSettings(attention=attention),
        "hubness": StageSettings(hubness=hubness),
        "both": StageSettings(attention, hubness),
    }


def gains(before: Direction | Mixed, after: Direction | Mixed) -> dict[str, Measure]:
    """By measure what `after` has more than `before` on the same queries."""
    first, second = (_per_query(one) for one in (before, after))
    return {name: measure(second[name] - first[name]) for name in MEASURES}


def _per_query(direction: Direction | Mixed) -> dict[str, NDArray[np.float64]]:
    ranks = np.array(direction.ranks)
    found = ranks > 0
    return {
        "recall@1": (found & (ranks <= 1)).astype(float),
        "recall@10": (found & (ranks <= 10)).astype(float),
        "mrr": np.where(found, 1 / np.maximum(ranks, 1), 0.0),
    }
