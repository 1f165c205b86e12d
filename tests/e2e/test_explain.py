"""The command `explain`, on the sample photographs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.builders import write_files
from tests.commands import called, cmsearch

BEE = "photos/honey_bee.jpg"
FIELDS = [
    *("query", "path", "locator", "pictures", "rank", "score", "relevance", "stages", "caption"),
    *("lines", "matched", "words", "crop", "joined", "drawn", "taken_source"),
    *("keywords", "people", "places", "rating", "labels", "creators"),
]


def test_it_prints_the_stages_and_words_and_draws_them(sample: Path, tmp_path: Path) -> None:
    options = ["--store", sample]
    result = cmsearch("explain", "bee on a purple flower", sample / BEE, *options, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "rank 1 of 25 pictures" in result.stdout
    for said in (
        "picture",
        "together",
        "attention",
        "caption",
        "yellow centre of a purple aster",
        "flower",
    ):
        assert said in result.stdout
    assert result.stderr == "Drawn in honey_bee.jpg.explain.png.\n"
    with Image.open(tmp_path / "honey_bee.jpg.explain.png") as drawn:
        assert drawn.format == "PNG"
        assert 800 < drawn.width < 1200


def test_json_has_the_documented_fields(sample: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.png"
    arguments = ["explain", "bee", BEE, "--out", out, "--format", "json"]
    result = called(*arguments, cwd=sample)
    found = json.loads(result.stdout)
    assert list(found) == FIELDS
    assert found["path"] == str(sample / BEE)
    (word,) = found["words"]
    assert list(word) == ["word", "weight", "similarity", "attention"]
    assert sum(word["attention"].values()) == pytest.approx(1, abs=1e-4)
    assert (found["drawn"], word["weight"]) == (str(out), 1.0)


def test_a_drawing_is_replaced_only_by_force(sample: Path, tmp_path: Path) -> None:
    out = write_files(tmp_path, {"a.png": "mine"}) / "a.png"
    result = called("explain", "bee", BEE, "--out", out, cwd=sample)
    assert (result.returncode, out.read_text()) == (2, "mine")
    assert "--force" in result.stderr
    assert called("explain", "bee", BEE, "--out", out, "--force", cwd=sample).returncode == 0
    with Image.open(out) as drawn:
        assert drawn.format == "PNG"


def test_without_words_that_weigh_anything_nothing_is_drawn(sample: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.png"
    result = called("explain", "the", BEE, "--out", out, cwd=sample)
    assert result.returncode == 0
    assert "evidence" in result.stdout
    assert "No regions" in result.stderr
    assert not out.exists()


def test_a_link_is_neither_drawn_over_nor_through(sample: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.png"
    out.symlink_to("mine.txt")
    for there in (False, True):
        result = called("explain", "bee", BEE, "--out", out, "--force", cwd=sample)
        assert result.returncode == 1
        assert "it is a link" in result.stderr
        assert (tmp_path / "mine.txt").exists() is there
        (tmp_path / "mine.txt").write_text("mine")
    assert (tmp_path / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["explain", "bee"], 2, "FILE"),
        (["explain", "bee", "none.jpg"], 2, "not in the index"),
        (["explain", "bee", "captions.jsonl"], 2, "no indexed picture"),
        (["explain", " ", BEE], 2, "empty"),
        (["explain", "bee", BEE, "--out", "a.jpg"], 2, "PNG"),
        (["explain", "bee", BEE, "--out", "none/a.png"], 1, "none/a.png"),
    ],
)
def test_mistakes_are_one_message_and_an_exit_code(
    sample: Path, tmp_path: Path, arguments: list[str], status: int, said: str
) -> None:
    result = called(*arguments, cwd=sample)
    assert result.returncode == status, result.stderr
    assert said in result.stderr
    assert result.stdout == ""


def test_without_an_index_it_says_how_to_make_one(sample: Path, tmp_path: Path) -> None:
    result = called("explain", "bee", sample / BEE, cwd=tmp_path)
    assert result.returncode == 1
    assert "cmsearch index" in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_name_that_is_too_long_is_told() -> None:
    done = called("explain", "a cat", "a" * 3000)
    assert done.returncode == 1
    assert "can't be used: File name too long." in done.stderr and len(done.stderr) < 300
