"""Measure composed queries, exclusions and feedback against what captions say.

    python -m scripts.bench.asking FOLDER [--store DIR]

FOLDER has the `captions.jsonl` of the pictures that tests/data/queries/pairs.jsonl names, and is
indexed with its captions. Prints

- A - B: for how many pairs of pictures that show A, of which one shows B too, the other is first;
- A --not B: how many of the first ten name B in a caption;
- MRR before and after two right hits are marked, which are taken out of both rankings.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

import cmsearch
from cmsearch import Engine, Hit, Query, QueryPart, Ranking

DATA = Path(__file__).parents[2] / "tests" / "data" / "queries"
THINGS = (
    "dog", "cat", "bear", "pizza", "cake", "snow", "beach", "laptop", "bed", "bathroom", "kitchen",
    "train", "bus", "truck", "skateboard", "fruit", "street", "sheep", "bird", "horse", "boat",
    "umbrella", "bicycle", "bench",
)  # fmt: skip
FEWEST = 4
"""Right pictures of a thing, so that two are left to be found when two are marked."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--store", type=Path)
    arguments = parser.parse_args()
    captions = read_captions(arguments.folder)
    with cmsearch.open(arguments.store or arguments.folder) as engine:
        for match in ("picture", "all"):
            ranking = Ranking(match=match, fold=False)
            first = right_first(engine, ranking)
            named = naming(engine, captions, ranking)
            before, after = fed_back(engine, by_things(captions), ranking)
            print(f"by {match}")
            print(f"  A - B: the right one first in {np.mean(first):.1%} of {len(first)} pairs")
            print(f"  A --not B: {sum(named)} of the first ten of {len(named)} queries name B")
            print(
                f"  feedback: MRR {np.mean(before):.3f} before, {np.mean(after):.3f} after, "
                f"mean gain {np.mean(after) - np.mean(before):+.3f} over {len(before)} queries"
            )


def read_captions(folder: Path) -> dict[Path, list[str]]:
    """By picture what its captions say, in small letters."""
    captions: dict[Path, list[str]] = {}
    for line in (folder / "captions.jsonl").read_text(encoding="utf-8").splitlines():
        pair = json.loads(line)
        captions.setdefault(folder / pair["image"], []).append(pair["caption"].lower())
    return captions


def pairs() -> list[dict[str, str]]:
    return [json.loads(line) for line in (DATA / "pairs.jsonl").read_text().splitlines()]


def right_first(engine: Engine, ranking: Ranking) -> list[bool]:
    """For each pair whether the picture without what is subtracted comes before the other."""
    found = []
    for pair in pairs():
        query = Query((QueryPart(pair["shows"]), QueryPart(pair["without"], weight=-1)))
        hits = engine.search(query, target="image", k=1000, ranking=ranking)
        names = [hit.source for hit in hits]
        found.append(names.index(pair["right"]) < names.index(pair["wrong"]))
    return found


def naming(engine: Engine, captions: Mapping[Path, Sequence[str]], ranking: Ranking) -> list[int]:
    """For each pair how many of the first ten hits name what they should be without."""
    found = []
    for pair in pairs():
        query = Query((QueryPart(pair["shows"]),), (QueryPart(pair["without"]),))
        hits = engine.search(query, ranking=ranking)
        found.append(sum(names(captions.get(hit.path, ()), pair["without"]) for hit in hits))
    return found


def names(captions: Sequence[str], word: str) -> bool:
    return any(re.search(rf"\b{word}(?:s|es)?\b", caption) for caption in captions)


def by_things(captions: Mapping[Path, Sequence[str]]) -> dict[str, set[Path]]:
    """By thing the pictures of which at least two captions name it, for those with enough."""
    found = {
        thing: {
            path for path, own in captions.items() if sum(names([one], thing) for one in own) >= 2
        }
        for thing in THINGS
    }
    return {thing: paths for thing, paths in found.items() if len(paths) >= FEWEST}


def fed_back(
    engine: Engine, right: Mapping[str, Collection[Path]], ranking: Ranking
) -> tuple[list[float], list[float]]:
    """Reciprocal ranks of the first right hit before and after the first two are marked."""
    before, after = [], []
    for thing, paths in right.items():
        plain = engine.search(thing, target="image", k=1000, ranking=ranking)
        marked = [hit for hit in plain if hit.path in paths][:2]
        query = cmsearch.refined(thing, liked=marked)
        hits = engine.search(query, target="image", k=1000, ranking=ranking)
        before.append(_reciprocal_rank(plain, paths, marked))
        after.append(_reciprocal_rank(hits, paths, marked))
    return before, after


def _reciprocal_rank(hits: Sequence[Hit], right: Collection[Path], marked: Sequence[Hit]) -> float:
    seen = {hit.path for hit in marked}
    others = [hit.path for hit in hits if hit.path not in seen]
    return next((1 / rank for rank, path in enumerate(others, 1) if path in right), 0.0)


if __name__ == "__main__":
    main()
