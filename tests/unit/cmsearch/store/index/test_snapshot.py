"""Derived files are written whole, checked when opened, and never believed when damaged."""

from __future__ import annotations

import errno
import json
import os
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cmsearch.errors import StoreError
from cmsearch.store.index import faiss_index
from cmsearch.store.index import manifest as manifests
from cmsearch.store.index import snapshot as vectors
from cmsearch.store.index.exact import ExactIndex
from cmsearch.store.index.faiss_index import FaissIndex
from cmsearch.store.index.manifest import Manifest
from cmsearch.types import FloatArray, IdArray, Modality, Scale
from tests.builders import flip_byte
from tests.oracle import Oracle, assert_exact, filled, unit_vectors

DIM = 8
COUNT = 60
BACKGROUND = {
    "text": {"image": Scale(0.25, 0.02, 0.125, 0.03), "text": Scale(0.5, 0.125, 0.25, 0.06, 0.2)}
}


def content(count: int = COUNT) -> tuple[IdArray, FloatArray]:
    return np.arange(5, 5 + count), unit_vectors(np.random.default_rng(0), count, DIM)


def paged(numbers: IdArray, rows: FloatArray) -> vectors.Content:
    """What is published of these, in pages of 25."""
    pages = [(numbers[at : at + 25], rows[at : at + 25]) for at in range(0, len(rows), 25)]
    return vectors.Content(rows.shape[1], pages, rows[:10])


def publish(folder: Path, snapshot: int = 1, count: int = COUNT) -> Manifest:
    """A publication of as many images, and of three texts."""
    found = {(1, Modality.IMAGE): paged(*content(count)), (1, Modality.TEXT): paged(*content(3))}
    head = Manifest(snapshot, "token", 5 + count, "faiss", BACKGROUND, [])
    return vectors.publish(folder, head, found, FaissIndex(DIM))


@pytest.fixture(params=["compared", "codes"])
def manifest(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Manifest:
    """A publication in `tmp_path` whose images are all compared, or lie in lists of codes."""
    if request.param == "codes":
        monkeypatch.setattr(faiss_index, "EXACT_LIMIT", COUNT - 1)
    return publish(tmp_path)


def derived(folder: Path, start: str = "") -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.name.startswith(start))


def newest_number(folder: Path) -> int | None:
    found = manifests.newest(folder)
    return None if found is None else found.snapshot


def edit_manifest(folder: Path, **changes: Any) -> None:
    """Change fields of the first index in the newest manifest."""
    (path,) = derived(folder, "manifest-")
    value = json.loads(path.read_text())
    value["indexes"][0] |= changes
    del value["checksum"]
    path.write_text(manifests.sealed_fields(value))


def test_nothing_is_published_yet(tmp_path: Path) -> None:
    assert manifests.newest(tmp_path) is None


def test_what_is_published_can_be_read_again(tmp_path: Path, manifest: Manifest) -> None:
    assert manifests.newest(tmp_path) == manifest
    assert vectors.are_whole(tmp_path, manifest)
    assert (manifest.snapshot, manifest.last_embedding) == (1, 5 + COUNT)


def test_an_opened_index_answers_as_the_vectors_do(tmp_path: Path, manifest: Manifest) -> None:
    files = manifest.indexes[0]
    index, oracle = vectors.open_index(tmp_path, [files], DIM, FaissIndex(DIM)), Oracle()
    numbers, rows = content()
    filled(oracle, numbers, rows)
    assert len(index) == COUNT
    assert_exact(index, oracle, unit_vectors(np.random.default_rng(1), 5, DIM), 10)


def test_rows_are_read_as_they_are_mapped(tmp_path: Path) -> None:
    files = publish(tmp_path, count=30).indexes[0]
    with pytest.raises(StoreError, match="in order"):
        vectors.read_rows(tmp_path, [files, files])
    ids, rows = vectors.read_rows(tmp_path, [files])
    known, mapped = vectors.open_rows(tmp_path, [files])
    assert (ids.tolist(), rows.size) == (known.tolist(), (30, DIM))
    some = np.array([3, 4, 9, 29])
    np.testing.assert_array_equal(rows.at(some), mapped.at(some))
    np.testing.assert_array_equal(rows.between(20, 99), mapped.between(20, 99))
    assert rows.at(some[:0]).shape == (0, DIM)
    flip_byte(tmp_path / files.vectors.name)
    with pytest.raises(StoreError, match="not as it was written"):
        vectors.read_rows(tmp_path, [files])


def test_of_many_vectors_alone_something_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faiss_index, "EXACT_LIMIT", COUNT - 1)
    images, texts = publish(tmp_path).indexes
    assert images.kept is not None
    assert texts.kept is None


def test_an_index_that_keeps_nothing_has_no_file_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faiss_index, "EXACT_LIMIT", COUNT - 1)
    head = Manifest(1, "token", 5 + COUNT, "exact", BACKGROUND, [])
    (files,) = vectors.publish(
        tmp_path, head, {(1, Modality.IMAGE): paged(*content())}, ExactIndex(DIM)
    ).indexes
    assert files.kept is None
    assert len(vectors.open_index(tmp_path, [files], DIM, FaissIndex(DIM))) == COUNT


@pytest.mark.parametrize("numbers", [[5, 5, *range(7, 65)], [6, 5, *range(7, 65)]])
def test_ids_are_in_order(tmp_path: Path, numbers: list[int]) -> None:
    found = {(1, Modality.IMAGE): paged(np.array(numbers), content()[1])}
    head = Manifest(1, "token", 70, "exact", BACKGROUND, [])
    (files,) = vectors.publish(tmp_path, head, found, ExactIndex(DIM)).indexes
    with pytest.raises(StoreError, match="in order"):
        vectors.open_index(tmp_path, [files], DIM, FaissIndex(DIM))


def test_a_manifest_of_the_former_format_is_read(tmp_path: Path, manifest: Manifest) -> None:
    """What it has of a graph is passed over. Format 2 didn't name its index."""
    (path,) = derived(tmp_path, "manifest-")
    value = json.loads(path.read_text())
    del value["checksum"]
    for one in value["indexes"]:
        one["graph"] = one.pop("kept")
        for file in (one["ids"], one["vectors"]):
            file["blocks"] = [zlib.crc32((tmp_path / file["name"]).read_bytes())]
            del file["block"]
        del one["recall"]
    path.write_text(manifests.sealed_fields(value | {"format": 3}))
    found = manifests.newest(tmp_path)
    assert found is not None
    assert [(one.kept, one.recall) for one in found.indexes] == [(None, None)] * 2
    assert len(vectors.open_index(tmp_path, [found.indexes[0]], DIM, FaissIndex(DIM))) == COUNT
    del value["index"], value["judged"]
    value["indexes"] = [{**one, "factory": "Flat"} for one in value["indexes"]]
    path.write_text(manifests.sealed_fields(value | {"format": 2}))
    assert manifests.newest(tmp_path) == found


def test_a_background_of_the_best_alone_is_as_none(tmp_path: Path, manifest: Manifest) -> None:
    """Former versions kept no more of what chance does; the next publication measures all."""
    (path,) = derived(tmp_path, "manifest-")
    value = json.loads(path.read_text())
    del value["checksum"]
    value["background"] = {"text": {"image": (0.25, 0.02)}}
    path.write_text(manifests.sealed_fields(value))
    found = manifests.newest(tmp_path)
    assert found is not None
    assert found.background == {"text": {}}


def test_nothing_is_left_beside_what_was_written(tmp_path: Path, manifest: Manifest) -> None:
    files = [file for one in manifest.indexes for file in one.files]
    expected = {"manifest-1.json", *(file.name for file in files)}
    assert {path.name for path in derived(tmp_path)} == expected
    assert all(file.size == (tmp_path / file.name).stat().st_size for file in files)


def test_older_files_go_and_others_stay(tmp_path: Path) -> None:
    publish(tmp_path, 1)
    for name in (".cmsearch-0123456789abcdef.new", ".cmsearch-0123456789abcdef.new-journal"):
        (tmp_path / name).write_bytes(b"of a run that was killed")
    (tmp_path / ".cmsearch-mine.new").write_bytes(b"somebody's own")
    (tmp_path / "catalog.db").write_bytes(b"the truth")
    (tmp_path / "manifest-1.json.backup").write_bytes(b"somebody's own")
    publish(tmp_path, 2)
    assert newest_number(tmp_path) == 2
    names = {path.name for path in derived(tmp_path)}
    assert {name for name in names if "-1." in name} == {"manifest-1.json.backup"}
    assert {name for name in names if name.startswith(".")} == {".cmsearch-mine.new"}
    assert "catalog.db" in names


def test_cosines_of_equal_vectors_may_be_above_1_by_rounding(tmp_path: Path) -> None:
    found = {(1, Modality.TEXT): paged(*content(3))}
    background = {"text": {"text": (1.0000061, 0.02)}}
    head = Manifest(1, "token", 8, "faiss", background, [])
    vectors.publish(tmp_path, head, found, FaissIndex(DIM))
    assert newest_number(tmp_path) == 1


def test_the_newest_is_the_highest_number(tmp_path: Path) -> None:
    publish(tmp_path, 9)
    ninth = derived(tmp_path, "manifest-")[0].read_text()
    publish(tmp_path, 10)
    (tmp_path / "manifest-9.json").write_text(ninth)
    assert newest_number(tmp_path) == 10


@pytest.mark.parametrize("at", [0, 17, -1])
@pytest.mark.parametrize("start", ["vectors-1-image", "ids-1-image", "kept-1-image"])
def test_a_flipped_byte_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: str, at: int
) -> None:
    if start.startswith("kept"):
        monkeypatch.setattr(faiss_index, "EXACT_LIMIT", COUNT - 1)
    manifest = publish(tmp_path)
    (path,) = derived(tmp_path, start)
    flip_byte(path, at)
    assert not vectors.are_whole(tmp_path, manifest)
    with pytest.raises(StoreError, match=f"{path.name} is not as it was written"):
        vectors.open_index(tmp_path, [manifest.indexes[0]], DIM, FaissIndex(DIM))
    assert (
        len(vectors.open_index(tmp_path, [manifest.indexes[1]], DIM, FaissIndex(DIM))) == 3
    )  # the texts are whole


def test_a_flipped_byte_in_a_later_block_is_noticed(tmp_path: Path) -> None:
    manifest = publish(tmp_path, count=70_000)  # of 16 bytes each
    (path,) = derived(tmp_path, "vectors-1-image")
    assert len(manifest.indexes[0].vectors.blocks) == 2
    flip_byte(path, 1_100_000)
    assert not vectors.are_whole(tmp_path, manifest)


@pytest.mark.parametrize(("sums", "damaged"), [(None, range(4352, 4416)), (flip_byte, range(5000))])
def test_a_large_file_is_checked_as_it_is_read(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    sums: Callable[[Path], None] | None,
    damaged: range,
) -> None:
    """What is damaged is had from elsewhere, and nothing else: 1 KiB, or without the checksums of
    so small parts 1 MiB.
    """
    monkeypatch.setattr(vectors, "_AT_ONCE", 0)
    numbers, rows = content(5000)
    manifest = publish(tmp_path, count=5000)
    (path,) = derived(tmp_path, "vectors-1-image")
    flip_byte(path, 70_000)
    if sums is not None:
        sums(*derived(tmp_path, "sums-1-image"))
    asked: list[int] = []

    def instead(name: str, wanted: IdArray) -> Any:
        assert name == path.name
        asked.extend(wanted.tolist())
        return rows[wanted - 5].astype(np.float16)

    index = vectors.open_index(tmp_path, [manifest.indexes[0]], DIM, FaissIndex(DIM), instead)
    assert not asked
    oracle = Oracle()
    filled(oracle, numbers, rows)
    assert_exact(index, oracle, unit_vectors(np.random.default_rng(1), 5, DIM), 10)
    assert asked[: len(damaged)] == [5 + row for row in damaged]
    assert set(asked) == {5 + row for row in damaged}


def test_what_was_kept_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Adding a few rows and dropping some encodes only what is new."""
    monkeypatch.setattr(faiss_index, "EXACT_LIMIT", COUNT - 1)
    (files, _) = publish(tmp_path).indexes
    numbers, rows = content(COUNT + 10)
    some = paged(numbers[7:], rows[7:])._replace(former=[files])
    head = Manifest(2, "token", 5 + COUNT, "faiss", BACKGROUND, [])
    (newer,) = vectors.publish(tmp_path, head, {(1, Modality.IMAGE): some}, FaissIndex(DIM)).indexes
    assert newer.rows == COUNT + 3
    index, oracle = vectors.open_index(tmp_path, [newer], DIM, FaissIndex(DIM)), Oracle()
    filled(oracle, numbers[7:], rows[7:])
    queries = rows[[10, COUNT + 5]]
    assert index.search(queries, 1)[1].ravel().tolist() == [15, COUNT + 10]
    assert_exact(index, oracle, queries, COUNT)


def test_segments_that_stay_are_searched_with_what_came(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their files aren't written again, and the new one has only what is new."""
    monkeypatch.setattr(faiss_index, "EXACT_LIMIT", COUNT - 1)
    (files, _) = publish(tmp_path).indexes
    (tmp_path / "vectors-1-image-0.f16").write_bytes(b"of before")
    written = {path.name: path.stat().st_mtime_ns for path in derived(tmp_path)}
    numbers, rows = content(COUNT + 10)
    own = {(1, Modality.IMAGE): paged(numbers[COUNT:], rows[COUNT:])._replace(stay=[files])}
    head = Manifest(2, "token", 5 + COUNT + 10, "faiss", BACKGROUND, [])
    segments = vectors.publish(tmp_path, head, own, FaissIndex(DIM)).indexes
    assert [one.rows for one in segments] == [COUNT, 10]
    names = {file.name for one in segments for file in one.files}
    assert {path.name for path in derived(tmp_path)} == {*names, "manifest-2.json"}
    assert {name for name in names if name in written} == {file.name for file in files.files}
    found = manifests.newest(tmp_path)
    assert found is not None and found.of(Modality.IMAGE) == segments
    index, oracle = vectors.open_index(tmp_path, segments, DIM, FaissIndex(DIM)), Oracle()
    filled(oracle, numbers, rows)
    assert_exact(index, oracle, rows[[10, COUNT + 5]], COUNT)
    nothing = {(1, Modality.IMAGE): own[1, Modality.IMAGE]._replace(pages=[], stay=segments)}
    again = vectors.publish(tmp_path, replace(head, snapshot=3), nothing, FaissIndex(DIM))
    assert again.indexes == segments


def test_segments_out_of_order_are_refused(tmp_path: Path) -> None:
    images, texts = publish(tmp_path).indexes
    for segments in ([images, texts], [images, images]):
        with pytest.raises(StoreError, match="in order"):
            vectors.open_index(tmp_path, segments, DIM, FaissIndex(DIM))


@pytest.mark.parametrize("start", ["vectors-1-image", "ids-1-image"])
def test_a_shorter_or_missing_file_is_noticed(tmp_path: Path, start: str) -> None:
    manifest = publish(tmp_path)
    (path,) = derived(tmp_path, start)
    for damage in (lambda: path.write_bytes(path.read_bytes()[:-8]), path.unlink):
        damage()
        assert not vectors.are_whole(tmp_path, manifest)
        with pytest.raises(StoreError, match=path.name):
            vectors.open_index(tmp_path, [manifest.indexes[0]], DIM, FaissIndex(DIM))


@pytest.mark.parametrize(
    "text",
    ["", "{", "null", "5", '"text"', "[]", "{}", '{"format": 999}', '{"format": 1}', "[" * 100_000],
)
def test_a_damaged_manifest_is_passed_over(tmp_path: Path, text: str) -> None:
    publish(tmp_path, 1)
    (tmp_path / "manifest-2.json").write_text(text)
    assert newest_number(tmp_path) == 1


@pytest.mark.parametrize("data", [b"\0" * 100, b"\xff\xfe", b"{\x80}"])
def test_a_manifest_that_is_no_text_is_passed_over(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "manifest-1.json").write_bytes(data)
    assert manifests.newest(tmp_path) is None


def test_a_manifest_of_another_modality_is_passed_over(tmp_path: Path) -> None:
    publish(tmp_path)
    edit_manifest(tmp_path, modality="smell")
    assert manifests.newest(tmp_path) is None


@pytest.mark.parametrize(
    "changes", [{"rows": COUNT + 1}, {"rows": 1}, {"dim": 2 * DIM}, {"dim": 5}]
)
def test_a_manifest_that_contradicts_its_files(tmp_path: Path, changes: dict[str, int]) -> None:
    """It is passed over as damaged, or else its index can't be opened."""
    publish(tmp_path)
    edit_manifest(tmp_path, **changes)
    found = manifests.newest(tmp_path)
    if found is not None:
        with pytest.raises(StoreError):
            vectors.open_index(tmp_path, [found.indexes[0]], DIM, FaissIndex(DIM))


@pytest.mark.parametrize(("times", "is_read"), [(128, True), (129, False)])
def test_a_manifest_has_no_more_segments_than_there_can_be(
    tmp_path: Path, times: int, is_read: bool
) -> None:
    """Each would be opened, and looked at by each search."""
    publish(tmp_path)
    (path,) = derived(tmp_path, "manifest-")
    value = json.loads(path.read_text())
    del value["checksum"]
    path.write_text(manifests.sealed_fields(value | {"indexes": times * value["indexes"]}))
    assert (manifests.newest(tmp_path) is not None) == is_read


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/../../b"])
def test_a_manifest_cannot_name_files_outside_the_store(tmp_path: Path, name: str) -> None:
    files = publish(tmp_path).indexes[0]
    for field in ("ids", "vectors"):
        moved = replace(files, **{field: replace(getattr(files, field), name=name)})
        with pytest.raises(StoreError, match="outside the store"):
            vectors.open_index(tmp_path, [moved], DIM, FaissIndex(DIM))


def test_ids_and_vectors_of_different_lengths(tmp_path: Path) -> None:
    images, texts = publish(tmp_path).indexes
    with pytest.raises(StoreError, match="the shape"):
        vectors.open_index(tmp_path, [replace(images, ids=texts.ids)], DIM, FaissIndex(DIM))


@pytest.mark.parametrize(
    "changes",
    [
        {"rows": "many"},
        {"dim": None},
        {"vectors": "a"},
        {"ids": {"name": 5, "size": 0, "blocks": []}},
    ],
)
def test_a_manifest_of_other_types_is_passed_over(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    publish(tmp_path)
    edit_manifest(tmp_path, **changes)
    assert manifests.newest(tmp_path) is None


def test_a_disk_that_is_full_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(number: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    publish(tmp_path, 1)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"No space left on device.*kept"):
        publish(tmp_path, 2)
    assert newest_number(tmp_path) == 1
    assert not derived(tmp_path, "vectors-1-image-2")


def test_a_changed_digit_of_a_manifest_is_noticed(tmp_path: Path) -> None:
    publish(tmp_path)
    (path,) = derived(tmp_path, "manifest-")
    whole = path.read_bytes()
    for at in (place for place, byte in enumerate(whole) if chr(byte).isdigit()):
        data = bytearray(whole)
        data[at] = ord("1") if data[at] != ord("1") else ord("2")
        path.write_bytes(data)
        assert manifests.newest(tmp_path) is None
