"""What was measured to help after the first stage, by encoder and direction."""

# Tested by tests/unit/cmsearch/search/rank/test_second_stage.py

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass, field, replace
from typing import Any

from cmsearch.types import Modality


@dataclass(frozen=True, slots=True)
class Attention:
    """How attention between tokens reranks."""

    share: float
    """What an attended similarity counts beside the cosine of the first stage."""
    temperature: float
    """The temperature of the softmax over tokens."""
    prompt: float = 0.0
    """The share of the prompt that words stand in which is taken from each word of a text: without
    it, what is said by the prompt attends too.
    """
    bank: float = 0.0
    """The share of what unrelated texts have in common which is taken from a text's vector."""


@dataclass(frozen=True, slots=True)
class Hubness:
    """How the scores of items that are near everything are corrected."""

    strength: float
    """The share that is taken away of the mean of an item's k best scores against the bank."""
    k: int
    """The number of these best scores."""


@dataclass(frozen=True, slots=True)
class StageSettings:
    """What runs after the first stage in one direction."""

    attention: Attention | None = None
    """How attention reranks; None leaves it out."""
    hubness: Hubness | None = None
    """How hubness is corrected; None leaves it as it is."""
    model: str = ""
    """The name of the model that reranks; empty for none."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """How many times as much each way of evidence counts as usual, by its name, and the log-odds
    that are added to what is known `before`; what isn't named counts as usual.
    """


Table = Mapping[tuple[Modality, Modality], StageSettings]
"""By the modalities of query and target."""
MEASURED: Mapping[str, Table] = {
    "lite": {
        (Modality.TEXT, Modality.IMAGE): StageSettings(attention=Attention(2.0, 0.05, 0.5, 0.5)),
        (Modality.IMAGE, Modality.TEXT): StageSettings(hubness=Hubness(0.75, 4)),
    }
}
"""By encoder what was measured to help; docs/reranking.md has the figures."""
UNMEASURED = Attention(0.5, 0.05)
"""For `attention` by name where nothing was measured."""
UNMEASURED_HUBNESS = Hubness(0.75, 4)
BEFORE = "before"
"""The name of what is added whatever the ways say."""
_MOST = 1000.0
MOST_WEIGHT = 10.0
"""What a weight of evidence is at most."""
_LONGEST = 10_000  # of a table as JSON


def defaults(encoder: str, kept: str | None) -> Table:
    """What runs by default: what `kept` says of the directions that it names, or what ships."""
    return {**MEASURED.get(encoder, {}), **_unpacked(kept or "")}


def topped(table: Table, directions: Iterable[tuple[Modality, Modality]], model: str) -> Table:
    """The table with a model in these directions, on top of what else runs there."""
    ways = {way: replace(table.get(way, StageSettings()), model=model) for way in directions}
    return {**table, **ways}


def pack(table: Table) -> str:
    """A table as JSON, for a store to keep."""
    rows = {
        f"{query} {target}": {
            "attention": stages.attention and list(astuple(stages.attention)),
            "hubness": stages.hubness and [stages.hubness.strength, stages.hubness.k],
            "weights": dict(stages.weights),
        }
        for (query, target), stages in table.items()
    }
    return json.dumps(rows)


def _unpacked(text: str) -> dict[tuple[Modality, Modality], StageSettings]:
    """The table of `pack`, without the rows that aren't sound: a store may come from anywhere."""
    try:
        rows = dict(json.loads(text[:_LONGEST] or "{}"))
    except (ValueError, TypeError, RecursionError):
        return {}
    table = {}
    for key, row in rows.items():
        try:
            query, target = (Modality(name) for name in key.split(" "))
            attention = row["attention"] and _attention(row["attention"])
            strength, k = _pair(row["hubness"]) if row["hubness"] else (0.0, 0.0)
            weights = _weights(row.get("weights", {}))
        except (ValueError, LookupError, TypeError, AttributeError, OverflowError):
            continue
        hubness = Hubness(strength, int(k)) if int(k) else None
        table[query, target] = StageSettings(attention or None, hubness, weights=weights)
    return table


def _weights(values: Any) -> dict[str, float]:
    """Bounded numbers by name; raises `ValueError`, `TypeError` or `AttributeError`."""
    found = {str(name): float(value) for name, value in values.items()}
    least = {BEFORE: -MOST_WEIGHT}
    if not all(least.get(name, 0) <= value <= MOST_WEIGHT for name, value in found.items()):
        raise ValueError
    return found


def _attention(values: Any) -> Attention:
    """What `pack` writes, or its first two numbers alone; raises as `_pair` does."""
    shares = [float(value) for value in values[2:]]
    if len(shares) not in (0, 2) or not all(0 <= share <= 1 for share in shares):
        raise ValueError
    return Attention(*_pair(values[:2]), *shares)


def _pair(values: Any) -> tuple[float, float]:
    """Two positive numbers; raises `ValueError` or `TypeError` for anything else."""
    first, second = (float(value) for value in values)
    if not (0 < first <= _MOST and 0 < second <= _MOST):
        raise ValueError
    return first, second
