"""Thumbnails that are kept: whole, bounded, the user's own, and never those of another file."""

from __future__ import annotations

import logging
import os
import stat
import threading
from io import BytesIO
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from cmsearch.errors import MediaError
from cmsearch.server.thumbnails import Thumbnails, cached, key_of
from cmsearch.types import Place
from tests.builders import write_picture

MOST = 2**24


@pytest.fixture
def kept(tmp_path: Path) -> Thumbnails:
    return Thumbnails(tmp_path / "cache" / "thumbnails", MOST)


@pytest.fixture
def red(tmp_path: Path) -> Place:
    return Place(write_picture(tmp_path / "red.png", "red"))


def files(tmp_path: Path) -> list[Path]:
    return sorted(one for one in (tmp_path / "cache").rglob("*") if one.is_file())


def colour(data: bytes) -> tuple[int, ...]:
    """The colour of the middle of a picture, roughly."""
    with PIL.Image.open(BytesIO(data)) as image:
        pixel = np.asarray(image.convert("RGB"))[image.height // 2, image.width // 2]
    return tuple(int(one) // 128 for one in pixel)


def test_one_is_made_once(tmp_path: Path, kept: Thumbnails, red: Place) -> None:
    key = key_of(red, 160)
    assert kept.get(key) is None
    made = kept.made(red, 160, key)
    assert kept.get(key) == made
    assert Thumbnails(tmp_path / "cache" / "thumbnails", MOST).get(key) == made
    assert colour(made) == (1, 0, 0)


def test_only_the_user_reads_them(tmp_path: Path, kept: Thumbnails, red: Place) -> None:
    before = os.umask(0)
    try:
        kept.made(red, 160, key_of(red, 160))
    finally:
        os.umask(before)
    (file,) = files(tmp_path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    (tmp_path / "cache" / "thumbnails").chmod(0o755)
    again = Thumbnails(tmp_path / "cache" / "thumbnails", MOST)
    assert again.get(key_of(red, 160))
    for folder in (file.parent, file.parent.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_key_says_all_that_the_bytes_depend_on(tmp_path: Path, red: Place) -> None:
    other = Place(write_picture(tmp_path / "blue.png", "blue"))
    keys = [key_of(red, 160), key_of(red, 320), key_of(Place(red.path, "page=2"), 160)]
    keys.append(key_of(other, 160))
    about = red.path.stat()
    data = bytearray(red.path.read_bytes())
    red.path.write_bytes(data[:-1] + b"x")
    os.utime(red.path, ns=(about.st_atime_ns, about.st_mtime_ns))  # as if nothing had changed
    keys.append(key_of(red, 160))
    assert len(set(keys)) == len(keys)
    assert key_of(red, 160) == keys[-1]


def test_a_file_that_isnt_there_is_said(tmp_path: Path, red: Place) -> None:
    red.path.unlink()
    with pytest.raises(MediaError, match="can't be read"):
        key_of(red, 160)


@pytest.mark.parametrize("damage", [b"", b"RIFF", b"\0" * 5000], ids=["empty", "short", "zeros"])
def test_a_damaged_one_is_made_anew(
    tmp_path: Path, kept: Thumbnails, red: Place, damage: bytes
) -> None:
    key = key_of(red, 160)
    made = kept.made(red, 160, key)
    (file,) = files(tmp_path)
    for bad in (damage, file.read_bytes()[:-1]):
        file.write_bytes(bad)
        assert kept.get(key) is None
        assert kept.made(red, 160, key) == made == kept.get(key)


def test_what_isnt_a_file_is_not_read(tmp_path: Path, kept: Thumbnails, red: Place) -> None:
    key = key_of(red, 160)
    kept.made(red, 160, key)
    (file,) = files(tmp_path)
    moved = file.rename(tmp_path / "elsewhere")
    file.symlink_to(moved)
    assert kept.get(key) is None
    file.unlink()
    os.mkfifo(file)
    assert kept.get(key) is None
    kept.made(red, 160, key)
    assert kept.get(key) and moved.is_file()


def test_one_of_a_file_that_changes_meanwhile_is_not_kept(
    tmp_path: Path, kept: Thumbnails, red: Place
) -> None:
    key = key_of(red, 160)
    write_picture(red.path, "blue")
    assert colour(kept.made(red, 160, key)) == (0, 0, 1)
    assert files(tmp_path) == []


def test_the_least_recently_used_go(tmp_path: Path, red: Place) -> None:
    kept = Thumbnails(tmp_path / "cache" / "thumbnails", 2**17)
    left = tmp_path / "cache" / "thumbnails" / "aa" / ".cmsearch-0123456789abcdef.new"
    left.parent.mkdir()
    left.write_bytes(b"x" * 2**14)
    os.utime(left, (0, 0))
    keys = [key_of(red, size) for size in range(16, 16 + 64)]
    for number, key in enumerate(keys):
        kept.made(red, 16 + number, key)
        (file,) = (one for one in files(tmp_path) if one.stem == key[2:])
        os.utime(file, (number + 1, number + 1))
        if number:
            assert kept.get(keys[0])  # used just now
    assert not left.exists()
    total = sum(-(-one.stat().st_size // 4096) * 4096 for one in files(tmp_path))
    assert 2**16 < total <= 2**17
    assert kept.get(keys[0]) and kept.get(keys[-1]) and kept.get(keys[1]) is None


def test_threads_and_processes_may_share_it(tmp_path: Path, red: Place) -> None:
    some = [Thumbnails(tmp_path / "cache" / "thumbnails", 2**17) for _ in range(3)]
    failed: list[BaseException] = []

    def use(kept: Thumbnails) -> None:
        try:
            for size in range(16, 48):
                key = key_of(red, size)
                data = kept.get(key) or kept.made(red, size, key)
                assert colour(data) == (1, 0, 0)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=use, args=(one,)) for one in (*some, *some)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert not [one for one in files(tmp_path) if one.suffix != ".webp"]


def test_without_a_place_for_them_they_are_made_each_time(
    tmp_path: Path, red: Place, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "own").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "own")
    key = key_of(red, 160)
    with caplog.at_level(logging.WARNING, "cmsearch"):
        for place in ("file", "link", "file/below"):
            kept = Thumbnails(tmp_path / place, MOST)
            assert colour(kept.made(red, 160, key)) == (1, 0, 0)
            assert kept.get(key) is None
    assert len(caplog.records) == 3
    assert list((tmp_path / "own").iterdir()) == []


def test_a_folder_that_goes_meanwhile_is_said_once(
    tmp_path: Path, kept: Thumbnails, red: Place, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cache" / "thumbnails").rmdir()
    with caplog.at_level(logging.WARNING, "cmsearch"):
        for _ in range(2):
            assert kept.made(red, 160, key_of(red, 160))
    assert [one.message.count("No thumbnails are kept") for one in caplog.records] == [1]


def test_a_bound_of_nothing_keeps_none(
    tmp_path: Path, red: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CMSEARCH_CACHE", str(tmp_path / "cache"))
    kept = cached(0)
    assert kept.made(red, 160, key_of(red, 160)) and kept.get(key_of(red, 160)) is None
    assert not (tmp_path / "cache").exists()
