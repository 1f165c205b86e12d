"""Indexing folders with names that are no Unicode, with links, and with raw pictures."""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder
from pathlib import Path

import pytest

import cmsearch
from indexer import Indexer, Report
from tests.builders import write_files, write_picture
from tests.raws import dng, quarters


def run(folder: Path, model: str) -> Report:
    return Indexer(folder, model=model).run()


def test_a_file_whose_name_is_no_unicode_is_found_and_opened(
    tmp_path: Path, fake_model: str
) -> None:
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xfc/caf\xe9.png"))
    write_picture(odd, "blue")
    write_picture(tmp_path / "red.png", "red")
    odd.with_suffix(".txt").write_text("a blue thing")
    for expected in ((3, 0), (0, 3)):
        report = run(tmp_path, fake_model)
        assert (report.added, report.unchanged, report.skipped) == (*expected, ())
    with cmsearch.open(tmp_path) as engine:
        (photo,) = engine.search("blue", target="image", k=1)
        (caption,) = engine.search("a blue thing", target="caption", k=1)
    assert photo.path == caption.path == odd
    assert photo.path.read_bytes().startswith(b"\x89PNG")
    odd.rename(odd.with_name("plain.png"))
    assert run(tmp_path, fake_model).moved == 1


def test_what_a_link_led_to_stays_while_its_drive_is_away(tmp_path: Path, fake_model: str) -> None:
    folder, drive = tmp_path / "folder", tmp_path / "drive"
    write_picture(folder / "red.png", "red")
    write_picture(drive / "blue.png", "blue")
    (folder / "link").symlink_to(drive)
    (folder / "green.png").symlink_to(write_picture(tmp_path / "other" / "green.png", "green"))
    assert run(folder, fake_model).items == {"photo": 3}
    for place in ("drive", "other"):
        (tmp_path / place).rename(tmp_path / f"{place} away")
    report = run(folder, fake_model)
    assert report.items == {"photo": 3}
    assert [one.path for one in report.skipped] == ["green.png", "link"]
    for place in ("drive", "other"):
        (tmp_path / f"{place} away").rename(tmp_path / place)
    assert run(folder, fake_model).unchanged == 3
    (folder / "link").unlink()
    assert run(folder, fake_model).items == {"photo": 2}


def test_raw_pictures_wait_for_what_reads_them(
    tmp_path: Path, fake_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_picture(tmp_path / "red.png", "red")
    write_files(
        tmp_path, {"blue.dng": dng(quarters()), "list.csv": "image,caption\nblue.dng,blue\n"}
    )
    find = PathFinder.find_spec

    def without(name: str, *arguments: object) -> object:
        return None if name == "rawpy" else find(name, *arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(PathFinder, "find_spec", without)
        patch.delitem(sys.modules, "rawpy", raising=False)
        report = run(tmp_path, fake_model)
        assert {one.path for one in report.skipped} == {"blue.dng", "list.csv"}
        assert "pip install 'cmsearch[raw]'" in report.skipped[0].reason
        assert report.items == {"photo": 1}
    report = run(tmp_path, fake_model)
    assert (report.items, report.skipped) == ({"photo": 2, "caption": 1}, ())
    with cmsearch.open(tmp_path) as engine:
        (caption,) = engine.search("blue", target="caption", k=1)
    assert caption.path.name == "blue.dng"
