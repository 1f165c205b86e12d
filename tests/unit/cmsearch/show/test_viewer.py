"""The system's viewer: it gets the file and nothing else, and what it can't show is told."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from cmsearch.errors import CmsearchError, MediaError
from cmsearch.show import viewer
from cmsearch.show.viewer import open_in_viewer

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the fake is a shell script")
OPENER = "open" if sys.platform == "darwin" else "xdg-open"


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file into which a program in the place of the system's writes what it is given."""
    programs = tmp_path / "programs"
    programs.mkdir()
    write_opener(programs, 'printf "%s\\0" "$@" > "$OPENED"')
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("OPENED", str(tmp_path / "opened"))
    return tmp_path / "opened"


def write_opener(programs: Path, script: str) -> None:
    program = programs / OPENER
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


@pytest.mark.parametrize(
    "name",
    [
        *("cat.jpg", "-x.jpg", "--help.png", "a b;touch pwned;.jpg", "$(touch pwned).jpg"),
        *("`touch pwned`.jpg", "'\".jpg", "%s.jpg", "file:x.jpg", "*.jpg", "a\nb.jpg", "é😀.TXT"),
    ],
)
def test_any_name_is_given_as_it_is(
    name: str, opened: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    monkeypatch.chdir(folder)
    Path(name).write_bytes(b"")
    open_in_viewer(Path(name))
    assert opened.read_bytes() == os.fsencode(folder.resolve() / name) + b"\0"
    assert [one.name for one in folder.iterdir()] == [name]


@pytest.mark.parametrize("name", ["run.desktop", "run.sh", "run.exe", "run", "run.jpg.lnk", ".jpg"])
def test_what_could_be_run_is_not_opened(name: str, opened: Path, tmp_path: Path) -> None:
    (tmp_path / name).write_text("x")
    (tmp_path / "link.jpg").symlink_to(tmp_path / name)
    for path in (tmp_path / name, tmp_path / "link.jpg"):
        with pytest.raises(MediaError, match="is not opened"):
            open_in_viewer(path)
    assert not opened.exists()


def test_what_is_not_there_is_told(opened: Path, tmp_path: Path) -> None:
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    (tmp_path / "folder.jpg").mkdir()
    for name in ("gone.jpg", "zero\0.jpg", "loop.jpg", "folder.jpg"):
        with pytest.raises(MediaError):
            open_in_viewer(tmp_path / name)
    assert not opened.exists()


def test_a_system_without_viewer_is_told(
    opened: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = tmp_path / "cat.jpg"
    photo.write_bytes(b"")
    write_opener(tmp_path / "programs", "exit 3")
    with pytest.raises(CmsearchError, match=r"no viewer for .*: .* ended with code 3"):
        open_in_viewer(photo)
    (tmp_path / "programs" / OPENER).write_bytes(b"\0")
    with pytest.raises(CmsearchError, match="can't be run"):
        open_in_viewer(photo)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CmsearchError, match=f"no program {OPENER}"):
        open_in_viewer(photo)


def test_a_viewer_that_stays_open_is_not_waited_for(
    opened: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends when the test lets it, which is after `open_in_viewer` has returned."""
    photo, gate, done = tmp_path / "cat.jpg", tmp_path / "gate", tmp_path / "done"
    photo.write_bytes(b"")
    os.mkfifo(gate)
    os.mkfifo(done)
    write_opener(tmp_path / "programs", f"read line < '{gate}'; echo \"$line\" > '{done}'")
    monkeypatch.setattr(viewer, "PATIENCE", 0.05)
    open_in_viewer(photo)
    gate.write_text("closed\n")
    assert done.read_text() == "closed\n"
