"""`cmsearch shell` with lines through a pipe: what each does, and that none ends it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cmsearch.commands.asking import TARGETS
from cmsearch.commands.lines import COMMANDS, completions
from tests.builders import write_files, write_picture
from tests.commands import called

_KEYWORDS = ("--keyword", "x", "--keyword", "y")


def typed(*lines: str, arguments: tuple[str, ...] = (), status: int = 0) -> tuple[list[str], str]:
    """What is printed on stdout, by lines, and on stderr."""
    data = b"".join(os.fsencode(line) + b"\n" for line in lines)
    result = called("shell", *arguments, stdin=data)
    assert result.returncode == status, result.stderr
    return result.stdout.splitlines(), result.stderr


def found(*arguments: object) -> list[str]:
    return called("search", *arguments).stdout.splitlines()


def test_a_line_is_a_query_as_the_command_search_takes_it(folder: Path) -> None:
    for query in ("red", "red + blue", '"red - blue"', "2:red - sea"):
        assert typed(query)[0] == found(query)


def test_nothing_but_hits_goes_to_stdout_and_no_prompt(folder: Path) -> None:
    stdout, stderr = typed("", "  ", "red", ":mark 1", ":for image", ":quit", "blue")
    assert stdout == found("red") + found("red", "--for", "image")
    assert stderr == "1 more, 1 marked.\n"


def test_the_last_line_needs_no_end(folder: Path) -> None:
    assert called("shell", stdin=b"red").stdout.splitlines() == found("red")
    assert called("shell", stdin=b"red\r\n:quit\r\n").stdout.splitlines() == found("red")
    assert called("shell").stdout == ""


def test_options_hold_for_the_session(folder: Path) -> None:
    options = ("--for", "image", "-k", "2", "--expand")
    assert typed("red", "blue", arguments=options)[0] == [
        *found("red", *options),
        *found("blue", *options),
    ]


def test_each_refinement_is_what_the_command_line_would_ask(folder: Path) -> None:
    picture = write_picture(folder.parent / "my picture.png", "blue", (9, 9))
    hits = ("--for", "image")
    cases: list[tuple[list[str], list[list[object]]]] = [
        ([":and blue"], [["search", "red + blue", *hits]]),
        ([":and + blue"], [["search", "red + blue", *hits]]),
        ([":and - 0.5:blue"], [["search", "red - 0.5:blue", *hits]]),
        ([f":and {picture}"], [["search", "red", "--image", picture, *hits]]),
        ([":not meadow"], [["search", "red", "--not", "meadow", *hits]]),
        ([f":not '{picture}'"], [["search", "red", "--not", picture, *hits]]),
        ([":more 1 -2"], [["search", "red", *hits], ["more", 1, "--not", 2]]),
        ([":more 1 not 2"], [["search", "red", *hits], ["more", 1, "--not", 2]]),
        ([":similar 1"], [["similar", "reds/a.png"]]),
        ([f":similar {picture}"], [["similar", picture]]),
        ([f':image "{picture}"'], [["search", "--image", picture, *hits]]),
        ([":top 1"], [["search", "red", *hits, "-k", 1]]),
        ([":for caption"], [["search", "red", "--for", "caption"]]),
        ([":path reds"], [["search", "red", *hits, "--path", "reds"]]),
        ([":path reds", ":path"], [["search", "red", *hits]]),
        ([":until 1999"], [["search", "red", *hits, "--until", "1999"]]),
        ([":since 1999-05"], [["search", "red", *hits, "--since", "1999-05"]]),
        ([":near 1,2,3"], [["search", "red", *hits, "--near", "1,2,3"]]),
        ([":rating 0"], [["search", "red", *hits, "--rating", "0"]]),
        ([":keyword x", ":keyword y"], [["search", "red", *hits, *_KEYWORDS]]),
        ([":keyword x", ":label Red", ":keyword", ":label"], [["search", "red", *hits]]),
        ([":again"], [["search", "red", *hits]]),
        ([":not meadow", ":back"], [["search", "red", *hits]]),
    ]
    before = found("red", *hits)
    for lines, calls in cases:
        expected = [called(*call).stdout.splitlines() for call in calls][-1]
        stdout, _ = typed("red", *lines, arguments=hits)
        assert stdout[len(before) :][-len(expected) :] == expected, lines


def test_what_was_found_is_the_last_search(folder: Path) -> None:
    stdout, _ = typed("red", ":more 1", arguments=("--for", "image"))
    assert stdout[-1:] == called("again").stdout.splitlines()[-1:]


def test_home_is_written_as_a_tilde(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    assert typed(":image ~/blue.png")[0] == found("--image", "blue.png")


def test_marked_hits_are_listed_taken_back_and_exported(folder: Path) -> None:
    stdout, _ = typed(
        "red", ":mark 1 3", "blue", ":mark 1", ":unmark 2", ":marked", ":export out.txt",
        arguments=("--for", "image", "--match", "picture"),
    )  # fmt: skip
    red, blue = (found(one, "--for", "image", "--match", "picture") for one in ("red", "blue"))
    paths = (folder / "out.txt").read_text().splitlines()
    assert paths == [str(folder / "reds" / "a.png"), str(folder / "blue.png")]
    rows = [line.split() for line in stdout[len(red) + len(blue) :]]
    assert [(row[0], row[3]) for row in rows] == [("1", "reds/a.png"), ("2", "blue.png")]


def test_unmark_alone_takes_all_back(folder: Path) -> None:
    _, stderr = typed("red", ":mark 1-3", ":unmark", ":unmark", ":marked")
    assert stderr.splitlines()[1:] == ["0 marked.", "0 marked.", "Nothing is marked."]


def test_preview_is_switched(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CMSEARCH_PREVIEW", "shades")
    plain = found("red", "--for", "image")
    shown = found("red", "--for", "image", "--preview")
    stdout, _ = typed("red", ":preview", ":preview", ":again", arguments=("--for", "image"))
    assert stdout == [*plain, *shown, *plain]


def test_help_names_every_command(folder: Path) -> None:
    stdout, _ = typed(":help")
    for name in COMMANDS:
        assert any(line.startswith(f"  :{name}") for line in stdout)


def test_every_command_but_quit_does_something(folder: Path) -> None:
    """Whatever stands in the table is known to the one who does it."""
    _, stderr = typed(*(f":{name}" for name in COMMANDS if name != "quit"), status=1)
    assert "KeyError" not in stderr


def test_the_beginning_of_a_command_will_do(folder: Path) -> None:
    full = typed("red", ":mark 1", ":similar 1", ":marked")
    assert typed("red", ":ma 1", ":sim 1", ":marke") == full
    _, stderr = typed("red", ":a blue", status=1)
    assert "may be :and or :again" in stderr


WRONG = [
    (":", "There is no command"),
    (":nonsense", 'in quotes: ":nonsense"'),
    (":\x1b[31m", "There is no command"),
    (":more", ":more RANKS"),
    (":more 99", "no hit 99"),
    (":more 0", "no hit 0"),
    (":more 1 -1", "right or wrong"),
    (":more not", "by their ranks"),
    (":more 5-1", "by their ranks"),
    (":more one", "one is no rank"),
    (":more " + "9" * 5000, "no rank"),
    (":mark 1-99999", "no hit"),
    (":mark -1", "names no ranks"),
    (":mark ² ٣", "no rank"),
    (":similar 99", "no hit 99"),
    (":similar none.png", "none.png can't be read"),
    (":similar ²", "² can't be read"),
    (":image note.md", "not a picture"),
    (":image -", "- can't be read"),
    (":image reds", "can't be read"),
    (":image \x00", "can't be read"),
    (":for smell", "passage"),
    (":top", ":top N"),
    (":top 0", "from 1"),
    (":top 1 2", "one number"),
    (":top many", "no rank"),
    (":since someday", "no day, month or year"),
    (":rating many", "no number of stars"),
    (":near 1000,0,1", "nowhere on Earth"),
    (":back", "no search before"),
    (":back 2", "takes nothing"),
    (":not none.png", "none.png can't be read"),
    (":and x +", "Nothing follows"),
    (":and -", "sign"),
    (":open 99", "no hit 99"),
    (":open x", "no rank"),
    (":unmark 1", "no hit 1"),
    (":export out.txt", "Nothing is marked"),
    ("+ blue", "Nothing stands before"),
    ("- blue", "only subtract"),
    ('"red', "not closed"),
    ("red - red", "cancel"),
    (os.fsdecode(b"caf\xe9"), "Unicode"),
]


@pytest.mark.parametrize(("line", "said"), WRONG, ids=lambda text: ascii(text)[:30])
def test_a_mistake_is_one_line_and_the_session_goes_on(folder: Path, line: str, said: str) -> None:
    stdout, stderr = typed("red", line, ":again", status=1)
    assert stderr.startswith("Error: ") and said in stderr, stderr
    assert stderr.endswith("\n") and stderr[:-1].isprintable()
    assert stdout == found("red") * 2


def test_what_goes_on_from_a_search_needs_one(folder: Path) -> None:
    for line in (":and blue", ":not blue", ":more 1", ":again", ":back", ":mark 1", ":open 1"):
        assert "Error: " in typed(line, status=1)[1]


def test_the_index_may_change_beneath_it(folder: Path) -> None:
    """Each line is asked of the index as it is then: here by lines that come one by one."""
    from cmsearch.commands.asking import find
    from cmsearch.commands.session import Session
    from cmsearch.search import engine as searcher
    from cmsearch.search.query.grammar import parse

    with searcher.open(".") as engine:
        session = Session(lambda *asked: find(engine, *asked), {"target": "image"})
        session.ask(parse("red"))
        before = len(session.hits)
        write_picture(folder / "new.png", "red", (20, 3))
        assert called("index", "--model", "fake:colours").returncode == 0
        session.again()
        assert len(session.hits) == before + 1
        (folder / "reds" / "a.png").unlink()
        assert called("index", "--model", "fake:colours").returncode == 3  # its caption is skipped
        session.again()
        assert "reds/a.png" not in [hit.source for hit in session.hits]


def test_without_an_index_it_does_not_begin(tmp_path: Path, fake_model: str) -> None:
    result = called("shell", "--store", tmp_path, stdin=b"red\n")
    assert result.returncode == 1 and "cmsearch index" in result.stderr


def test_a_history_is_no_last_search(folder: Path, state: Path) -> None:
    write_files(state.parent, {"state/shell-history": b"\xff\x00red"})
    assert typed("red")[0] == found("red")


def test_completion_of_commands_kinds_and_files(folder: Path) -> None:
    write_files(folder, {".hidden.png": "", "my folder/x.png": "", "bad\x1bname.png": ""})
    assert completions("") == completions("red") == completions("red gre") == []
    assert completions(":ma") == [":mark ", ":marked"]
    assert set(completions(":")) >= {":more ", ":quit"}
    assert completions(":for ") == [f":for {kind}" for kind in TARGETS]
    assert completions(":for im") == [":for image"]
    assert completions(":image re") == [":image reds/"]
    assert completions(":image reds/") == [":image reds/a.png", ":image reds/b.png"]
    assert completions(":image my f") == [":image my folder/"]
    assert completions(":image .h") == [":image .hidden.png"]
    assert completions(":image b") == [":image blue.png"]
    assert completions(":more re") == completions(":image nowhere/x") == []
