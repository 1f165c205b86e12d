"""Ignore files hide what git hides by the same rules: compared with git, where it is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.ignoring import Rules
from indexer.scan import scan
from indexer.walk import IGNORE_FILE
from tests.builders import write_files
from tests.examples import examples

FOLDERS = ["a", "b", "ab", "A", "keep", "#x", "!y", "a b", "é", "[ab]", "a\\b", "z.jpg"]
FILES = ["x.jpg", "y.jpg", "X.jpg", "ab.jpg", "#x.jpg", "!y.jpg", "a .jpg", "é.jpg", "[x].jpg"]
PIECES = [
    *(
        "/",
        "/",
        "/",
        "*",
        "*",
        "**",
        "**/",
        "/**",
        "/**/",
        "?",
        "!",
        "#",
        "\\",
        "\\ ",
        " ",
        "-",
        "]",
    ),
    *(
        "a",
        "b",
        "x",
        "keep",
        "é",
        ".jpg",
        "*.jpg",
        "x.jpg",
        "[xy]",
        "[!x]",
        "[^a-y]",
        "[a-",
        "[]a]",
    ),
    *("[[:alpha:]]", "[[:upper:]]x", "[[:odd:]]", "[\\]]", "[a\\-z]", "[", "\\#", "\\!", "\\*"),
]
WHOLE = [
    *(
        "[xy].jpg",
        "!keep",
        "keep",
        "keep/",
        "!keep/",
        "a/",
        "!a/",
        "*.jpg",
        "!x.jpg",
        "/a",
        "/x.jpg",
    ),
    *("a/b", "!a/b", "a/*", "!a/*", "a/**", "!a/**/x.jpg", "**/b", "**/b/*", "*", "!*/", "!*.jpg"),
    *("# a comment", "", "   ", "\\#x", "\\!y", "a\\ b", "x.jpg   ", "x.jpg\t", "*/x.jpg", "/*/b"),
]

rule = st.sampled_from(WHOLE) | st.builds(
    lambda sign, pieces, end: sign + "".join(pieces) + end,
    st.sampled_from(["", "", "!"]),
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=5),
    st.sampled_from(["", "", "/", " "]),
)
rules = st.builds(
    lambda mark, lines, end: mark + end.join(line.encode() for line in lines) + end,
    st.sampled_from([b"", b"", b"\xef\xbb\xbf"]),
    st.lists(rule, min_size=1, max_size=5),
    st.sampled_from([b"\n", b"\n", b"\r\n"]),
)
folder = st.lists(st.sampled_from(FOLDERS), max_size=3).map(
    lambda names: "".join(f"{one}/" for one in names)
)
tree = st.lists(st.tuples(folder, st.sampled_from(FILES)).map("".join), min_size=1, max_size=12)


@pytest.fixture(scope="module")
def repository() -> Iterator[Path]:
    """An empty repository, apart from the trees that are compared."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    with TemporaryDirectory() as place:
        git(Path(place), "init", "-q", "--bare", "repository.git")
        yield Path(place, "repository.git")


def git(where: Path, *arguments: str) -> bytes:
    """What git prints, with no configuration of the user or the machine."""
    plain = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "HOME": str(where)}
    env = {"PATH": os.environ["PATH"], "XDG_CONFIG_HOME": str(where), **plain}
    done = subprocess.run(["git", *arguments], cwd=where, env=env, capture_output=True, check=True)
    return done.stdout


@examples(40)
@given(tree, st.lists(folder, max_size=2), st.lists(rules, min_size=3, max_size=3))
def test_what_git_ignores_is_ignored(
    repository: Path, files: list[str], inner: list[str], lines: list[bytes]
) -> None:
    with TemporaryDirectory() as place:
        root = Path(place)
        for path in files:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            if not (root / path).exists():
                (root / path).touch()
        for where, content in zip(["", *inner], lines, strict=False):
            write_files(root / where, {".gitignore": content, IGNORE_FILE: content})
        listed = git(
            *(root, f"--git-dir={repository}", f"--work-tree={root}"),
            *("ls-files", "-z", "--others", "--exclude-standard"),
        )
        shown = {os.fsdecode(one) for one in listed.split(b"\0")}
        found = {file.path for file in scan(root).files}
        assert found == {one for one in shown if one.endswith(".jpg")}


@pytest.mark.parametrize(
    "rule", ["*a" * 60 + "b", "**/a*" * 40 + "/b", "a/**" * 40 + "/b", "[a-z]*" * 50]
)
def test_no_rule_takes_long(rule: str) -> None:
    """As long as a name may be, and a path."""
    own = Rules(rule.encode())
    began = time.process_time()
    for path in ("a" * 250, "/".join(["a" * 100] * 39), "/".join(["a"] * 2000)):
        own.verdict(path.encode() + b"c1", False)
    assert time.process_time() - began < 10
