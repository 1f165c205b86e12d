"""Files are read where they are; objects are here while somebody reads them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cmsearch.store.object_places import home, place_of
from indexer.sources import Fetching, Folder, opened
from tests.object_storage import Storage, in_memory


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Storage]:
    monkeypatch.setenv("CMSEARCH_CACHE", str(tmp_path / "cache"))
    with in_memory() as bucket:
        yield bucket


def here() -> list[Path]:
    """The objects that are on this machine."""
    return [path for path in home().rglob("*") if path.is_file()]


def test_a_folder_s_files_stay_where_they_are(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("abc")
    with opened(tmp_path) as source:
        assert isinstance(source, Folder)
        source.begin("a.txt")
        with source.here("a.txt") as path:
            assert path == tmp_path / "a.txt"
        assert source.status("a.txt") == (3, path.stat().st_mtime_ns)
        with pytest.raises(FileNotFoundError):
            source.status("b.txt")


def test_an_object_is_here_while_it_is_read(storage: Storage) -> None:
    storage.put("photos/a.txt", b"abc")
    with opened(place_of(f"{storage.url}/photos")) as source:
        source.begin("a.txt")
        with source.here("a.txt") as path:
            assert path.read_bytes() == b"abc" and path.name == "a.txt"
            with source.here("a.txt") as again:  # another reader of it, which doesn't fetch it
                assert again == path
            assert path.exists()
        assert here() == []
        with source.here("a.txt") as path:
            assert path.read_bytes() == b"abc"
    assert list(home().iterdir()) == []


def test_what_was_begun_and_not_read_goes_at_the_end(storage: Storage) -> None:
    storage.put("a.txt", b"abc")
    with opened(place_of(storage.url)) as source:
        source.begin("a.txt")
    assert list(home().iterdir()) == []


def test_names_are_never_in_each_other_s_way(storage: Storage) -> None:
    names = ["a/b.txt", "c/b.txt", "-rf ~", "x" * 200]
    for name in names:
        storage.put(name, name.encode())
    with opened(place_of(storage.url)) as source:
        for name in names:
            source.begin(name)
        for name in reversed(names):
            with source.here(name) as path:
                assert path.read_bytes() == name.encode()


def test_what_can_t_be_fetched_is_tried_anew(storage: Storage) -> None:
    storage.put("other.txt", b"")
    with opened(place_of(storage.url)) as source:
        for _ in range(2):
            with pytest.raises(OSError, match="no such file"), source.here("a.txt"):
                pass
        storage.put("a.txt", b"abc")
        with source.here("a.txt") as path:
            assert path.read_bytes() == b"abc"
        with pytest.raises(OSError, match="no such file"):
            source.status("b.txt")


def test_what_a_killed_process_left_goes_with_the_next(storage: Storage) -> None:
    left = home() / ".cmsearch-0123456789abcdef.new" / "0"
    left.mkdir(parents=True)
    (left / "a.jpg").write_bytes(b"abc")
    with opened(place_of(storage.url)) as source:
        assert isinstance(source, Fetching)
        assert here() == []
