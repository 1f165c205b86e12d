"""Ask for photographs by exact words of their captions, folders and names, among a thousand.

    python -m scripts.bench.exact_words [FOLDER] [--pictures 1000] [--model NAME] [--json FILE]

The folder of scripts/drawn.py is made and indexed, in FOLDER if one is named. What is asked for has
one right answer, or of a folder any picture in it. Prints for each kind of words, and for
photographs alone and one list of everything, how often a right one is first, and what was first
otherwise. Ends with 1 if any other was.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cmsearch
from cmsearch import Engine
from indexer import Indexer
from scripts.drawn import Drawn, drawn, make

TARGETS = ("image", "any")
EACH = 20
"""Of each so many pictures one is asked for by its caption."""
SMALL = frozenset({"a", "an", "and", "at", "by", "in", "of", "on", "our", "the", "to", "two"})
SHOWN = 5
"""Wrong answers of a kind that are told."""


class Asked(NamedTuple):
    """A query, of what kind, and the path, or the folder with `/`, of what is meant."""

    kind: str
    query: str
    meant: str


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--model", default="lite")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    made = list(drawn(arguments.pictures))
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.folder or Path(scratch)
        if not any(folder.glob("*")):
            make(folder, arguments.pictures)
        report = Indexer(folder, model=arguments.model).run()
        assert not report.skipped, report.skipped
        with cmsearch.open(folder) as engine:
            asked = list(questions(made))
            answers = [each for target in TARGETS for each in answered(engine, asked, target)]
    if arguments.json:
        arguments.json.write_text(json.dumps(answers, indent=1), encoding="utf-8")
    return tell(answers)


def questions(made: Sequence[Drawn]) -> Iterator[Asked]:
    said = [words(one.caption) for one in made]
    whole = [frozenset(own) for own in said]
    for number in range(3, len(made), EACH):
        one = made[number]
        yield Asked("caption", one.caption, one.path)
        yield Asked("words of a caption", phrase(said[number], whole), one.path)
        large = [word for word in said[number] if word not in SMALL]
        yield Asked("all large words", " ".join(large), one.path)
        name = Path(one.path)
        yield Asked("name", name.name if number // EACH % 2 else name.stem, one.path)
    for one, own in zip(made, said, strict=True):
        if sum(own[0] in others for others in said) == 1:
            yield Asked("a name in a caption", own[0], one.path)
        stem = Path(one.path).stem
        if not any(map(str.isdigit, stem)):
            yield Asked("given name", stem, one.path)
            yield Asked("words of a given name", " ".join(words(stem.replace("_", " "))), one.path)
    for folder in dict.fromkeys(str(Path(one.path).parent) for one in made):
        yield Asked("folder", Path(folder).name, f"{folder}/")
        yield Asked("last word of a folder", words(folder)[-1], f"{folder}/")


def words(text: str) -> list[str]:
    """The words of a text, small, without what stands between them."""
    return "".join(char.lower() if char.isalnum() else " " for char in text).split()


def phrase(own: Sequence[str], whole: Sequence[frozenset[str]]) -> str:
    """The fewest words in a row of a caption that no other has all of."""
    for length in range(2, len(own)):
        for start in range(len(own) - length + 1):
            run = own[start : start + length]
            if sum(others.issuperset(run) for others in whole) == 1:
                return " ".join(run)
    return " ".join(own)


def answered(engine: Engine, asked: Sequence[Asked], target: str) -> Iterator[dict[str, Any]]:
    """What was asked, where a right one stood among the first ten, and what was first."""
    found = engine.search([each.query for each in asked], target=target, k=10)
    for own, hits in zip(asked, found, strict=True):
        paths = [hit.path.relative_to(engine.store.root).as_posix() for hit in hits]
        right = [row for row, path in enumerate(paths) if path.startswith(own.meant)]
        place = right[0] + 1 if right else None
        rows = [(paths[row], hits[row]) for row in [0, *right[:1]] if hits]
        yield {
            **own._asdict(),
            "target": target,
            "place": place,
            "hits": [
                {"path": path, "kind": hit.kind, "text": hit.text, "score": hit.score}
                | {"relevance": hit.relevance, "stages": dict(hit.stages)}
                for path, hit in rows
            ],
        }


def tell(answers: Sequence[dict[str, Any]]) -> int:
    """Print how many were first, and some that weren't; 1 if there were such."""
    for key in dict.fromkeys((answer["target"], answer["kind"]) for answer in answers):
        own = [answer for answer in answers if (answer["target"], answer["kind"]) == key]
        wrong = [answer for answer in own if answer["place"] != 1]
        print(f"for {key[0]}, by {key[1]}: {len(own) - len(wrong)} of {len(own)} first")
        for answer in wrong[:SHOWN]:
            print(f"    {answer['query']!r}, meant {answer['meant']}: at {answer['place']}")
            for hit in answer["hits"]:
                stages = {name: round(value, 3) for name, value in hit["stages"].items()}
                print(f"        {hit['relevance']} {hit['path']} {hit['kind']} {stages}")
    first = sum(answer["place"] == 1 for answer in answers)
    print(f"first: {first} of {len(answers)}")
    return int(first < len(answers))


if __name__ == "__main__":
    sys.exit(main())
