"""What other programs noted is shown and filtered by on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from indexer import Indexer
from tests.builders import write_files
from tests.commands import called
from tests.packets import alt, bag, jpeg, packet


@pytest.fixture
def folder(tmp_path: Path, fake_model: str) -> Path:
    folder = tmp_path / "photos"
    own = packet(
        bag("lr:hierarchicalSubject", "Animals|Dogs") + alt("dc:description", "A dog on the beach")
        + bag("Iptc4xmpExt:PersonInImage", "Anna"),
        'xmp:Rating="4" xmp:Label="Red" photoshop:City="Cascais" '
        'exif:DateTimeOriginal="2019-05-06T07:08:09.5+02:00"',
    )  # fmt: skip
    beside = packet(bag("dc:subject", "Cats"), 'xmp:Rating="1"')
    write_files(folder, {"a.jpg": jpeg(xmp=own), "b.jpg": jpeg(), "b.jpg.xmp": beside})
    Indexer(folder, model=fake_model).run()
    return folder


def search(folder: Path, *options: str) -> list[dict[str, Any]]:
    ran = called(
        "search", "red", "--for", "image", "--expand", "--store", folder, "--format", "json",
        *options,
    )  # fmt: skip
    assert ran.returncode == 0
    return [json.loads(line) for line in ran.stdout.splitlines()]


def names(hits: list[dict[str, Any]]) -> set[str]:
    return {Path(hit["path"]).name for hit in hits}


def test_hits_tell_what_is_noted(folder: Path) -> None:
    (hit,) = [one for one in search(folder) if one["path"].endswith("a.jpg")]
    assert hit["keywords"] == ["Animals|Dogs"]
    assert (hit["people"], hit["places"], hit["creators"]) == (["Anna"], ["Cascais"], [])
    assert (hit["rating"], hit["labels"]) == (4, ["Red"])
    assert hit["taken"] == "2019-05-06 07:08:09.500000"
    assert (hit["taken_source"], hit["taken_zone"]) == ("xmp", "+02:00")


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--keyword", "dogs"], {"a.jpg"}),
        (["--keyword", "dogs", "--keyword", "CATS"], set()),
        (["--person", "anna", "--label", "red"], {"a.jpg"}),
        (["--rating", "4.."], {"a.jpg"}),
        (["--rating", "..3"], {"b.jpg"}),
        (["--rating", "1"], {"b.jpg"}),
        (["--rating", "1..4"], {"a.jpg", "b.jpg"}),
    ],
)
def test_filters(folder: Path, options: list[str], found: set[str]) -> None:
    assert names(search(folder, *options)) == found


def test_a_refined_search_keeps_its_filters(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CMSEARCH_STATE", str(tmp_path / "state"))
    assert names(search(folder, "--rating", "3..5", "--keyword", "animals")) == {"a.jpg"}
    again = called("again", "--format", "json")
    assert names([json.loads(line) for line in again.stdout.splitlines()]) == {"a.jpg"}
    more = called("again", "--format", "json", "--rating", "..2", "--keyword", "cats")
    assert names([json.loads(line) for line in more.stdout.splitlines()]) == {"b.jpg"}


def test_filters_that_leave_nothing_are_named(folder: Path) -> None:
    ran = called(
        "search", "red", "--store", folder, "--keyword", "no such", "--person", "Bo",
        "--rating", "5", "--label", "x",
    )  # fmt: skip
    told = "--keyword no such, --person Bo, --label x, --rating 5"
    assert f"passes the filters: {told}" in ran.stderr


@pytest.mark.parametrize("stars", ["five", "6", "-2", "3..2", "..", "1..x"])
def test_stars_that_are_none(folder: Path, stars: str) -> None:
    ran = called("search", "red", "--store", folder, "--rating", stars)
    assert ran.returncode == (0 if stars == ".." else 2)


def test_info_counts_what_is_noted(folder: Path) -> None:
    told = " ".join(called("info", "--store", folder).stdout.split())
    assert "noted 2 keywords, 1 name of people, 1 place, 2 rated files, 1 labelled file" in told
    assert "times 1 by file, 1 by xmp" in told
    found = json.loads(called("info", "--store", folder, "--format", "json").stdout)
    assert found["notes"] == {"keyword": 2, "person": 1, "place": 1, "rating": 2, "label": 1}
    assert (found["taken"], found["files"]) == ({"file": 1, "xmp": 1}, {"image": 2, "xmp": 1})


def test_explain_and_sheets_show_what_is_noted(folder: Path, tmp_path: Path) -> None:
    noted = "★★★★ · Red · Anna · Animals › Dogs · Cascais"
    out = tmp_path / "drawn.png"
    told = called("explain", "red", folder / "a.jpg", "--store", folder, "--out", out).stdout
    assert f"noted: {noted}" in told and "told by: xmp" in told
    page = tmp_path / "found.html"
    assert called("search", "red", "--store", folder, "--html", page).returncode == 0
    assert noted in page.read_text()


def test_info_counts_each_value(folder: Path, fake_model: str) -> None:
    beside = packet(bag("dc:subject", "cats", "Dogs"), 'xmp:Rating="-1" xmp:Label="Blue"')
    write_files(
        folder, {"c.jpg": jpeg(), "c.jpg.xmp": beside, "a.xmp": packet("", 'xmp:Rating="2"')}
    )
    Indexer(folder, model=fake_model).run()
    found = json.loads(called("info", "--store", folder, "--format", "json").stdout)
    assert found["keywords"] == {"Cats": 2, "Dogs": 2, "Animals": 1, "Animals|Dogs": 1}
    assert list(found["keywords"])[2:] == ["Animals", "Animals|Dogs"]
    assert (found["people"], found["labels"]) == ({"Anna": 1}, {"Blue": 1, "Red": 1})
    assert found["ratings"] == {"2": 1, "1": 1, "-1": 1}
    assert list(found["ratings"]) == ["2", "1", "-1"]
    lines = called("info", "--store", folder).stdout.splitlines()
    assert "stars     2 stars 1, 1 star 1, rejected 1" in lines
    assert "keywords  Cats 2, Dogs 2, Animals 1, Animals|Dogs 1" in lines
