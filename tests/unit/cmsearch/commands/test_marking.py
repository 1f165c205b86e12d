"""`cmsearch mark` and `marks`, and `:right`, `:wrong` and `:clear` of the shell."""

from __future__ import annotations

import json
from pathlib import Path

import cmsearch
from tests.commands import called


def told() -> list[tuple[str, str, bool, str]]:
    """What `cmsearch marks` lists as JSON."""
    rows = map(json.loads, called("marks", "--format", "json").stdout.splitlines())
    return [(row["query"], row["target"], row["right"], row["source"]) for row in rows]


def test_hits_of_the_last_search_are_marked(folder: Path) -> None:
    assert called("search", "red", "--for", "image", "--expand").returncode == 0
    result = called("mark", 1, 2, 1, "--right")
    assert (result.returncode, result.stderr) == (0, "2 hits marked right.\n")
    assert called("mark", 3, "--wrong").stderr == "1 hit marked wrong.\n"
    with cmsearch.open(folder) as engine:
        third = [one.source for one in engine.marks() if not one.right]
    reds = ["reds/a.png", "reds/b.png"]
    assert told() == [("red", "image", True, one) for one in reds] + [
        ("red", "image", False, *third)
    ]
    called("mark", 1, "--clear")
    called("mark", 2, "--wrong")
    assert {one[3]: one[2] for one in told()} == {reds[1]: False, third[0]: False}


def test_days_that_were_understood_are_no_part_of_the_query(folder: Path) -> None:
    called("search", "red since 1999", "--for", "image")
    called("mark", 1, "--right")
    called("search", "red since 1999", "--for", "image", "--literal")
    called("mark", 1, "--right")
    assert [row[0] for row in told()] == ["red", "red since 1999"]


def test_marks_are_listed_by_query_and_target(folder: Path) -> None:
    for query, target in (("red", "image"), ("blue", "image"), ("red", "any")):
        called("search", query, "--for", target)
        called("mark", 1, "--right")
    assert len(called("marks", "--query", " red ").stdout.splitlines()) == 3
    assert len(called("marks", "--query", "red", "--for", "any").stdout.splitlines()) == 2
    (folder / "blue.png").unlink()
    assert called("index", ".").returncode == 0
    assert "blue.png  (not in the index now)" in called("marks").stdout
    examined = called("doctor", "--samples", 0)
    assert "1 mark is of something that isn't in the index any more" in examined.stderr
    assert examined.stdout == "Everything agrees.\n"
    assert called("marks", "--forget-missing").stderr == "1 marks were deleted.\n"
    assert {row[0] for row in told()} == {"red"}


def test_what_cannot_be_meant_is_said(folder: Path) -> None:
    assert "There is no last search" in called("mark", 1, "--right").stderr
    called("search", "red")
    wrong: list[tuple[tuple[str | int, ...], str]] = [
        ((1,), "--right, --wrong or --clear"), (("--right",), "RANKS"),
        ((99, "--right"), "There is no hit 99"), ((0, "--right"), "0"),
    ]  # fmt: skip
    for arguments, says in wrong:
        result = called("mark", *arguments)
        assert result.returncode == 2 and says in result.stderr
    assert called("marks").stderr == "Nothing is marked.\n"
    assert told() == []


def test_the_shell_marks_what_it_found(folder: Path) -> None:
    lines = b"red\n:for image\n:right 1\n:wrong 2-3\n:clear 3\n:right 99\n"
    result = called("shell", stdin=lines)
    assert result.stderr.splitlines()[-4:] == [
        "1 hit marked right.", "2 hits marked wrong.",
        "1 hit marked neither right nor wrong.",
        "Error: There is no hit 99: the last search has 3.",
    ]  # fmt: skip
    assert [row[:3] for row in told()] == [("red", "image", True), ("red", "image", False)]
