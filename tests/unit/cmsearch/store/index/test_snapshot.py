"""Derived files are written whole, checked when opened, and never believed when damaged."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cmsearch.errors import StoreError
from cmsearch.store.index import faiss_index
from cmsearch.store.index import snapshot as vectors
from cmsearch.store.index.exact import ExactIndex
from cmsearch.store.index.faiss_index import FaissIndex
from cmsearch.store.index.snapshot import Manifest
from cmsearch.types import FloatArray, IdArray, Modality
from tests.builders import flip_byte
from tests.oracle import Oracle, assert_exact, filled, unit_vectors

DIM = 8
COUNT = 60
BACKGROUND = {"text": {"image": (0.25, 0.02), "text": (0.5, 0.125)}}


def content(count: int = COUNT) -> tuple[IdArray, FloatArray]:
    return np.arange(5, 5 + count), unit_vectors(np.random.default_rng(0), count, DIM)


def publish(folder: Path, snapshot: int = 1, count: int = COUNT) -> Manifest:
    """A publication of as many images, and of three texts."""
    found = {(1, Modality.IMAGE): content(count), (1, Modality.TEXT): content(3)}
    head = Manifest(snapshot, "token", 5 + count, "faiss", BACKGROUND, [])
    return vectors.publish(folder, head, found, FaissIndex(DIM))


@pytest.fixture(params=["flat", "graph"])
def manifest(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Manifest:
    """A publication in `tmp_path` whose images lie in a flat index, or in a graph."""
    if request.param == "graph":
        monkeypatch.setattr(faiss_index, "EXACT_LIMIT", COUNT - 1)
    return publish(tmp_path)


def derived(folder: Path, start: str = "") -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.name.startswith(start))


def newest_number(folder: Path) -> int | None:
    found = vectors.newest(folder)
    return None if found is None else found.snapshot


def edit_manifest(folder: Path, **changes: Any) -> None:
    """Change fields of the first index in the newest manifest."""
    (path,) = derived(folder, "manifest-")
    value = json.loads(path.read_text())
    value["indexes"][0] |= changes
    del value["checksum"]
    path.write_text(vectors._sealed(value))


def test_nothing_is_published_yet(tmp_path: Path) -> None:
    assert vectors.newest(tmp_path) is None


def test_what_is_published_can_be_read_again(tmp_path: Path, manifest: Manifest) -> None:
    assert vectors.newest(tmp_path) == manifest
    assert vectors.are_whole(tmp_path, manifest)
    assert (manifest.snapshot, manifest.last_embedding) == (1, 5 + COUNT)


def test_an_opened_index_answers_as_the_vectors_do(tmp_path: Path, manifest: Manifest) -> None:
    files = manifest.indexes[0]
    index, oracle = vectors.open_index(tmp_path, files, DIM, FaissIndex(DIM)), Oracle()
    numbers, rows = content()
    filled(oracle, numbers, rows)
    assert len(index) == COUNT
    assert_exact(index, oracle, unit_vectors(np.random.default_rng(1), 5, DIM), 10)


def test_only_many_vectors_have_a_graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faiss_index, "EXACT_LIMIT", COUNT - 1)
    images, texts = publish(tmp_path).indexes
    assert images.graph is not None
    assert texts.graph is None


def test_an_index_that_keeps_no_graph_has_no_file_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faiss_index, "EXACT_LIMIT", COUNT - 1)
    head = Manifest(1, "token", 5 + COUNT, "exact", BACKGROUND, [])
    (files,) = vectors.publish(
        tmp_path, head, {(1, Modality.IMAGE): content()}, ExactIndex(DIM)
    ).indexes
    assert files.graph is None
    assert len(vectors.open_index(tmp_path, files, DIM, FaissIndex(DIM))) == COUNT


@pytest.mark.parametrize("numbers", [[5, 5, *range(7, 65)], [6, 5, *range(7, 65)]])
def test_ids_are_in_order(tmp_path: Path, numbers: list[int]) -> None:
    found = {(1, Modality.IMAGE): (np.array(numbers), content()[1])}
    head = Manifest(1, "token", 70, "faiss", BACKGROUND, [])
    (files,) = vectors.publish(tmp_path, head, found, FaissIndex(DIM)).indexes
    with pytest.raises(StoreError, match="in order"):
        vectors.open_index(tmp_path, files, DIM, FaissIndex(DIM))


def test_a_manifest_of_the_former_format_is_read(tmp_path: Path, manifest: Manifest) -> None:
    """It has FAISS's name of the graph with each index, and not that of the index."""
    (path,) = derived(tmp_path, "manifest-")
    value = json.loads(path.read_text())
    for name in ("checksum", "index"):
        del value[name]
    value["format"] = 2
    value["indexes"] = [{**one, "factory": "Flat"} for one in value["indexes"]]
    path.write_text(vectors._sealed(value))
    assert vectors.newest(tmp_path) == manifest


def test_nothing_is_left_beside_what_was_written(tmp_path: Path, manifest: Manifest) -> None:
    files = [file for one in manifest.indexes for file in (one.vectors, one.ids, one.graph) if file]
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
    found = {(1, Modality.TEXT): content(3)}
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
@pytest.mark.parametrize("start", ["vectors-1-image", "ids-1-image", "graph-1-image"])
def test_a_flipped_byte_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: str, at: int
) -> None:
    if start.startswith("graph"):
        monkeypatch.setattr(faiss_index, "EXACT_LIMIT", COUNT - 1)
    manifest = publish(tmp_path)
    (path,) = derived(tmp_path, start)
    flip_byte(path, at)
    assert not vectors.are_whole(tmp_path, manifest)
    with pytest.raises(StoreError, match=f"{path.name} is not as it was written"):
        vectors.open_index(tmp_path, manifest.indexes[0], DIM, FaissIndex(DIM))
    assert (
        len(vectors.open_index(tmp_path, manifest.indexes[1], DIM, FaissIndex(DIM))) == 3
    )  # the texts are whole


def test_a_flipped_byte_in_a_later_block_is_noticed(tmp_path: Path) -> None:
    rows = np.zeros((2**20, 1), np.float32)  # two blocks of 1 MiB
    files = {(1, Modality.IMAGE): (np.arange(2**20), rows)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(faiss_index, "EXACT_LIMIT", 2**20)
        head = Manifest(1, "token", 0, "faiss", {}, [])
        manifest = vectors.publish(tmp_path, head, files, FaissIndex(1))
    assert len(manifest.indexes[0].vectors.blocks) == 2**20 * 2 // 2**20
    flip_byte(tmp_path / manifest.indexes[0].vectors.name)
    assert not vectors.are_whole(tmp_path, manifest)


@pytest.mark.parametrize("start", ["vectors-1-image", "ids-1-image"])
def test_a_shorter_or_missing_file_is_noticed(tmp_path: Path, start: str) -> None:
    manifest = publish(tmp_path)
    (path,) = derived(tmp_path, start)
    for damage in (lambda: path.write_bytes(path.read_bytes()[:-8]), path.unlink):
        damage()
        assert not vectors.are_whole(tmp_path, manifest)
        with pytest.raises(StoreError, match=path.name):
            vectors.open_index(tmp_path, manifest.indexes[0], DIM, FaissIndex(DIM))


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
    assert vectors.newest(tmp_path) is None


def test_a_manifest_of_another_modality_is_passed_over(tmp_path: Path) -> None:
    publish(tmp_path)
    edit_manifest(tmp_path, modality="smell")
    assert vectors.newest(tmp_path) is None


@pytest.mark.parametrize(
    "changes", [{"rows": COUNT + 1}, {"rows": 1}, {"dim": 2 * DIM}, {"dim": 5}]
)
def test_a_manifest_that_contradicts_its_files(tmp_path: Path, changes: dict[str, int]) -> None:
    """It is passed over as damaged, or else its index can't be opened."""
    publish(tmp_path)
    edit_manifest(tmp_path, **changes)
    found = vectors.newest(tmp_path)
    if found is not None:
        with pytest.raises(StoreError):
            vectors.open_index(tmp_path, found.indexes[0], DIM, FaissIndex(DIM))


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/../../b"])
def test_a_manifest_cannot_name_files_outside_the_store(tmp_path: Path, name: str) -> None:
    files = publish(tmp_path).indexes[0]
    for field in ("ids", "vectors"):
        moved = replace(files, **{field: replace(getattr(files, field), name=name)})
        with pytest.raises(StoreError, match="outside the store"):
            vectors.open_index(tmp_path, moved, DIM, FaissIndex(DIM))


def test_ids_and_vectors_of_different_lengths(tmp_path: Path) -> None:
    images, texts = publish(tmp_path).indexes
    with pytest.raises(StoreError, match="the shape"):
        vectors.open_index(tmp_path, replace(images, ids=texts.ids), DIM, FaissIndex(DIM))


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
    assert vectors.newest(tmp_path) is None


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
        assert vectors.newest(tmp_path) is None
