"""`cmsearch again`, `more` and `similar`: going on from what was found."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.builders import write_files, write_picture
from tests.commands import called


def found(*arguments: object, stdin: bytes = b"") -> list[str]:
    """The sources of the hits."""
    result = called(*arguments, "--format", "json", stdin=stdin)
    assert result.returncode == 0, result.stderr
    return [json.loads(line)["source"] for line in result.stdout.splitlines()]


def test_again_gives_the_same(folder: Path) -> None:
    first = found("search", "red + blue", "-k", "3", "--not", "meadow", "--expand")
    assert found("again") == first
    assert found("again") == first


def test_again_takes_what_is_given_over_what_was(folder: Path) -> None:
    found("search", "red", "--for", "image", "-k", "1")
    assert len(found("again", "-k", "3")) == 3
    assert len(found("again")) == 3  # it was the last search
    assert set(found("again", "--for", "caption")) <= {
        "green.txt:1",
        "green.txt:3",
        "captions.jsonl:1",
        "captions.jsonl:2",
    }
    assert found("again", "--no-caption", "--for", "image") == ["blue.png"]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--since", "2000-01-01"),
        ("--until", "2999-01-01"),
        ("--path", "*.png"),
        ("--budget", "20s"),
        ("--min-relevance", "0"),
        ("--rerank-depth", "5"),
        ("--cutoff", "auto"),
        ("--match", "words"),
    ],
)
def test_again_knows_every_kind_of_option(folder: Path, option: str, value: str) -> None:
    first = found("search", "red", option, value)
    assert found("again") == first


def test_again_knows_the_place(folder: Path) -> None:
    result = called("search", "red", "--near", "48.5,-2.25,1.5")
    again = called("again")
    assert (again.returncode, again.stdout, again.stderr) == (0, result.stdout, result.stderr)
    assert "filters" in again.stderr


def test_again_works_from_another_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = found("search", "--image", "blue.png")
    monkeypatch.chdir("/")
    assert found("again") == first


def test_again_without_a_search_says_what_to_do(folder: Path) -> None:
    for command in (["again"], ["more", "1"]):
        result = called(*command)
        assert result.returncode == 2 and "cmsearch search TEXT" in result.stderr


def test_a_picture_from_stdin_cannot_be_asked_again(folder: Path) -> None:
    found("search", "red")
    found("search", "--image", "-", stdin=(folder / "blue.png").read_bytes())
    assert "no last search" in called("again").stderr


def test_more_leaves_out_the_hits_that_are_named_and_their_copies(folder: Path) -> None:
    assert found("search", "red", "--for", "image")[0] == "reds/a.png"
    assert not {"reds/a.png", "reds/b.png"} & set(found("more", "1"))


def test_more_goes_on_step_by_step(folder: Path) -> None:
    """Captions aren't left out as pictures of the query are: what was named has to be known."""
    captions = found("search", "red", "--for", "caption")
    assert len(captions) == 4
    others = found("more", "1")
    assert set(others) == set(captions[1:])
    last = found("more", "1")
    assert set(last) == set(others[1:])
    assert found("again") == last


def test_more_draws_the_query_towards_what_is_liked(folder: Path) -> None:
    pictures = ("--for", "image", "--match", "picture")
    for number in range(2):
        write_picture(folder / f"bluish{number}.png", "blue", (8 + number, 20))
    assert called("index", "--model", "fake:colours").returncode == 0
    sources = found("search", "red + 0.5:green + 0.4:blue", *pictures, "--expand", "-k", "9")
    likely = found("more", sources.index("blue.png") + 1)
    assert likely[0].startswith("bluish")


def test_more_not_takes_wrong_hits(folder: Path) -> None:
    sources = found("search", "red", "--for", "image")
    wrong = sources.index("green.png") + 1
    assert "green.png" not in found("more", "1", "--not", wrong)


def test_ranks_that_are_not_there_are_refused(folder: Path) -> None:
    sources = found("search", "red")
    result = called("more", len(sources) + 1)
    assert result.returncode == 2 and f"There is no hit {len(sources) + 1}" in result.stderr


def test_a_hit_whose_file_is_gone_is_said(folder: Path) -> None:
    found("search", "red", "--for", "image")
    shutil.rmtree(folder / "reds")
    result = called("more", "1")
    assert result.returncode == 1 and "a.png can't be read" in result.stderr


def test_an_index_that_is_gone_is_said(folder: Path) -> None:
    found("search", "red")
    shutil.rmtree(folder / ".cmsearch")
    assert called("again").returncode == 1


def test_similar_finds_pictures_unless_something_else_is_wanted(folder: Path) -> None:
    query = write_picture(folder.parent / "query.png", "blue", (9, 9))
    assert found("similar", query)[0] == "blue.png"
    assert all(source.endswith(".png") for source in found("similar", query))
    assert not any(
        source.endswith(".png") for source in found("similar", query, "--for", "caption")
    )


def test_similar_can_be_gone_on_from(folder: Path) -> None:
    found("similar", "blue.png")
    assert "blue.png" not in found("more", "1")


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
def test_names_that_are_not_utf_8_are_gone_on_from(folder: Path) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    shutil.copy(folder / "blue.png", folder / name)
    (folder / "blue.png").unlink()
    assert called("index", "--model", "fake:colours").returncode == 0
    result = called("search", "red", "--path", "caf*", "--format", "json")
    assert json.loads(result.stdout)["path"] == str(folder / name)
    assert called("again").returncode == 0
    assert called("more", "1").returncode == 0
    assert called("similar", name).returncode == 0
    assert called("again").returncode == 0


@pytest.mark.parametrize(
    "options",
    [
        {"k": "many"},
        {"k": 0},
        {"k": [1]},
        {"target": {"a": 1}},
        {"target": "smell"},
        {"near": "nowhere"},
        {"near": [1, 2, 3]},
        {"since": "May"},
        {"since": 5},
        {"budget": "-1"},
        {"has_caption": "perhaps"},
        {"rerank": 5},
        {"path": ["*"]},
        {"unknown": 5, "style": "json", "ranks": [3]},
    ],
    ids=str,
)
def test_options_that_were_tampered_with_are_refused_or_ignored(
    folder: Path, state: Path, options: dict[str, object]
) -> None:
    found("search", "red")
    place = state / "last.json"
    kept = json.loads(place.read_text())
    place.write_text(json.dumps({**kept, "options": {**kept["options"], **options}}))
    result = called("again")
    assert result.returncode in (0, 2)
    assert result.returncode == 0 or "Error:" in result.stderr


def test_a_state_that_cannot_be_written_is_no_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(folder.parent, {"file": ""})
    monkeypatch.setenv("CMSEARCH_STATE", str(folder.parent / "file"))
    assert found("search", "red")
    assert found("search", "--image", "-", stdin=(folder / "blue.png").read_bytes())
    assert called("again").returncode == 2
