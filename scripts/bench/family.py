"""Ask a family's folder what a family asks: how many questions are answered.

    python -m scripts.bench.family FOLDER [--model NAME]

FOLDER is made if it isn't there (scripts/family.py), and indexed. The questions and their answers
are in tests/data/queries/family.jsonl; they were written before any ranking was run on them. One is
answered if a right file is among the first three, or, where nothing here is right, if the command
would say that probably nothing is. Prints each with what was found, to be read line by line.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import cmsearch
from cmsearch import Engine, Filter, Hit
from cmsearch.commands.asking import doubt_about
from cmsearch.search.query.grammar import parse
from indexer import Indexer
from scripts.family import make

QUESTIONS = Path(__file__).parents[2] / "tests" / "data" / "queries" / "family.jsonl"
FIRST = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="lite")
    arguments = parser.parse_args()
    scenes = make(arguments.folder)
    for skipped in Indexer(arguments.folder, model=arguments.model).run().skipped:
        print(f"skipped: {skipped.path}: {skipped.reason}")
    asked, right = Counter[str](), Counter[str]()
    with cmsearch.open(arguments.folder) as engine:
        for question in questions():
            hits = ask(engine, question)
            is_right = answered(question, hits, scenes, arguments.folder)
            asked[question["by"]] += 1
            right[question["by"]] += is_right
            tell(question, hits, arguments.folder, is_right)
    parts = ", ".join(f"{kind} {right[kind]} of {asked[kind]}" for kind in asked)
    print(f"\nanswered: {right.total()} of {asked.total()} ({parts})")


def questions() -> list[dict[str, Any]]:
    return [json.loads(line) for line in QUESTIONS.read_text(encoding="utf-8").splitlines()]


def ask(engine: Engine, question: Mapping[str, Any]) -> list[Hit]:
    """What the command line finds."""
    days = {
        name: date.fromisoformat(question[name]) for name in ("since", "until") if name in question
    }
    where = Filter(path=question.get("path"), **days)
    return engine.search(parse(question["query"]), k=10, where=where)


def answered(
    question: Mapping[str, Any], hits: Sequence[Hit], scenes: Mapping[str, str], folder: Path
) -> bool:
    """Whether one of the first hits is right; with no right one, whether doubt is told.

    A hit stands for what is folded into it: the film of a live photo for its picture.
    """
    if question["by"] == "none":
        return bool(doubt_about(hits)) or not hits
    places = [place for hit in hits[:FIRST] for place in (hit.path, *hit.copies)]
    return any(
        ("scenes" not in question or scenes.get(name) in question["scenes"])
        and any(fnmatchcase(name, glob) for glob in question.get("paths", ["*"]))
        for name in (place.relative_to(folder.resolve()).as_posix() for place in places)
    )


def tell(question: Mapping[str, Any], hits: Sequence[Hit], folder: Path, is_right: bool) -> None:
    print(f"\n{'right' if is_right else 'WRONG'}  {question['query']}  ({question['by']})")
    if doubt := doubt_about(hits):
        print(f"       {doubt}")
    for hit in hits[:FIRST]:
        name = hit.path.relative_to(folder.resolve()).as_posix()
        more = f" (+{len(hit.copies)})" if hit.copies else ""
        print(f"       {hit.relevance or 0:4.0%} {hit.score:7.3f} {hit.kind:10} {name}{more}")


if __name__ == "__main__":
    main()
