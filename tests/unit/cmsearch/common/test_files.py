"""Only files are opened, however they were named or swapped; only new ones are written."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path

import pytest

from cmsearch.common.files import (
    LEFT_OVER,
    create_file,
    creating,
    creating_folder,
    folder_beside,
    give_name,
    new_file,
    open_file,
    read_file,
    replace_file,
    replacing,
)
from tests.limits import limited_files
from tests.processes import script


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


def test_a_file_is_replaced_whole_and_keeps_its_permissions(tmp_path: Path) -> None:
    place = tmp_path / "a"
    for mode in (0o600, 0o644, 0o640):
        place.write_bytes(b"old")
        place.chmod(mode)
        replace_file(place, b"new")
        assert place.read_bytes() == b"new"
        assert stat.S_IMODE(place.stat().st_mode) == mode
    assert list(tmp_path.iterdir()) == [place]


def test_a_new_file_has_what_the_users_mask_leaves(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        replace_file(tmp_path / "a", b"new")
        replace_file(tmp_path / "private", b"new", 0o600)
        create_file(tmp_path / "b", b"new")
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"a": 0o640, "b": 0o640, "private": 0o600}


def test_a_link_is_replaced_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    (tmp_path / "victim").write_bytes(b"mine")
    for target in ("victim", "nowhere", "/dev/full"):
        place = tmp_path / "a"
        place.unlink(missing_ok=True)
        place.symlink_to(target)
        replace_file(place, b"new")
        assert not place.is_symlink()
        assert place.read_bytes() == b"new"
    assert (tmp_path / "victim").read_bytes() == b"mine"
    assert not (tmp_path / "nowhere").exists()


def test_a_name_that_is_taken_is_written_by_none_but_replacing(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    (tmp_path / "link").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")
    for name in ("file", "link", "pipe"):
        with pytest.raises(FileExistsError):
            create_file(tmp_path / name, b"new")
        with pytest.raises(FileExistsError):
            new_file(tmp_path / name)
    assert (tmp_path / "file").read_bytes() == b"mine"
    assert {path.name for path in tmp_path.iterdir()} == {"file", "link", "pipe"}


def test_names_of_files_that_are_being_written_cannot_be_foreseen(tmp_path: Path) -> None:
    """Whatever lies beside the place stays, and two that write one place don't meet."""
    for name in ("a.new", ".a.new", "a.tmp", ".cmsearch-a.new"):
        (tmp_path / name).write_bytes(b"mine")
    with replacing(tmp_path / "a") as first, replacing(tmp_path / "a") as second:
        names = [path.name for path in tmp_path.iterdir() if LEFT_OVER.fullmatch(path.name)]
        assert len(names) == 2
        first.write(b"first")
        second.write(b"second")
    assert (tmp_path / "a").read_bytes() == b"first"  # which was closed last
    assert all(path.read_bytes() == b"mine" for path in tmp_path.iterdir() if path.name != "a")


@pytest.mark.parametrize("write", [create_file, replace_file])
def test_what_cannot_be_written_whole_leaves_nothing(
    tmp_path: Path, write: Callable[[Path, bytes], None]
) -> None:
    with limited_files(100), pytest.raises(OSError, match="too large"):
        write(tmp_path / "a", bytes(2**20))
    assert not list(tmp_path.iterdir())
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        write(tmp_path / "folder", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_an_interruption_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), replacing(tmp_path / "a") as file:
        file.write(b"half")
        raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt), creating(tmp_path / "b") as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


def test_a_name_is_given_where_nothing_is(tmp_path: Path) -> None:
    for name in ("file", "folder"):
        made, place = tmp_path / f"{name}.new", tmp_path / name
        made.mkdir() if name == "folder" else made.write_bytes(b"made")
        place.symlink_to("nowhere")
        with pytest.raises(FileExistsError):
            give_name(made, place)
        place.unlink()
        give_name(made, place)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]
    assert (tmp_path / "file").read_bytes() == b"made"


def test_a_name_is_given_where_there_are_no_second_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", link)
    (tmp_path / "made").write_bytes(b"made")
    give_name(tmp_path / "made", tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_a_killed_process_left_is_swept_away_and_nothing_else(tmp_path: Path) -> None:
    """A folder that somebody fills is locked."""
    left, odd = tmp_path / f".cmsearch-{'a' * 16}.new", tmp_path / f".cmsearch-{'b' * 16}.new"
    (left / "img_emb").mkdir(parents=True)
    (left / "img_emb" / "file").write_bytes(b"x")
    (tmp_path / "kept").mkdir()
    odd.symlink_to("kept")
    (tmp_path / f".cmsearch-{'c' * 16}.new").write_bytes(b"a file that is being written")
    (tmp_path / ".cmsearch-short.new").mkdir()
    with folder_beside(tmp_path / "one") as first, folder_beside(tmp_path / "two"):
        assert first.is_dir() and not left.exists()
        assert len(list(tmp_path.iterdir())) == 6
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [odd.name, "kept", f".cmsearch-{'c' * 16}.new", ".cmsearch-short.new"]
    )


def test_a_folder_that_another_process_fills_stays(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path\n"
        "from cmsearch.common.files import folder_beside\n"
        "with folder_beside(Path(sys.argv[1])) as folder:\n"
        "    print(folder, flush=True); sys.stdin.readline()"
    )
    with script(code, tmp_path / "place") as process:
        folder = Path(process.stdout.readline().strip())
        with folder_beside(tmp_path / "other"):
            assert folder.is_dir()
        process.kill()
        process.wait()
        with folder_beside(tmp_path / "other"):
            assert not folder.exists()


def test_a_folder_is_whole_or_not_there(tmp_path: Path) -> None:
    with creating_folder(tmp_path / "one") as building:
        assert LEFT_OVER.fullmatch(building.name)
        create_file(building / "file", b"1")
        assert not (tmp_path / "one").exists()
    with pytest.raises(RuntimeError), creating_folder(tmp_path / "two") as building:
        create_file(building / "file", b"1")
        raise RuntimeError
    with pytest.raises(FileExistsError), creating_folder(tmp_path / "three"):
        (tmp_path / "three").mkdir()  # by another process, meanwhile
    with pytest.raises(FileExistsError), creating_folder(tmp_path / "one"):
        pass
    assert {one.name for one in tmp_path.iterdir()} == {"one", "three"}
    assert (tmp_path / "one" / "file").read_bytes() == b"1"
