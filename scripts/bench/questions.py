"""Ask the sample data, with all its media, sixty questions of all kinds in one list.

    python -m scripts.bench.questions [FOLDER] [--more] [--model NAME] [--json FILE] [--why]

A copy of `sample_data` is indexed, in FOLDER if one is named. The questions are in
tests/data/queries/mixed.jsonl, each with the files that are meant; they were written before any
ranking was run on them. `--more` asks sixty others, of mixed_more.jsonl, by which nothing was ever
chosen. Prints for how many a meant file is first, for how many it is among the first three, and
what stood in its place otherwise; `--why` also what each stage says of both. Ends with 1 where
fewer are right than are asked for.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cmsearch
from cmsearch import Engine, Hit
from indexer import Indexer

ROOT = Path(__file__).parents[2]
QUERIES = ROOT / "tests" / "data" / "queries"
SAMPLE = ROOT / "sample_data"
FIRST, LEAST_FIRST, LEAST_AMONG = 3, 50, 57
DEPTH = 30
"""Hits that are looked through for a meant file."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--more", action="store_true")
    parser.add_argument("--model", default="lite")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--why", action="store_true")
    arguments = parser.parse_args()
    with indexed(arguments.folder, arguments.model) as engine:
        asked = questions("mixed_more" if arguments.more else "mixed")
        answers = [answered(engine, question) for question in asked]
    if arguments.json:
        arguments.json.write_text(json.dumps(answers, indent=1), encoding="utf-8")
    return tell(answers, arguments.why)


def questions(name: str = "mixed") -> list[dict[str, Any]]:
    lines = (QUERIES / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@contextmanager
def indexed(folder: Path | None, model: str) -> Iterator[Engine]:
    """The sample data with everything that is said in it, copied and indexed."""
    with tempfile.TemporaryDirectory() as scratch:
        place = folder or Path(scratch, "sample_data")
        if not place.exists():
            shutil.copytree(SAMPLE, place, ignore=shutil.ignore_patterns(".cmsearch"))
        report = Indexer(place, model=model).run()
        assert not report.skipped, report.skipped
        with cmsearch.open(place) as engine:
            yield engine


def answered(engine: Engine, question: Mapping[str, Any]) -> dict[str, Any]:
    """A question with the place of the first meant file, the hits down to it, and what is said of
    them.
    """
    hits = engine.search(question["query"], k=DEPTH)
    names = [hit.path.relative_to(engine.store.root).as_posix() for hit in hits]
    place = next((row for row, name in enumerate(names, 1) if name in question["meant"]), None)
    shown = max(FIRST, place or 0)
    rows = [told(*pair) for pair in zip(hits[:shown], names, strict=False)]
    return {**question, "place": place, "hits": rows}


def told(hit: Hit, name: str) -> dict[str, Any]:
    return {
        "path": name,
        "kind": hit.kind,
        "place": hit.locator,
        "relevance": hit.relevance,
        "stages": {stage: round(value, 3) for stage, value in hit.stages.items()},
    }


def tell(answers: Sequence[Mapping[str, Any]], is_explained: bool) -> int:
    """Print what was right and what wasn't; 1 if too little was right."""
    for answer in answers:
        if answer["place"] != 1:
            _tell_miss(answer, is_explained)
    first, among = (right(answers, most) for most in (1, FIRST))
    for by in dict.fromkeys(answer["by"] for answer in answers):
        own = [answer for answer in answers if answer["by"] == by]
        print(f"by {by}: {right(own, 1)} of {len(own)} first, {right(own, FIRST)} among {FIRST}")
    print(
        f"first: {first} of {len(answers)}, {LEAST_FIRST} asked for; "
        f"among the first {FIRST}: {among}, {LEAST_AMONG} asked for"
    )
    return int(first < LEAST_FIRST or among < LEAST_AMONG)


def right(answers: Sequence[Mapping[str, Any]], most: int) -> int:
    return sum((answer["place"] or DEPTH + 1) <= most for answer in answers)


def _tell_miss(answer: Mapping[str, Any], is_explained: bool) -> None:
    place = answer["place"] or f"beyond {DEPTH}"
    print(f"{answer['query']!r} ({answer['by']}), meant {', '.join(answer['meant'])}: at {place}")
    wanted = [hit for hit in answer["hits"][FIRST:] if hit["path"] in answer["meant"]]
    for hit in [*answer["hits"][:FIRST], *wanted]:
        stages = f"  {hit['stages']}" if is_explained else ""
        relevance = "–" if hit["relevance"] is None else f"{hit['relevance']:.3f}"
        print(f"    {relevance}  {hit['path']} {hit['kind']} {hit['place']}{stages}")


if __name__ == "__main__":
    sys.exit(main())
