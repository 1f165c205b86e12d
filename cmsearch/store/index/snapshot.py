"""Derived files: the catalog's vectors laid out for searching, checked by block when opened."""

from __future__ import annotations

import json
import os
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from cmsearch.common.digest import BLOCK, block_checksums
from cmsearch.common.files import LEFT_OVER, open_file, read_file, replacing
from cmsearch.errors import StoreError
from cmsearch.protocols import Graphed, VectorIndex
from cmsearch.types import Background, FloatArray, IdArray, Modality

FORMAT = 3
_READ = (2, FORMAT)
_MAX_MANIFEST = 4 * BLOCK  # for 300 GB of vectors
_TRIED = 8
"""Manifests at most that are looked at; one is whole, and a crash leaves one more."""
_MANIFEST = re.compile(r"manifest-([0-9]{1,18})\.json")
_DERIVED = re.compile(
    r"(?:manifest|vectors|ids|graph|index)-(?:.*-)?([0-9]{1,18})\.(?:json|f16|i64|i32|faiss)"
)
_LINKS = 2000
"""Numbers in a graph at most for each of its rows."""


@dataclass(frozen=True, slots=True)
class File:
    """A derived file with the CRC-32 of each of its blocks of 1 MiB."""

    name: str
    size: int
    blocks: list[int]


@dataclass(frozen=True, slots=True)
class IndexFiles:
    """The files of one space and modality. A `graph` is there if its index keeps one."""

    space: int
    modality: Modality
    rows: int
    dim: int
    vectors: File
    ids: File
    graph: File | None


@dataclass(frozen=True, slots=True)
class Manifest:
    """One publication: what was in the catalog up to and with `last_embedding`.

    The catalog knows its `token`: files that came from another catalog are not taken for its own.
    `index` is the name of the index whose graphs these are.
    """

    snapshot: int
    token: str
    last_embedding: int
    index: str
    background: Background
    indexes: list[IndexFiles]


def publish(
    folder: Path,
    manifest: Manifest,
    content: Mapping[tuple[int, Modality], tuple[IdArray, FloatArray]],
    index: VectorIndex,
) -> Manifest:
    """Write the files of a snapshot, the manifest last, and delete those of older ones.

    Gives the manifest with its `indexes`. `index` makes the graphs, if it keeps any.
    """
    snapshot = manifest.snapshot
    files = [
        _publish_index(folder, f"{space}-{modality}-{snapshot}", (space, modality), rows, index)
        for (space, modality), rows in content.items()
    ]
    manifest = replace(manifest, indexes=files)
    text = _sealed({"format": FORMAT, **asdict(manifest)})
    _write(folder / f"manifest-{snapshot}.json", lambda file: file.write(text.encode()))
    for path in folder.iterdir():
        match = _DERIVED.fullmatch(path.name)
        if LEFT_OVER.fullmatch(path.name) or (match and int(match[1]) < snapshot):
            with suppress(OSError):  # a folder, which isn't ours
                path.unlink(missing_ok=True)
    return manifest


def newest(folder: Path) -> Manifest | None:
    """The newest manifest that can be read."""
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError as error:
        raise StoreError(f"The store {folder} can't be read: {error.strerror}.") from error
    numbers = [int(match[1]) for name in names if (match := _MANIFEST.fullmatch(name))]
    for number in sorted(numbers, reverse=True)[:_TRIED]:
        try:
            text = read_file(folder / f"manifest-{number}.json", _MAX_MANIFEST, follow=False)
            return _parsed(json.loads(text))
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            continue
    return None


def next_snapshot(folder: Path) -> int:
    """A number above that of every file here, of those without a manifest too."""
    matches = (_DERIVED.fullmatch(path.name) for path in folder.iterdir())
    return 1 + max((int(match[1]) for match in matches if match), default=0)


def derived_bytes(folder: Path) -> int:
    """What all derived files take, left-over ones too."""
    return sum(path.lstat().st_size for path in folder.iterdir() if _DERIVED.fullmatch(path.name))


def are_whole(folder: Path, manifest: Manifest) -> bool:
    """Whether every file of the snapshot is as it was written."""
    return not any(damages(folder, manifest))


def damages(folder: Path, manifest: Manifest) -> Iterator[str]:
    """What is wrong with each file of the snapshot that is not as it was written."""
    for index in manifest.indexes:
        for file in filter(None, (index.vectors, index.ids, index.graph)):
            try:
                _check(folder, file)
            except StoreError as error:
                yield str(error)


def read_rows(folder: Path, files: IndexFiles) -> tuple[IdArray, FloatArray]:
    """Ids `(rows,)` and vectors `(rows, dim)` of checked files; raises `StoreError`."""
    for file in (files.ids, files.vectors):
        _check(folder, file)
    ids = _numbers(folder / files.ids.name, "<i8").astype(np.int64)
    if len(ids) != files.rows:
        raise StoreError(f"{files.ids.name} isn't of the shape that its manifest says.")
    rows = _codes(folder, files).astype(np.float32).reshape(files.rows, files.dim)
    return ids, rows


def open_index(folder: Path, files: IndexFiles, dim: int, empty: VectorIndex) -> VectorIndex:
    """The index of checked files, with vectors of dimension `dim`, made from an `empty` one.

    Raises `StoreError` where they aren't what was written.
    """
    for file in filter(None, (files.ids, files.vectors, files.graph)):
        _check(folder, file)
    ids = _numbers(folder / files.ids.name, "<i8").astype(np.int64)
    if len(ids) != files.rows or files.dim != dim:
        raise StoreError(f"{files.ids.name} isn't of the shape that its manifest says.")
    if (np.diff(ids) <= 0).any():
        raise StoreError(f"{files.ids.name} doesn't have its ids in order.")
    vectors = _codes(folder, files).reshape(files.rows, files.dim)
    if files.graph is None or not isinstance(empty, Graphed):
        return empty.changed((ids, vectors.astype(np.float32)), np.empty(0, np.int64))
    graph = _numbers(folder / files.graph.name, "<i4").astype(np.int32)
    try:
        return empty.opened(ids, vectors, graph)
    except ValueError as error:
        raise StoreError(f"{files.graph.name} is not a graph of these vectors: {error}.") from error


def _codes(folder: Path, files: IndexFiles) -> NDArray[np.float16]:
    """All vectors `(rows × dim,)` in row order."""
    codes = _numbers(folder / files.vectors.name, "<f2")
    if codes.size != files.rows * files.dim:
        raise StoreError(f"{files.vectors.name} isn't as long as its manifest says.")
    return codes


def _numbers(path: Path, kind: str) -> NDArray[Any]:
    with open_file(path, follow=False) as file:
        return np.fromfile(file, kind)


def _publish_index(
    folder: Path,
    name: str,
    of: tuple[int, Modality],
    content: tuple[IdArray, FloatArray],
    index: VectorIndex,
) -> IndexFiles:
    ids, rows = content[0].astype("<i8"), content[1].astype("<f2")
    graph = None
    links = index.graph(rows.astype(np.float32)) if isinstance(index, Graphed) else None
    if links is not None:
        numbers = links.astype("<i4").tobytes()
        graph = _write(folder / f"graph-{name}.i32", lambda file: file.write(numbers))
    return IndexFiles(
        *of,
        len(rows),
        rows.shape[1],
        _write(folder / f"vectors-{name}.f16", lambda file: file.write(rows.tobytes())),
        _write(folder / f"ids-{name}.i64", lambda file: file.write(ids.tobytes())),
        graph,
    )


def _write(path: Path, fill: Callable[[BinaryIO], Any]) -> File:
    """Write beside, sync and rename; raises `StoreError` where that can't be done."""
    try:
        with replacing(path) as file:
            fill(file)
            file.flush()
            file.seek(0)
            blocks = block_checksums(file)
    except OSError as error:
        raise StoreError(
            f"{path} can't be written: {error.strerror}. What was indexed is kept and can be "
            "searched; mend that and run the command again."
        ) from error
    return File(path.name, path.stat().st_size, blocks)


def _check(folder: Path, file: File) -> None:
    if Path(file.name).name != file.name:
        raise StoreError(f"The manifest names a file outside the store: {file.name!r}.")
    try:
        with open_file(folder / file.name, follow=False) as opened:
            is_as_long = os.fstat(opened.fileno()).st_size == file.size
            whole = is_as_long and block_checksums(opened) == file.blocks
    except OSError as error:
        raise StoreError(f"{file.name} can't be read: {error.strerror}.") from error
    if not whole:
        raise StoreError(f"{file.name} is not as it was written.")


def _sealed(value: dict[str, Any]) -> str:
    """The manifest's text, with the CRC-32 of the rest of it as the last field."""
    return json.dumps({**value, "checksum": zlib.crc32(json.dumps(value).encode())})


def _parsed(value: dict[str, Any]) -> Manifest:
    checksum = value.pop("checksum")
    if value["format"] not in _READ or zlib.crc32(json.dumps(value).encode()) != checksum:
        raise ValueError("another format, or damaged")
    if value.pop("format") < FORMAT:  # of before there were others
        value["index"] = "faiss"
        for one in value["indexes"]:
            del one["factory"]
    value["indexes"] = [_parsed_index(**index) for index in value["indexes"]]
    value["background"] = {
        query: {target: _parsed_scale(*scale) for target, scale in own.items()}
        for query, own in value["background"].items()
    }
    for name in ("snapshot", "last_embedding"):
        if type(value[name]) is not int or not 0 <= value[name] < 2**63:
            raise ValueError(f"{name} is out of range")
    if not isinstance(value["index"], str):
        raise TypeError("a name is a string")
    return Manifest(**value)


def _parsed_scale(mean: Any, deviation: Any) -> tuple[float, float]:
    # In half precision equal vectors have a cosine a little above 1.
    if not (-1.01 <= mean <= 1.01 and 0.001 <= deviation <= 1):
        raise ValueError("no mean and deviation of cosines")
    return float(mean), float(deviation)


def _parsed_index(
    modality: str, rows: Any, dim: Any, vectors: Any, ids: Any, graph: Any, **rest: Any
) -> IndexFiles:
    found = IndexFiles(
        modality=Modality(modality),
        rows=int(rows),
        dim=int(dim),
        vectors=_parsed_file(**vectors),
        ids=_parsed_file(**ids),
        graph=_parsed_file(**graph) if graph else None,
        **rest,
    )
    most = [2 * found.rows * found.dim, 8 * found.rows, 4 * _LINKS * (found.rows + 1)]
    for file, size in zip((found.vectors, found.ids, found.graph), most, strict=True):
        if file is not None and file.size > size:
            raise ValueError(f"{file.name} is too long for its rows")
    return found


def _parsed_file(name: Any, size: Any, blocks: Any) -> File:
    if not isinstance(name, str) or "\0" in name:
        raise TypeError("a name is a string without zero bytes")
    return File(name, int(size), [int(block) for block in blocks])
