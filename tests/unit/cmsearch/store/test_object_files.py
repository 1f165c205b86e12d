from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from cmsearch.errors import MediaError
from cmsearch.store import object_files
from cmsearch.store.object_files import ObjectFiles, begin, bring, is_let, let
from cmsearch.store.object_places import home, place_of
from cmsearch.store.objects import Objects
from tests.object_storage import Storage, in_memory

pytest.importorskip("fsspec")


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Storage]:
    monkeypatch.setenv("CMSEARCH_CACHE", str(tmp_path))
    with in_memory() as made:
        yield made


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of what is fetched."""
    found: list[str] = []
    fetch = Objects.fetch

    def noted(self: Objects, path: str, to: Path) -> None:
        found.append(path)
        fetch(self, path, to)

    monkeypatch.setattr(Objects, "fetch", noted)
    return found


def folder_of(storage: Storage) -> Path:
    """The place of a folder in the bucket, which is let."""
    folder = place_of(f"{storage.url}/photos")
    let(folder)
    return folder


def test_an_object_is_fetched_once_to_its_place(storage: Storage, fetched: list[str]) -> None:
    storage.put("photos/trip/ü a.jpg", b"red")
    path = folder_of(storage) / "trip" / "ü a.jpg"
    for _ in range(3):
        bring(path)
        assert path.read_bytes() == b"red"
    assert fetched == ["trip/ü a.jpg"]
    assert [one.name for one in home().iterdir()] == ["memory"]  # nothing is left beside it


def test_what_changed_is_fetched_anew_a_minute_later(
    storage: Storage, fetched: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(object_files.time, "monotonic", lambda: now)
    path = folder_of(storage) / "a.jpg"
    storage.put("photos/a.jpg", b"red")
    bring(path)
    storage.put("photos/a.jpg", b"tan")  # as large
    bring(path)
    assert path.read_bytes() == b"red"
    now += 61
    bring(path)
    assert path.read_bytes() == b"tan"
    now += 61
    bring(path)
    assert fetched == ["a.jpg", "a.jpg"]  # it is as it was
    path.unlink()  # another process needed the room
    bring(path)
    assert path.read_bytes() == b"tan"


def test_what_is_not_let_is_not_fetched(storage: Storage, fetched: list[str]) -> None:
    storage.put("photos/a.jpg", b"red")
    storage.put("others/a.jpg", b"red")
    folder_of(storage)
    for name in ("others/a.jpg", "photosets/a.jpg"):
        path = place_of(f"{storage.url}/{name}")
        assert not is_let(path)
        with pytest.raises(
            MediaError, match=f"{storage.url}/{name} is not on this machine.*--trust"
        ):
            bring(path)
    assert fetched == []
    bring(Path("/no/such/file"))  # a path is a path


def test_what_can_t_be_fetched_is_said_and_tried_again(storage: Storage) -> None:
    path = folder_of(storage) / "a.jpg"
    with pytest.raises(MediaError, match=r"photos/a\.jpg can't be fetched: no such file"):
        bring(path)
    storage.put("photos/a.jpg", b"red")
    bring(path)
    assert path.read_bytes() == b"red"
    storage.drop("photos/a.jpg")
    storage.put("photos/a.jpg/b.jpg", b"red")
    with pytest.raises(MediaError, match=r"a\.jpg/b\.jpg can't be fetched"):
        bring(path / "b.jpg")  # no file is below another one


def test_all_who_wait_for_an_object_have_it_from_one_fetching(
    storage: Storage, fetched: list[str]
) -> None:
    storage.put("photos/a.jpg", b"red")
    path, together = folder_of(storage) / "a.jpg", Barrier(8)

    def wanted(_: int) -> bytes:
        together.wait(60)
        bring(path)
        return path.read_bytes()

    begin(path)
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(wanted, range(8))) == {b"red"}
    assert fetched == ["a.jpg"]


def test_what_was_shown_longest_ago_makes_room(storage: Storage, tmp_path: Path) -> None:
    own, folder = ObjectFiles(home(), most=1000), place_of(f"{storage.url}/photos")
    own.let(folder)
    for number in range(8):
        storage.put(f"photos/{number}.jpg", bytes(200))
    for number in range(4):
        own.bring(folder / f"{number}.jpg")
        os.utime(
            folder / f"{number}.jpg", ns=(number, (folder / f"{number}.jpg").stat().st_mtime_ns)
        )
    os.utime(folder / "0.jpg", ns=(9, (folder / "0.jpg").stat().st_mtime_ns))  # shown again
    own.bring(folder / "4.jpg")
    own.bring(folder / "5.jpg")
    assert names(folder) == ["0.jpg", "2.jpg", "3.jpg", "4.jpg", "5.jpg"]
    storage.put("photos/large.jpg", bytes(5000))
    own.bring(folder / "large.jpg")  # what is asked for is shown, however large
    assert names(folder) == ["large.jpg"]


def names(folder: Path) -> Any:
    return sorted(path.name for path in folder.iterdir())
