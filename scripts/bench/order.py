"""Search at random, and say where the order isn't that of relevance or doesn't hold.

    python -m scripts.bench.order [2000] [--seed 1] [--folder FOLDER] [--json FILE]

Half of the searches are of the sample data with all its media, half of 300 drawn pictures with
captions (scripts/drawn.py), both indexed with `lite`, in FOLDER if one is named: over directions,
compositions, filters and options. Counts the answers with a hit that shows more relevance than the
one above it, or with a score that isn't the sum of its evidence; those whose first five are others
where 15, 50 or 1,000 are asked for, or the second time; and errors that aren't of queries. Tells of
each the searches with the fewest options. Ends with 1 if there is any.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import cmsearch
import cmsearch.search.engine as engine_module
from cmsearch.protocols import Encoder
from cmsearch.search.query import voice
from cmsearch.search.query.encode import encode_queries
from indexer import Indexer
from scripts.bench.questions import SAMPLE, questions
from scripts.drawn import drawn, make
from tests.orders import FILTERS, KINDS, SPREAD, Asked, Fault, Material, asked, faults

PICTURES = 300
SHOWN = 4
"""Faults of a kind that are told."""
QUERIES = Path(__file__).parents[2] / "tests" / "data" / "queries"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("count", type=int, nargs="?", default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    remember()
    found: list[Fault] = []
    made: list[Asked] = []
    refused = 0
    with tempfile.TemporaryDirectory() as scratch:
        for name in ("sample_data", "drawn"):
            folder = indexed((arguments.folder or Path(scratch)) / name)
            with cmsearch.open(folder) as engine:
                requests = islice(asked(arguments.seed, material(folder)), arguments.count // 2)
                for number, own in enumerate(requests):
                    if number % 100 == 0:
                        print(f"{name}: {number}, {len(found)} faults", file=sys.stderr)
                    some, is_refused = faults(engine, own)
                    made.append(own)
                    found += some
                    refused += is_refused
    if arguments.json:
        rows = [{"kind": one.kind, "asked": str(one.asked), "told": one.told} for one in found]
        arguments.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    print(f"{len(made)} searches, {refused} of them refused")
    for kind in (*KINDS, *SPREAD.values()):
        tell(kind, [one for one in found if one.kind == kind], made)
    return int(any(one.kind in KINDS for one in found))


def remember() -> None:
    """Let each recording be heard, and each query be encoded once: both take most of the time."""
    encoded: dict[tuple[object, ...], Any] = {}

    def encode(encoder: Encoder, *given: Any) -> Any:
        key = (encoder.space, repr(given))
        if key not in encoded:
            encoded[key] = encode_queries(encoder, *given)
        return encoded[key]

    for module, name, own in (
        (voice, "understood", cache(voice.understood)),
        (engine_module, "encode_queries", encode),
    ):
        setattr(module, name, own)


def indexed(folder: Path) -> Path:
    if not folder.exists():
        if folder.name == "drawn":
            make(folder, PICTURES)
        else:
            shutil.copytree(SAMPLE, folder, ignore=shutil.ignore_patterns(".cmsearch"))
    report = Indexer(folder, model="lite").run()
    assert not report.skipped, report.skipped
    return folder


def material(folder: Path) -> Material:
    """What is asked of both folders, with files of this one and of the sample data."""
    texts = [question["query"] for question in questions()]
    texts += [text for one in list(drawn(PICTURES))[::9] for text in (one.caption, one.path)]
    for name in ("absurd", "foreign", "nonsense"):
        texts += (QUERIES / f"{name}.txt").read_text(encoding="utf-8").splitlines()[::5]
    own = sorted(path for path in folder.rglob("*") if path.suffix.lower() == ".jpg")
    pictures = [*own[:: max(1, len(own) // 20)], *sorted((SAMPLE / "photos").glob("*.jpg"))[::3]]
    recordings = [SAMPLE / "media" / name for name in ("query.mp3", "night.mp3", "garden.ogg")]
    return Material(texts, pictures, recordings, FILTERS)


def tell(kind: str, found: Sequence[Fault], made: Iterable[Asked]) -> None:
    """Print how many there are, by what was asked for, and those with the fewest options."""
    print(f"{kind}: {len(found)}")
    if not found:
        return
    of = Counter(trait for own in made for trait in own.traits)
    has = Counter(trait for one in found for trait in one.asked.traits)
    shares = sorted(has.items(), key=lambda pair: (-pair[1] / of[pair[0]], pair[0]))
    print("    " + ", ".join(f"{trait} {count} of {of[trait]}" for trait, count in shares))
    for one in sorted(found, key=lambda one: (len(one.asked.traits), len(str(one.asked))))[:SHOWN]:
        print(f"    {one.asked}")
        print("".join(f"        {line}\n" for line in one.told.splitlines() if line), end="")


if __name__ == "__main__":
    sys.exit(main())
