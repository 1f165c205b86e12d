"""Only files are opened, however they were named or swapped meanwhile."""

from __future__ import annotations

import os
import socket
from contextlib import chdir
from pathlib import Path

import pytest

from cmsearch.files import open_file, read_file


def test_a_file_is_opened(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("a")
    for name in ("a", "link"):
        with open_file(tmp_path / name) as file:
            assert file.read(2) == b"12"
        assert read_file(tmp_path / name, 5) == b"12345"


def test_a_larger_file_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(2**20 + 1))
    with pytest.raises(OSError, match="larger than 1 MiB"):
        read_file(tmp_path / "a", 2**20)


@pytest.mark.parametrize("name", ["pipe", "socket", "folder", "zero"])
def test_what_is_no_file_is_not_opened(tmp_path: Path, name: str) -> None:
    """Whoever opened the pipe would wait for ever, and the device never ends."""
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server, chdir(tmp_path):
        server.bind("socket")
    (tmp_path / "folder").mkdir()
    (tmp_path / "zero").symlink_to("/dev/zero")
    with pytest.raises(OSError, match="not a regular file"):
        open_file(tmp_path / name)


def test_a_pipe_that_takes_a_files_place_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was a file when it was looked at, and is a pipe when it is opened."""
    (tmp_path / "a").touch()
    status = (tmp_path / "a").stat()
    (tmp_path / "a").unlink()
    os.mkfifo(tmp_path / "a")
    monkeypatch.setattr(Path, "stat", lambda self: status)
    with pytest.raises(OSError, match="not a regular file"):
        open_file(tmp_path / "a")


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_file(tmp_path / "gone", 10)
