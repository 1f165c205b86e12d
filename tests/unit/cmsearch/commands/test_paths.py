"""How paths are shown to people."""

from __future__ import annotations

from pathlib import Path

import pytest

from cmsearch.commands.paths import shown


def test_a_path_is_shown_from_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert shown(tmp_path / "a" / "b.jpg") == str(Path("a", "b.jpg"))
    assert shown(tmp_path.parent / "c.jpg") == str(tmp_path.parent / "c.jpg")
    assert shown(tmp_path / "a\x1b[2J.jpg") != "a\x1b[2J.jpg"


def test_a_path_is_shown_whole_where_the_current_folder_was_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert shown(tmp_path / "a.jpg") == str(tmp_path / "a.jpg")
