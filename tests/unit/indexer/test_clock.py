"""A clock that jumps: files are told by another time, not by a later one, models by their order."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import pytest

from cmsearch.store.catalog import writer as writing
from cmsearch.store.generations import switch
from cmsearch.store.store import DIRECTORY, Store
from indexer import Indexer
from indexer.doctor import examine
from tests.builders import write_picture

YEAR = 365 * 86_400
SECOND = 1_000_000_000


@pytest.fixture
def folder(tmp_path: Path, fake_model: str) -> Path:
    for number in range(4):
        write_picture(tmp_path / "pics" / f"{number}.png", "red", (8, 8 + number))
    return tmp_path / "pics"


def set_time(path: Path, seconds: int) -> None:
    """As a file has it that is written when the clock is off by so much."""
    now = path.stat().st_mtime_ns + seconds * SECOND
    os.utime(path, ns=(now, now))


@pytest.mark.parametrize("jump", [-30 * YEAR, -1, 1, 30 * YEAR])
def test_what_is_written_after_a_jump_is_seen_once(folder: Path, jump: int) -> None:
    Indexer(folder, model="fake:colours").run()
    write_picture(folder / "0.png", "blue", (8, 8))
    set_time(folder / "0.png", jump)
    first, second = Indexer(folder).run(), Indexer(folder).run()
    assert (first.changed, first.unchanged) == (1, 3)
    assert (second.changed, second.unchanged) == (0, 4)


@pytest.mark.parametrize("seconds", [-(2**31) - 5, 2**33, 2**62 // SECOND])
def test_times_that_no_file_has_are_taken_as_they_are(folder: Path, seconds: int) -> None:
    """Before 1970, after 2106, and 2116, as archives and cameras with dead batteries write them."""
    try:
        os.utime(folder / "0.png", ns=(seconds * SECOND, seconds * SECOND))
    except OSError:
        pytest.skip("this file system has no such times")
    Indexer(folder, model="fake:colours").run()
    assert Indexer(folder).run().unchanged == 4
    with Store(folder / DIRECTORY) as store:
        assert examine(store) == []


def test_a_file_that_changed_at_the_same_time_and_size_is_found_by_doctor(folder: Path) -> None:
    Indexer(folder, model="fake:colours").run()
    before = (folder / "0.png").stat()
    data = bytearray((folder / "0.png").read_bytes())
    data[-1] ^= 1
    (folder / "0.png").write_bytes(data)
    os.utime(folder / "0.png", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert Indexer(folder).run().unchanged == 4
    with Store(folder / DIRECTORY) as store:
        (finding,) = examine(store, samples=4)
    assert (finding.check, finding.again) == ("samples", ("0.png",))


def test_the_model_that_came_last_serves_whatever_time_it_was(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Indexer(folder, model="fake:colours").run()

    class Before(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return datetime(1970, 1, 1)

    monkeypatch.setattr(writing, "datetime", Before)
    Indexer(folder, model="fake:shades").run()
    with Store(folder / DIRECTORY) as store:
        first, second = store.catalog.generations()
        assert second.created < first.created
        assert store.space is not None and store.space.model == "shades"
        assert switch(store).model == "fake:colours"
