"""The pairs of a folder are those that indexing it finds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from cmsearch.errors import MediaError
from cmsearch.learning.metrics import Gold
from cmsearch.store.catalog import pairs as known
from cmsearch.store.store import Store
from indexer.indexer import Indexer
from indexer.pairs import pairs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, colour in (("a.png", "red"), ("b.png", "green"), ("deep/c.jpg", "blue")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (40, 30), colour).save(tmp_path / name)
    (tmp_path / "a.txt").write_text("a red one\n\nanother red one\n")
    lines = [
        {"image": "B.PNG", "caption": "a green one"},
        {"image": "deep/c.jpg", "caption": "a blue one"},
        {"image": "deep/c.jpg", "caption": "a blue one"},
        {"image": "gone.png", "caption": "nothing"},
        {"image": "b.png"},
    ]
    (tmp_path / "captions.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (tmp_path / "notes.md").write_text("A passage about no picture.")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG")
    return tmp_path


def test_pairs_are_those_of_the_index(folder: Path, fake_model: str) -> None:
    Indexer(folder, model=fake_model).run()
    with Store(folder / ".cmsearch") as store:
        stored = {Gold(*pair) for pair in known.captions(store.catalog)}
    found = pairs(folder)
    assert len(found.pairs) == len(set(found.pairs)) == 4
    assert set(found.pairs) == stored


def test_what_is_left_out_is_said(folder: Path) -> None:
    assert [(one.path, one.locator) for one in pairs(folder).skipped] == [
        ("captions.jsonl", "4"),
        ("captions.jsonl", "5"),
    ]


def test_pictures_are_decoded_by_their_names(folder: Path) -> None:
    found = pairs(folder)
    assert found.read("deep/c.jpg", 10).size == (40, 30)
    with pytest.raises(MediaError):
        found.read("broken.png", 10)
