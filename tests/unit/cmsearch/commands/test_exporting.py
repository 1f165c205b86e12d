"""Exporting hits: by the name's end, never over another file."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from cmsearch.commands.exporting import export
from cmsearch.errors import CmsearchError, QueryError
from cmsearch.types import Hit, Modality
from tests.builders import write_files, write_picture


@pytest.fixture
def hits(tmp_path: Path) -> list[Hit]:
    """Two pictures of the same name, one with a caption that was found too."""
    one, other = (write_picture(tmp_path / name / "cat.png", name) for name in ("red", "blue"))
    caption = Hit(7, 0.2, one, "c.jsonl:1", Modality.TEXT, "caption", "naïve <b>")
    return [
        Hit(4, 0.5, one, "red/cat.png", Modality.IMAGE, "photo", None),
        caption,
        Hit(1, 0.4, other, "blue/cat.png", Modality.IMAGE, "photo", None),
    ]


def test_text_has_each_path_once(tmp_path: Path, hits: list[Hit]) -> None:
    assert (
        export(hits, "Marked", str(tmp_path / "out.txt")) == f"Written to {tmp_path / 'out.txt'}."
    )
    assert (tmp_path / "out.txt").read_text().splitlines() == [
        str(tmp_path / "red" / "cat.png"),
        str(tmp_path / "blue" / "cat.png"),
    ]


def test_json_lines_are_those_of_search_ranked_as_they_are_listed(
    tmp_path: Path, hits: list[Hit]
) -> None:
    export(hits, "Marked", str(tmp_path / "out.JSONL"))
    rows = [json.loads(line) for line in (tmp_path / "out.JSONL").read_text("utf-8").splitlines()]
    assert [row["rank"] for row in rows] == [1, 2, 3]
    assert [row["text"] for row in rows] == [None, "naïve <b>", None]


def test_a_page_replaces_another_and_says_so(tmp_path: Path, hits: list[Hit]) -> None:
    place = str(tmp_path / "out.html")
    assert "anew" not in export(hits, "Marked", place)
    assert "anew" in export(hits[:1], "Marked", place)
    assert "naïve" not in (tmp_path / "out.html").read_text("utf-8")


def test_a_folder_gets_copies_and_names_that_are_taken_a_number(
    tmp_path: Path, hits: list[Hit]
) -> None:
    place = tmp_path / "best"
    assert "2 files were copied" in export(hits, "Marked", f"{place}/")
    assert "1 file was copied" in export(hits[:1], "Marked", str(place))  # it is there now
    assert sorted(path.name for path in place.iterdir()) == ["cat-2.png", "cat-3.png", "cat.png"]
    red, blue = ((tmp_path / name / "cat.png").read_bytes() for name in ("red", "blue"))
    copies = [(place / name).read_bytes() for name in ("cat.png", "cat-2.png", "cat-3.png")]
    assert copies == [red, blue, red]


@pytest.mark.parametrize("name", ["out.txt", "out.jsonl", "out.html"])
def test_no_file_is_overwritten(tmp_path: Path, hits: list[Hit], name: str) -> None:
    write_files(tmp_path, {name: "mine"})
    with pytest.raises(CmsearchError, match="is there already"):
        export(hits, "Marked", str(tmp_path / name))
    assert (tmp_path / name).read_text() == "mine"


@pytest.mark.parametrize(
    "name", ["nowhere/out.txt", "x" * 5000 + ".jsonl", "nowhere/out/", "\x00.txt", "nowhere/a.html"]
)
def test_places_that_cannot_be_written_are_said(tmp_path: Path, hits: list[Hit], name: str) -> None:
    with pytest.raises(CmsearchError, match="can't be written"):
        export(hits, "Marked", f"{tmp_path}/{name}")


def test_a_folder_where_a_file_is_is_said(tmp_path: Path, hits: list[Hit]) -> None:
    write_files(tmp_path, {"file": "mine"})
    with pytest.raises(CmsearchError, match="is there already"):
        export(hits, "Marked", f"{tmp_path}/file/")


@pytest.mark.parametrize("name", ["out", "out.pdf", "out.png"])
def test_other_names_are_asked_about(tmp_path: Path, hits: list[Hit], name: str) -> None:
    with pytest.raises(QueryError, match="contact sheet"):
        export(hits, "Marked", str(tmp_path / name))
    assert not (tmp_path / name).exists()


def test_a_file_that_is_gone_is_said_with_what_was_done(tmp_path: Path, hits: list[Hit]) -> None:
    hits[-1].path.unlink()
    with pytest.raises(CmsearchError, match=r"No such file.* 1 file was copied before"):
        export(hits, "Marked", f"{tmp_path}/best/")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names here")
def test_a_pipe_is_not_waited_for(tmp_path: Path, hits: list[Hit]) -> None:
    hits[0].path.unlink()
    os.mkfifo(hits[0].path)
    with pytest.raises(CmsearchError, match="not a regular file"):
        export(hits, "Marked", f"{tmp_path}/best/")


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
def test_names_that_are_not_utf_8_are_kept(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    path = write_picture(tmp_path / name)
    hit = Hit(1, 0.5, path, "caf.png", Modality.IMAGE, "photo", None)
    for place in ("out.txt", "out.jsonl", "best/"):
        export([hit], "Marked", f"{tmp_path}/{place}")
    assert b"caf\xe9.png" in (tmp_path / "out.txt").read_bytes()
    assert (tmp_path / "best" / name).is_file()
