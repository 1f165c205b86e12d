"""A user's own lists are read by line, and keep what the user wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from cmsearch.errors import CmsearchError
from cmsearch.store import user_lists


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CMSEARCH_CONFIG", str(tmp_path / "settings"))
    return tmp_path / "settings"


def test_a_list_that_is_not_there_is_empty_and_is_made(settings: Path) -> None:
    assert user_lists.lines("some") == []
    user_lists.add("some", "one", "")
    user_lists.add("some", "two", "")
    user_lists.add("others", "three", "")
    assert user_lists.lines("some") == ["one", "two"]
    assert (settings / "others").read_text() == "three\n"


def test_comments_and_an_end_without_a_line_break_stay(settings: Path) -> None:
    settings.mkdir()
    (settings / "some").write_bytes("# mine\n\n  été".encode())
    user_lists.add("some", "two", "")
    assert user_lists.lines("some") == ["été", "two"]
    assert (settings / "some").read_bytes() == "# mine\n\n  été\ntwo\n".encode()


@pytest.mark.parametrize("line", ["two\nlines", " blank before", "blank after "])
def test_what_would_be_read_as_something_else_is_refused(settings: Path, line: str) -> None:
    with pytest.raises(CmsearchError, match=r"can't be remembered.*Do this"):
        user_lists.add("some", line, "Do this.")
    assert not settings.exists()


def test_a_list_too_long_or_no_file_says_nothing(settings: Path) -> None:
    settings.mkdir()
    (settings / "long").write_text("x\n" * 2**20)
    (settings / "folder").mkdir()
    assert user_lists.lines("long") == user_lists.lines("folder") == []
