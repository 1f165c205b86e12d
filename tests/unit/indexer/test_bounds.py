"""Files that are too large for their kind, and texts that never end, cost nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cmsearch.media import captions
from cmsearch.media.readers import make_reader, readers
from cmsearch.protocols import Sized
from indexer import read
from indexer.read import Loader
from indexer.scan import Found, scan
from tests.builders import write_files, write_picture
from tests.fakes import FakeEncoder

KINDS = [(kind, suffix) for kind in readers.rows() for suffix in sorted(make_reader(kind).suffixes)]


@pytest.mark.parametrize(("kind", "suffix"), KINDS)
def test_a_file_that_is_too_large_is_refused_by_its_size(
    tmp_path: Path, kind: str, suffix: str
) -> None:
    reader = make_reader(kind)
    assert isinstance(reader, Sized)
    found = Found(f"a{suffix}", kind, reader.max_bytes + 1, 1)  # there is none to be read
    loaded = Loader(tmp_path, FakeEncoder(), frozenset()).load(found, frozenset())
    assert loaded.error is not None and loaded.error.startswith("larger than")
    assert loaded.final, "it isn't looked at again until it changes"


def test_most_kinds_end_below_two_gibibytes() -> None:
    for kind, _ in KINDS:
        if kind not in ("audio", "video"):
            assert make_reader(kind).max_bytes < 2**31  # type: ignore[attr-defined]


def test_texts_that_are_no_captions_are_named(tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png")
    long = "a " * 2_000_000
    rows = [{"image": "a.png", "caption": "a dog"}, {"image": "a.png", "caption": long}]
    write_files(tmp_path, {"c.jsonl": "".join(json.dumps(row) + "\n" for row in rows)})
    found = _loaded(tmp_path, "c.jsonl")
    assert [item.part.content for item in found.new] == ["a dog"]
    assert [(one.locator, one.reason) for one in found.skipped] == [
        ("2", "3,999,999 characters are no caption")
    ]


def test_of_a_file_with_too_many_lines_the_first_are_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read, "MAX_ITEMS", 3)
    write_picture(tmp_path / "a.png")
    write_files(tmp_path, {"a.txt": "one\ntwo\nthree\nfour\nfive\n"})
    found = _loaded(tmp_path, "a.txt")
    assert [item.part.content for item in found.new] == ["one", "two", "three"]
    assert [(one.locator, one.path) for one in found.skipped] == [("4", "a.txt")]


def _loaded(folder: Path, name: str) -> read.Loaded:
    files = scan(folder).files
    pictures = frozenset(file.path for file in files if file.kind == "image")
    (file,) = (file for file in files if file.path == name)
    return Loader(folder, FakeEncoder(), pictures).load(file, frozenset())


def test_json_of_countless_values_is_not_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(captions, "MAX_VALUES", 10)
    write_files(tmp_path, {"captions.json": "[" + "{}," * 20 + "{}]"})
    assert _loaded(tmp_path, "captions.json").error == "22 lists and objects are more than 10"
