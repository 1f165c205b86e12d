"""The pairs of a folder are those that indexing it finds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from cmsearch.errors import MediaError
from cmsearch.learning.metrics import Gold
from cmsearch.store.catalog import pairs as known
from cmsearch.store.store import Store
from indexer.indexer import Indexer
from indexer.pairs import pairs
from tests.packets import alt, jpeg, packet
from tests.raws import dng, quarters


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


def test_captions_in_pictures_are_pairs_as_well(tmp_path: Path, fake_model: str) -> None:
    words = alt("dc:description", "a red one") + alt("dc:title", "red")
    for name, colour in (("a", "red"), ("b", "green"), ("c", "blue"), ("d", "white")):
        own = packet(words if name == "a" else alt("dc:title", f"{colour} it is"))
        (tmp_path / f"{name}.jpg").write_bytes(jpeg(xmp=own, quality=50 + ord(colour[0]) % 40))
    (tmp_path / "c.dng").write_bytes(dng(quarters()))
    info = PngInfo()
    info.add(b"tEXt", b"Description\0behind its pixels", True)
    Image.new("RGB", (16, 16)).save(tmp_path / "e.png", pnginfo=info)
    (tmp_path / "broken.jpg").write_bytes(jpeg()[:30])
    Indexer(tmp_path, model=fake_model).run()
    with Store(tmp_path / ".cmsearch") as store:
        stored = {Gold(*pair) for pair in known.captions(store.catalog)}
    found = pairs(tmp_path)
    assert set(found.pairs) == stored and len(stored) == 6
    assert found.skipped == ()


def test_what_a_program_writes_in_most_pictures_is_no_pair(tmp_path: Path) -> None:
    for number in range(5):
        own = alt("dc:description", "By Ada's studio") + alt("dc:title", f"number {number // 2}")
        (tmp_path / f"{number}.jpg").write_bytes(jpeg(xmp=packet(own)))
    told = [pair.caption for pair in pairs(tmp_path).pairs]
    assert told == [f"number {number // 2}" for number in range(5)]
    (tmp_path / "0.txt").write_text("By Ada's studio")  # what a person writes counts always
    assert Gold("0.jpg", "By Ada's studio") in pairs(tmp_path).pairs


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
