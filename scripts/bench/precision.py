"""Measure what int8 costs of what a model finds: cosines, and both directions by every stage.

    CMSEARCH_COCO159=FOLDER python -m scripts.bench.precision [--model NAME]

The 159 photographs are indexed with their captions in fp32 and in int8, one after the other. Prints
what the export in int8 says of itself; the mean and the lowest cosine of photographs and captions
with those in fp32; then for the first stage alone and for what a search runs by default the recall
in both, and what int8 gains, with the interval of a paired bootstrap.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import cmsearch
from cmsearch import Engine, Modality
from cmsearch.learning.ablation import gains
from cmsearch.learning.evaluate import BY_PICTURE, Direction, evaluate
from cmsearch.search.rank.second_stage import Ranking
from cmsearch.store.catalog import items
from cmsearch.store.inventory import take_inventory
from cmsearch.types import FloatArray
from indexer import Indexer

RANKINGS = {
    "first stage": Ranking(match="picture", fold=False, rerank="none", correct=False),
    "default": BY_PICTURE,
}
CUTOFFS = ("recall@1", "recall@5", "recall@10")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="lite")
    model = parser.parse_args().model
    photographs = Path(os.environ["CMSEARCH_COCO159"])
    figures, vectors = [], []
    for precision in ("fp32", "int8"):
        with tempfile.TemporaryDirectory() as place:
            report = Indexer(photographs, store=place, model=model, precision=precision).run()
            assert not report.skipped, report.skipped
            with cmsearch.open(place) as engine:
                inventory = take_inventory(engine.store)
                print(precision, inventory.serving and inventory.serving.runtime)
                figures.append(measured(engine))
                vectors.append(encoded(engine))
    for name, plain, small in zip(("photographs", "captions"), *vectors, strict=True):
        cosines = (plain * small).sum(-1)
        print(f"{name}: cosine {cosines.mean():.4f} on average, {cosines.min():.4f} at least")
    for name in RANKINGS:
        for before, after in zip(*(one[name] for one in figures), strict=True):
            tell(name, before, after)


def measured(engine: Engine) -> dict[str, list[Direction]]:
    """Both directions by each ranking."""
    return {name: evaluate(engine, None, one, timed=0) for name, one in RANKINGS.items()}


def encoded(engine: Engine) -> list[FloatArray]:
    """The stored vectors of the photographs, and of the captions."""
    store, view = engine.store, engine.store.view()
    found: list[FloatArray] = []
    for modality in (Modality.IMAGE, Modality.TEXT):
        _, rows = items.embeddings(store.catalog, view.space_id, modality, view.space.dim)
        found.append(rows / np.linalg.norm(rows, axis=1, keepdims=True))
    return found


def tell(ranking: str, before: Direction, after: Direction) -> None:
    """The recall in fp32 and int8, and the difference."""
    told: Sequence[str] = [
        "/".join(f"{100 * one.measures[name].value:.1f}" for name in CUTOFFS)
        for one in (before, after)
    ]
    print(f"{ranking}, {before.name}: R@1/5/10 in fp32 {told[0]}, in int8 {told[1]}")
    for name, gain in gains(before, after).items():
        value, low, high = (100 * one for one in (gain.value, gain.low, gain.high))
        print(f"  int8 {name} {value:+.1f} [{low:+.1f}, {high:+.1f}]")


if __name__ == "__main__":
    main()
