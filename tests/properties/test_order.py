"""Searches of all directions, filters and options: the same answer, however long and how often."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path

import cmsearch
from indexer import Indexer
from tests import orders
from tests.builders import write_files, write_picture

SEARCHES = 45
COLOURS = ("red", "green", "blue", "yellow", "white", "black", "purple", "orange")


def test_answers_begin_the_same_and_end_in_no_error_but_of_queries(
    tmp_path: Path, fake_model: str
) -> None:
    pictures = [
        write_picture(tmp_path / ("photos" if number % 2 else "2024") / f"{colour}.jpg", colour)
        for number, colour in enumerate(COLOURS)
    ]
    captions = [
        {"image": str(one.relative_to(tmp_path)), "caption": f"A {one.stem} {thing}."}
        for one in pictures[:5]
        for thing in ("house by the sea", "boat")
    ]
    notes = {
        "note.md": "A red house.\n\nThe sea is blue.\n",
        "photos/white.txt": "A white sheet.\n",
    }
    lines = "".join(f"{json.dumps(one)}\n" for one in captions)
    write_files(tmp_path, {**notes, "captions.jsonl": lines})
    assert not Indexer(tmp_path, model=fake_model, asr="none").run().skipped
    texts = ("red", "a red house", "blue boat", "house", "2024", "white.jpg", "nothing like it")
    material = orders.Material(texts, pictures, [], orders.FILTERS)
    with cmsearch.open(tmp_path) as engine:
        tried = [orders.faults(engine, own) for own in islice(orders.asked(1, material), SEARCHES)]
    found = [fault for faults, _ in tried for fault in faults if fault.kind in orders.KINDS]
    assert not found, "\n".join(f"{one.kind}: {one.asked}: {one.told}" for one in found[:3])
    assert sum(refused for _, refused in tried) < SEARCHES / 3
