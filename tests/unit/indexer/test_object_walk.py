"""A folder of object storage is walked as one of this machine is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cmsearch.errors import CmsearchError, StoreNotFoundError
from cmsearch.store.object_places import place_of
from cmsearch.store.objects import EXTRA, Object, Objects
from indexer.object_walk import ObjectWalk
from indexer.parts import Unclear
from indexer.scan import Scan
from tests.object_storage import Storage, in_memory

STREAM = (b"G" + bytes(187)) * 3


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Storage]:
    monkeypatch.setenv("CMSEARCH_CACHE", str(tmp_path / "cache"))
    with in_memory() as bucket:
        yield bucket


NAMES = (
    "a/b.jpg", "a-b/c.jpg", "a.jpg", "a/b/c.jpg", "a/b-c.jpg", "a/a/z.jpg", "z/a.jpg", "zz.jpg",
    "é/a.jpg", "é.jpg", "a.txt", "film.mp4", "film.en.srt", "a/z.JPG", "notes.md", "odd.xyz",
    ".hidden.jpg", ".cmsearch/x.jpg", "node_modules/x.jpg", "Thumbs.db", "b.xmp", "code.ts",
    "stream.ts", "out/of/a.jpg", "out/of/kept.jpg", "ix/catalog.db", "ix/manifest-1.json",
)  # fmt: skip


def data(name: str) -> bytes:
    if name.endswith(".cmsearchignore"):
        return b"of/*\n!kept.jpg\n"
    return STREAM if name == "stream.ts" else b"let x = 1;\n"


def test_a_walk_finds_what_one_of_a_folder_does(storage: Storage, tmp_path: Path) -> None:
    """The same files in the same order, kinds, sidecars and rules; what isn't read is counted."""
    folder = tmp_path / "folder"
    for name in (*NAMES, "out/.cmsearchignore"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data(name))
        storage.put(f"deep/in/{name}", data(name))
    expected, found = Scan(folder), Scan(place_of(f"{storage.url}/deep/in"))
    told = [(file.path, file.kind, file.size, file.about) for file in expected]
    assert [(file.path, file.kind, file.size, file.about) for file in found] == told
    assert found.unread == expected.unread and found.kinds == expected.kinds
    assert found.skipped == expected.skipped == []
    assert found.count == expected.count and "out/of/kept.jpg" in {path for path, *_ in told}


def test_a_time_is_another_one_when_the_object_is(storage: Storage) -> None:
    storage.put("a.jpg", b"abc")
    (first,) = Scan(place_of(storage.url))
    storage.put("a.jpg", b"abd")
    (second,) = Scan(place_of(storage.url))
    assert first.mtime_ns != second.mtime_ns and first.size == second.size == 3


@pytest.mark.parametrize("name", ["", "..", "."])
def test_names_that_no_file_can_have_are_left_out_with_the_reason(
    storage: Storage, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    storage.put("a.jpg", b"abc")
    listed = Objects.listed
    odd = [Object(name, True), Object("b\0.jpg", False, 1, 2)]
    monkeypatch.setattr(Objects, "listed", lambda self, path: [*odd, *listed(self, path)])
    found = Scan(place_of(storage.url))
    assert [file.path for file in found] == ["a.jpg"]
    assert {one.reason for one in found.skipped} == {"its name can't be that of a file"}
    assert len(found.skipped) == 2


def test_a_folder_that_can_t_be_listed_hides_what_is_below(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.put("a.jpg", b"abc")
    storage.put("shut/b.jpg", b"abc")
    listed = Objects.listed

    def refused(self: Objects, path: str) -> list[Object]:
        if path == "shut/":
            raise PermissionError(13, "access denied")
        return listed(self, path)

    monkeypatch.setattr(Objects, "listed", refused)
    found = Scan(place_of(storage.url))
    assert [file.path for file in found] == ["a.jpg"]
    assert [(one.path, one.reason) for one in found.skipped] == [
        ("shut/", "can't be read: access denied")
    ]


def test_what_isn_t_there_is_an_error(storage: Storage) -> None:
    with pytest.raises(StoreNotFoundError, match=r"memory://bucket/no can't be listed: no such"):
        Scan(place_of(f"{storage.url}/no"))


def test_only_the_whole_is_walked(storage: Storage) -> None:
    storage.put("a.jpg", b"abc")
    with pytest.raises(Unclear):
        list(Scan(place_of(storage.url), changed={"a.jpg"}))


def test_what_reads_it_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "fsspec", None)
    with pytest.raises(CmsearchError, match="cmsearch\\[objects\\]") as told:
        ObjectWalk(place_of("s3://bucket"), Objects("s3://bucket"), {})
    assert str(told.value).startswith(EXTRA)
