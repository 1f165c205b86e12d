"""Derived files: the catalog's vectors laid out for searching, checked by block when opened."""

from __future__ import annotations

import json
import os
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cmsearch import indexes
from cmsearch.errors import StoreError
from cmsearch.types import FloatArray, IdArray, Modality

FORMAT = 1
_BLOCK = 2**20
_MANIFEST = re.compile(r"manifest-(\d+)\.json")
_DERIVED = re.compile(
    r"(?:manifest|vectors|ids|index)-(?:.*-)?(\d+)\.(?:json|f16|i64|faiss)(?:\.new)?"
)

Background = Mapping[str, Mapping[str, tuple[float, float]]]
"""By query modality and target modality, mean and deviation of the best unrelated score."""


@dataclass(frozen=True, slots=True)
class File:
    """A derived file with the CRC-32 of each of its blocks of 1 MiB."""

    name: str
    size: int
    blocks: list[int]


@dataclass(frozen=True, slots=True)
class IndexFiles:
    """The files of one space and modality. `graph` is there above the exact limit."""

    space: int
    modality: Modality
    rows: int
    dim: int
    vectors: File
    ids: File
    graph: File | None
    factory: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """One publication: what was in the catalog up to and with `last_embedding`.

    The catalog knows its `token`: files that came from another catalog are not taken for its own.
    """

    snapshot: int
    token: str
    last_embedding: int
    indexes: list[IndexFiles]
    background: Background


def publish(
    folder: Path,
    snapshot: int,
    token: str,
    last_embedding: int,
    content: Mapping[tuple[int, Modality], tuple[IdArray, FloatArray]],
    background: Background,
) -> Manifest:
    """Write the files of a snapshot, the manifest last, and delete those of older ones."""
    files = [
        _publish_index(folder, snapshot, space, modality, *rows)
        for (space, modality), rows in content.items()
    ]
    manifest = Manifest(snapshot, token, last_embedding, files, background)
    text = json.dumps({"format": FORMAT, **asdict(manifest)})
    _write(folder / f"manifest-{snapshot}.json", lambda path: path.write_text(text))
    for path in folder.iterdir():
        match = _DERIVED.fullmatch(path.name)
        if match and int(match[1]) < snapshot:
            path.unlink(missing_ok=True)
    return manifest


def newest(folder: Path) -> Manifest | None:
    """The newest manifest that can be read."""
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError as error:
        raise StoreError(f"The store {folder} can't be read: {error.strerror}.") from error
    numbers = [int(match[1]) for name in names if (match := _MANIFEST.fullmatch(name))]
    for number in sorted(numbers, reverse=True):
        try:
            return _parsed(json.loads((folder / f"manifest-{number}.json").read_text()))
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            continue
    return None


def are_whole(folder: Path, manifest: Manifest) -> bool:
    """Whether every file of the snapshot is as it was written."""
    try:
        for index in manifest.indexes:
            for file in (index.vectors, index.ids, index.graph):
                if file is not None:
                    _check(folder, file)
    except StoreError:
        return False
    return True


def open_index(folder: Path, files: IndexFiles) -> indexes.FaissIndex:
    """The index of checked files; raises `StoreError` where they aren't what was written."""
    for file in (files.ids, files.graph or files.vectors):
        _check(folder, file)
    ids = np.fromfile(folder / files.ids.name, "<i8").astype(np.int64)
    if files.graph is not None:
        import faiss

        main = faiss.read_index(str(folder / files.graph.name))
    else:
        main = indexes.flat(read_vectors(folder, files))
    if not len(ids) == main.ntotal == files.rows or main.d != files.dim:
        raise StoreError(f"{files.ids.name} and its index have different lengths.")
    return indexes.FaissIndex(files.dim, main=main, ids=ids)


def read_vectors(folder: Path, files: IndexFiles) -> FloatArray:
    """All vectors `(rows, dim)` in row order."""
    rows = np.fromfile(folder / files.vectors.name, "<f2").astype(np.float32)
    if rows.size != files.rows * files.dim:
        raise StoreError(f"{files.vectors.name} isn't as long as its manifest says.")
    return rows.reshape(files.rows, files.dim)


def _publish_index(
    folder: Path, snapshot: int, space: int, modality: Modality, ids: IdArray, vectors: FloatArray
) -> IndexFiles:
    name = f"{space}-{modality}-{snapshot}"
    graph = None
    if len(ids) > indexes.EXACT_LIMIT:
        import faiss

        index = indexes.graph(vectors)
        graph = _write(
            folder / f"index-{name}.faiss", lambda path: faiss.write_index(index, str(path))
        )
    return IndexFiles(
        space,
        modality,
        len(ids),
        vectors.shape[1],
        _write(folder / f"vectors-{name}.f16", lambda path: vectors.astype("<f2").tofile(path)),
        _write(folder / f"ids-{name}.i64", lambda path: ids.astype("<i8").tofile(path)),
        graph,
        indexes.FACTORY if graph else "Flat",
    )


def _write(path: Path, fill: Callable[[Path], Any]) -> File:
    """Write beside, sync and rename."""
    beside = path.with_name(path.name + ".new")
    fill(beside)
    with beside.open("rb+") as file:
        os.fsync(file.fileno())
        blocks = _checksums(file)
    beside.replace(path)
    return File(path.name, path.stat().st_size, blocks)


def _checksums(file: Any) -> list[int]:
    return [zlib.crc32(block) for block in iter(lambda: file.read(_BLOCK), b"")]


def _check(folder: Path, file: File) -> None:
    if Path(file.name).name != file.name:
        raise StoreError(f"The manifest names a file outside the store: {file.name!r}.")
    try:
        with (folder / file.name).open("rb") as opened:
            whole = _checksums(opened) == file.blocks
    except OSError as error:
        raise StoreError(f"{file.name} can't be read: {error.strerror}.") from error
    if not whole:
        raise StoreError(f"{file.name} is not as it was written.")


def _parsed(value: dict[str, Any]) -> Manifest:
    if value.pop("format") != FORMAT:
        raise ValueError("another format")
    for index in value["indexes"]:
        index["modality"] = Modality(index["modality"])
        for name in ("vectors", "ids", "graph"):
            index[name] = index[name] and File(**index[name])
    value["indexes"] = [IndexFiles(**index) for index in value["indexes"]]
    value["background"] = {
        query: {target: (float(mean), float(std)) for target, (mean, std) in own.items()}
        for query, own in value["background"].items()
    }
    return Manifest(**value)
