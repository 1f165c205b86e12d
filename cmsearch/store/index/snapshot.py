"""Derived files: the catalog's vectors laid out for searching, checked as they are read."""

from __future__ import annotations

import mmap
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cmsearch.common.digest import BLOCK, block_checksums
from cmsearch.common.files import LEFT_OVER, open_file, replacing
from cmsearch.errors import StoreError
from cmsearch.protocols import Filed, FormerRows, VectorIndex, VectorRows
from cmsearch.store.index import recall
from cmsearch.store.index.manifest import DERIVED, SMALL_BLOCK, File, IndexFiles, Manifest, sealed
from cmsearch.store.index.rows import CheckedRows, HalfArray, HeldRows
from cmsearch.types import FloatArray, IdArray, Modality

_AT_ONCE = 32 * BLOCK
"""Bytes of a file of vectors up to which all of it is checked when it is opened."""
_MOVED = 20
"""The recall is measured anew when one of so many rows came or went."""

Instead = Callable[[str, IdArray], HalfArray]
"""Gives vectors `(n, dim)` by their ids in place of those of a file, named, that is damaged."""


class Content(NamedTuple):
    """What is published of one space and modality.

    `pages` are ids, in order, and vectors, some after the other; `queries` are texts as vectors,
    by which its index is tuned and its recall measured; `former` are the files of a publication
    before, if the index may go on from them.
    """

    dim: int
    pages: Iterable[tuple[IdArray, FloatArray]]
    queries: FloatArray
    former: IndexFiles | None = None


def publish(
    folder: Path,
    manifest: Manifest,
    content: Mapping[tuple[int, Modality], Content],
    index: VectorIndex,
) -> Manifest:
    """Write the files of a snapshot, the manifest last, and delete those of older ones.

    Gives the manifest with its `indexes`. `index` makes what is kept of vectors, if it keeps any.
    """
    snapshot = manifest.snapshot
    files = [
        _publish_index(folder, f"{space}-{modality}-{snapshot}", (space, modality), one, index)
        for (space, modality), one in content.items()
    ]
    manifest = replace(manifest, indexes=files)
    text = sealed(manifest)
    _write(folder / f"manifest-{snapshot}.json", lambda file: file.write(text.encode()))
    for path in folder.iterdir():
        match = DERIVED.fullmatch(path.name)
        if LEFT_OVER.fullmatch(path.name) or (match and int(match[1]) < snapshot):
            with suppress(OSError):  # a folder, which isn't ours
                path.unlink(missing_ok=True)
    return manifest


def are_whole(folder: Path, manifest: Manifest) -> bool:
    """Whether every file of the snapshot is as it was written."""
    return not any(damages(folder, manifest))


def seem_whole(folder: Path, manifest: Manifest) -> bool:
    """Whether every file is as long as it was written, and every one that isn't large is whole."""
    try:
        for index in manifest.indexes:
            for file in index.files:
                _mapped(folder, file, is_checked=file.size <= _AT_ONCE)
    except StoreError:
        return False
    return True


def damages(folder: Path, manifest: Manifest) -> Iterator[str]:
    """What is wrong with each file of the snapshot that is not as it was written."""
    for index in manifest.indexes:
        for file in index.files:
            try:
                _mapped(folder, file)
            except StoreError as error:
                yield str(error)


def open_rows(
    folder: Path, files: IndexFiles, instead: Instead | None = None
) -> tuple[IdArray, VectorRows]:
    """Ids `(rows,)`, in order, and the rows under them; raises `StoreError`.

    A large file is checked as it is read, and vectors in it that are damaged are had `instead`.
    Without this all of it is checked at once.
    """
    ids = _ids(folder, files)
    if (np.diff(ids) <= 0).any():
        raise StoreError(f"{files.ids.name} doesn't have its ids in order.")
    file, dim = files.vectors, files.dim
    is_small = instead is None or file.size <= _AT_ONCE or 2 * dim > file.block
    data = _mapped(folder, file, is_checked=is_small)
    if len(data) != 2 * files.rows * dim:
        raise StoreError(f"{file.name} isn't as long as its manifest says.")
    if is_small or instead is None:
        return ids, HeldRows(data.view("<f2").reshape(files.rows, dim))
    known = instead
    return ids, CheckedRows(
        data, dim, (file.block, file.blocks), lambda numbers: known(file.name, ids[numbers])
    )


def open_index(
    folder: Path, files: IndexFiles, dim: int, empty: VectorIndex, instead: Instead | None = None
) -> VectorIndex:
    """The index of files, with vectors of dimension `dim`, made from an `empty` one.

    Raises `StoreError` where they aren't what was written. For `instead` see `open_rows`.
    """
    if files.dim != dim:
        raise StoreError(f"{files.ids.name} isn't of the shape that its manifest says.")
    ids, rows = open_rows(folder, files, instead)
    if not isinstance(empty, Filed):
        vectors = rows.between(0, files.rows).astype(np.float32)
        return empty.changed((ids, vectors), np.empty(0, np.int64))
    kept = None if files.kept is None else _mapped(folder, files.kept)
    try:
        return empty.opened(ids, rows, kept)
    except ValueError as error:
        name = (files.kept or files.ids).name
        raise StoreError(f"{name} is not an index of these vectors: {error}.") from error


def _publish_index(
    folder: Path,
    name: str,
    of: tuple[int, Modality],
    content: Content,
    index: VectorIndex,
) -> IndexFiles:
    numbers = [np.empty(0, "<i8")]

    def fill(file: BinaryIO) -> None:
        for ids, rows in content.pages:
            file.write(rows.astype("<f2").data)
            numbers.append(ids.astype("<i8"))

    block = SMALL_BLOCK if 2 * content.dim <= SMALL_BLOCK else BLOCK
    vectors = _write(folder / f"vectors-{name}.f16", fill, block)
    ids = np.concatenate(numbers)
    own = _write(folder / f"ids-{name}.i64", lambda file: file.write(ids.data))
    files = IndexFiles(*of, len(ids), content.dim, vectors, own, None, {})
    if not isinstance(index, Filed) or not len(ids):
        return files
    _, rows = open_rows(folder, files)
    kept = index.built(rows, content.queries[::2], _former(folder, content.former, ids))
    if kept is None:
        return files
    file = _write(folder / f"kept-{name}.u8", lambda file: file.write(kept.data))
    files = replace(files, kept=file)
    return replace(files, recall=_recall(folder, files, content, index))


def _former(folder: Path, former: IndexFiles | None, ids: IdArray) -> FormerRows | None:
    """What an index kept before of the rows that have these ids now."""
    if former is None or former.kept is None:
        return None
    try:
        kept, old = _mapped(folder, former.kept), _ids(folder, former)
    except StoreError:
        return None
    places = np.searchsorted(old, ids).clip(max=len(old) - 1)
    return FormerRows(kept, len(old), np.where(old[places] == ids, places, -1))


def _ids(folder: Path, files: IndexFiles) -> IdArray:
    data = _mapped(folder, files.ids)
    if len(data) != 8 * files.rows:
        raise StoreError(f"{files.ids.name} isn't of the shape that its manifest says.")
    return data.view("<i8")


def _recall(
    folder: Path, files: IndexFiles, content: Content, index: VectorIndex
) -> dict[str, float]:
    """That of half of the queries, by which the index wasn't tuned; that of before among much the
    same rows.
    """
    before = content.former.recall if content.former else None
    if before and abs(before.get("rows", 0) - files.rows) <= files.rows // _MOVED:
        return before
    opened = open_index(folder, files, files.dim, index)
    return recall.measured(opened, *open_rows(folder, files), content.queries[1::2])


def _write(path: Path, fill: Callable[[BinaryIO], Any], block: int = BLOCK) -> File:
    """Write beside, sync and rename; raises `StoreError` where that can't be done."""
    try:
        with replacing(path) as file:
            fill(file)
            file.flush()
            file.seek(0)
            blocks = block_checksums(file, block)
    except OSError as error:
        raise StoreError(
            f"{path} can't be written: {error.strerror}. What was indexed is kept and can be "
            "searched; mend that and run the command again."
        ) from error
    return File(path.name, path.stat().st_size, blocks, block)


def _mapped(folder: Path, file: File, *, is_checked: bool = True) -> NDArray[np.uint8]:
    """A file, whose pages are read when they are looked at; raises `StoreError`.

    It is as long as it was written, and where it `is_checked` as it was.
    """
    if Path(file.name).name != file.name:
        raise StoreError(f"The manifest names a file outside the store: {file.name!r}.")
    try:
        with open_file(folder / file.name, follow=False) as opened:
            size = os.fstat(opened.fileno()).st_size
            whole = size == file.size
            data = np.empty(0, np.uint8)
            if whole and size:
                pages = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_COPY)  # FAISS asks for it
                data = np.frombuffer(pages, np.uint8)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StoreError(f"{file.name} can't be read: {reason}.") from error
    if not whole or (is_checked and _checksums(data, file.block) != file.blocks):
        raise StoreError(f"{file.name} is not as it was written.")
    return data


def _checksums(data: NDArray[np.uint8], block: int) -> list[int]:
    return [zlib.crc32(data[start : start + block].data) for start in range(0, len(data), block)]
