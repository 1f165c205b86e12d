"""Paths of sources lead into the folder, or nowhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cmsearch.common.text import storable
from indexer.importing.places import Places, Unplaced
from tests.builders import write_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_files(tmp_path / "pics", {"a b/ü.jpg": "x", "c.jpg": "xx"})


def found(places: Places, path: str) -> str | None:
    try:
        return places.find(path).path
    except Unplaced:
        return None


def test_a_path_is_from_the_folder_or_from_where_it_is(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    for places in (Places(folder), Places(tmp_path / "link")):
        for path in ("a b/ü.jpg", "./a b//ü.jpg", "x/../a b/ü.jpg", str(folder / "a b" / "ü.jpg")):
            assert found(places, path) == "a b/ü.jpg"
    assert found(Places(tmp_path / "link"), str(tmp_path / "link" / "c.jpg")) == "c.jpg"
    place = Places(folder).find("c.jpg")
    assert place.is_there and (place.size, place.mtime_ns) == (
        2,
        (folder / "c.jpg").stat().st_mtime_ns,
    )
    assert not Places(folder).find("d.jpg").is_there
    assert not Places(folder).find("c.jpg/d.jpg").is_there


@pytest.mark.parametrize(
    ("was", "path"),
    [
        ("old", "old/c.jpg"),
        ("old/", "old/c.jpg"),
        ("./old/pics", "./old/pics/c.jpg"),
        ("/home/me/Pictures", "/home/me/Pictures/c.jpg"),
        ("C:\\Users\\me", "C:\\Users\\me\\c.jpg"),
        ("\\\\nas\\photos", "\\\\nas\\photos\\c.jpg"),
    ],
)
def test_it_may_have_been_elsewhere(folder: Path, was: str, path: str) -> None:
    assert found(Places(folder, was), path) == "c.jpg"
    assert found(Places(folder, was), "c.jpg") == "c.jpg"
    assert found(Places(folder), path) != "c.jpg"


@pytest.mark.parametrize(
    "path",
    [
        *("", ".", "..", "../c.jpg", "a/../../c.jpg", "/c.jpg", "//c.jpg", "C:\\c.jpg", "a\0.jpg"),
        *(".git/c.jpg", "a/.c.jpg", "node_modules/c.jpg", "x" * 300 + ".jpg", "a\ud800.jpg"),
        *("a\U0010ff85.jpg", "a b"),
    ],
)
def test_others_are_not_of_it(folder: Path, path: str) -> None:
    assert found(Places(folder), path) is None
    assert found(Places(folder), f"{folder}x/c.jpg") is None


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
def test_names_need_not_be_unicode(folder: Path) -> None:
    name = os.fsdecode(b"caf\xe9.jpg")
    (folder / name).write_bytes(b"x")
    place = Places(folder).find(name)
    assert place.is_there and place.path == storable(name)
