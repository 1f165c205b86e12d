"""Derived files: the catalog's vectors laid out for searching, checked as they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from cmsearch.common.digest import BLOCK
from cmsearch.common.files import LEFT_OVER
from cmsearch.errors import StoreError
from cmsearch.protocols import Filed, FormerRows, Kept, VectorIndex, VectorRows
from cmsearch.store.index import asset_table, recall, row_table
from cmsearch.store.index.asset_table import AssetTable
from cmsearch.store.index.derived_files import (
    ReadRows,
    check,
    mapped,
    write,
    write_array,
    write_sums,
)
from cmsearch.store.index.manifest import DERIVED, IndexFiles, Manifest, sealed
from cmsearch.store.index.row_table import RowTable
from cmsearch.store.index.rows import CheckedRows, HalfArray, HeldRows, JoinedRows
from cmsearch.types import FloatArray, IdArray, Modality

_AT_ONCE = 32 * BLOCK
"""Bytes of a file of vectors up to which all of it is checked when it is opened."""
_LEAST_BLOCK = 1024
_MOVED = 20
"""The recall is measured anew when one of so many rows came or went."""

Instead = Callable[[str, IdArray], HalfArray]
"""Gives vectors `(n, dim)` by their ids in place of those of a file, named, that is damaged."""


class Content(NamedTuple):
    """What is published of one space and modality.

    `pages` are ids, in order, and vectors, some after the other; `queries` are texts as vectors,
    by which its index is tuned and its recall measured. Of the segments of a publication before
    the first that `stay` go on as they are, and the pages come after them; the index may go on
    from the `former` ones, whose rows are among the pages. `instead` gives what is damaged in
    those that stay, and `described` what rows are of, by their ids.
    """

    dim: int
    pages: Iterable[tuple[IdArray, FloatArray]]
    queries: FloatArray
    former: Sequence[IndexFiles] = ()
    stay: Sequence[IndexFiles] = ()
    instead: Instead | None = None
    described: Callable[[IdArray], RowTable | None] = lambda ids: None


def publish(
    folder: Path,
    manifest: Manifest,
    content: Mapping[tuple[int, Modality], Content],
    index: VectorIndex,
    assets: AssetTable | None = None,
) -> Manifest:
    """Write the files of a snapshot, the manifest last, and delete those that it doesn't name.

    Gives the manifest with its `indexes`, and with the table of `assets` if there is one. `index`
    makes what is kept of vectors, if it keeps any.
    """
    snapshot = manifest.snapshot
    segments = list[IndexFiles]()
    for (space, modality), one in content.items():
        name = f"{space}-{modality}-{snapshot}"
        segments += _publish_index(folder, name, (space, modality), one, index)
    file = write_array(folder / f"assets-{snapshot}.u8", assets.packed() if assets else None)
    manifest = replace(manifest, indexes=segments, assets=file)
    text = sealed(manifest)
    write(folder / f"manifest-{snapshot}.json", lambda file: file.write(text.encode()))
    named = {file.name for file in manifest.files}
    for path in folder.iterdir():
        match = DERIVED.fullmatch(path.name)
        is_older = match and int(match[1]) < snapshot and path.name not in named
        if LEFT_OVER.fullmatch(path.name) or is_older:
            with suppress(OSError):  # a folder, which isn't ours
                path.unlink(missing_ok=True)
    return manifest


def are_whole(folder: Path, manifest: Manifest) -> bool:
    """Whether every file of the snapshot is as it was written."""
    return not any(damages(folder, manifest))


def seem_whole(folder: Path, manifest: Manifest) -> bool:
    """Whether every file is as long as it was written, and every one that isn't large is whole."""
    try:
        for file in manifest.files:
            mapped(folder, file, is_checked=file.size <= _AT_ONCE)
    except StoreError:
        return False
    return True


def damages(folder: Path, manifest: Manifest) -> Iterator[str]:
    """What is wrong with each file of the snapshot that is not as it was written."""
    for file in manifest.files:
        try:
            check(folder, file)
        except StoreError as error:
            yield str(error)


def read_rows(folder: Path, segments: Sequence[IndexFiles]) -> tuple[IdArray, VectorRows]:
    """What `open_rows` gives, of files that aren't mapped: to look at all rows once, in order,
    without having all of them in memory. Raises `StoreError`.
    """
    for one in segments:
        check(folder, one.vectors)
        if one.vectors.size != 2 * one.rows * one.dim:
            raise StoreError(f"{one.vectors.name} isn't as long as its manifest says.")
    ids = np.concatenate([open_ids(folder, one) for one in segments])
    if (np.diff(ids) <= 0).any():
        raise StoreError(f"{segments[-1].ids.name} doesn't have its ids in order.")
    parts = [ReadRows(folder, one.vectors, (one.rows, one.dim)) for one in segments]
    return ids, JoinedRows(parts)


def open_rows(
    folder: Path, segments: Sequence[IndexFiles], instead: Instead | None = None
) -> tuple[IdArray, VectorRows]:
    """Ids `(rows,)`, in order, and the rows under them; raises `StoreError`.

    A large file is checked as it is read, and vectors in it that are damaged are had `instead`.
    Without this all of it is checked at once.
    """
    found = [_open_segment(folder, one, instead) for one in segments]
    if len(found) == 1:
        ids, rows = found[0]
    else:
        ids = np.concatenate([own for own, _ in found])
        rows = JoinedRows([own for _, own in found])
    if (np.diff(ids) <= 0).any():
        raise StoreError(f"{segments[-1].ids.name} doesn't have its ids in order.")
    return ids, rows


def _open_segment(
    folder: Path, files: IndexFiles, instead: Instead | None
) -> tuple[IdArray, VectorRows]:
    ids = open_ids(folder, files)
    file, dim = files.vectors, files.dim
    block, sums = _sums(folder, files)
    is_small = instead is None or file.size <= _AT_ONCE or 2 * dim > block
    data = mapped(folder, file, is_checked=is_small)
    if len(data) != 2 * files.rows * dim:
        raise StoreError(f"{file.name} isn't as long as its manifest says.")
    if is_small or instead is None:
        return ids, HeldRows(data.view("<f2").reshape(files.rows, dim))
    known = instead
    return ids, CheckedRows(
        data, dim, (block, sums), lambda numbers: known(file.name, ids[numbers])
    )


def _sums(folder: Path, files: IndexFiles) -> tuple[int, IdArray]:
    """The bytes of a block of vectors, and the checksum of each: of small ones, where known."""
    file, block = files.vectors, _small_block(files.dim)
    with suppress(StoreError):
        if files.sums is not None:
            sums = mapped(folder, files.sums)
            if len(sums) == 4 * -(-file.size // block):
                return block, sums.view("<u4")
    return file.block, np.array(file.blocks)


def _small_block(dim: int) -> int:
    """Bytes of a block, of which a row is in two at most."""
    return max(_LEAST_BLOCK, 1 << (2 * dim - 1).bit_length())


def open_index(
    folder: Path,
    segments: Sequence[IndexFiles],
    dim: int,
    empty: VectorIndex,
    instead: Instead | None = None,
) -> VectorIndex:
    """The index of segments, with vectors of dimension `dim`, made from an `empty` one.

    Raises `StoreError` where they aren't what was written. For `instead` see `open_rows`.
    """
    for one in segments:
        if one.dim != dim:
            raise StoreError(f"{one.ids.name} isn't of the shape that its manifest says.")
    ids, rows = open_rows(folder, segments, instead)
    if not isinstance(empty, Filed):
        vectors = rows.between(0, len(ids)).astype(np.float32)
        return empty.changed((ids, vectors), np.empty(0, np.int64))
    kept = [open_kept(folder, one) for one in segments if one.kept is not None]
    try:
        return empty.opened(ids, rows, kept)
    except ValueError as error:
        name = (segments[-1].kept or segments[-1].ids).name
        raise StoreError(f"{name} is not an index of these vectors: {error}.") from error


def _publish_index(
    folder: Path,
    name: str,
    of: tuple[int, Modality],
    content: Content,
    index: VectorIndex,
) -> list[IndexFiles]:
    """The segments of a space and modality, the last of which is new if there are pages."""
    pages = (page for page in content.pages if len(page[0]))
    begin = list(islice(pages, 1))
    if content.stay and not begin:
        return _measured(folder, [*content.stay], content, index)
    numbers, tables = [np.empty(0, "<i8")], list[RowTable | None]()

    def fill(file: BinaryIO) -> None:
        for ids, rows in chain(begin, pages):
            file.write(rows.astype("<f2").data)
            numbers.append(ids.astype("<i8"))
            tables.append(content.described(ids))

    vectors = write(folder / f"vectors-{name}.f16", fill)
    ids = np.concatenate(numbers)
    own = write(folder / f"ids-{name}.i64", lambda file: file.write(ids.data))
    files = IndexFiles(*of, len(ids), content.dim, vectors, own, None, {})
    if vectors.size > _AT_ONCE:
        place, block = folder / vectors.name, _small_block(content.dim)
        files = replace(files, sums=write_sums(folder / f"sums-{name}.u4", place, block))
    known = [one for one in tables if one is not None]
    if known and len(known) == len(tables):
        table = row_table.joined(known)
        file = write_array(folder / f"rows-{name}.u8", table.packed())
        files = replace(files, table=file, kinds=list(table.names))
    if isinstance(index, Filed) and len(ids):
        _, rows = open_rows(folder, [files])
        kept = index.built(rows, content.queries[::2], _former(folder, content, ids))
        files = replace(files, kept=write_array(folder / f"kept-{name}.u8", kept))
    return _measured(folder, [*content.stay, files], content, index)


def _former(folder: Path, content: Content, ids: IdArray) -> FormerRows | None:
    """What an index kept before of the rows that have these ids now, and of those that stay."""
    parts = (*content.former, *content.stay[:1])
    if not parts or not all(one.kept for one in parts):
        return None
    try:
        kept = [open_kept(folder, one) for one in content.former]
        first = open_kept(folder, content.stay[0]) if content.stay else None
        old = [np.empty(0, np.int64), *(open_ids(folder, one) for one in content.former)]
    except StoreError:
        return None
    known = np.concatenate(old)
    if not len(known):
        return FormerRows(kept, np.full(len(ids), -1), first)
    places = np.searchsorted(known, ids).clip(max=len(known) - 1)
    return FormerRows(kept, np.where(known[places] == ids, places, -1), first)


def open_kept(folder: Path, files: IndexFiles) -> Kept:
    """What an index kept of a segment, if it kept something; raises `StoreError`."""
    assert files.kept is not None
    return Kept(mapped(folder, files.kept), files.rows)


def open_table(folder: Path, segments: Sequence[IndexFiles]) -> tuple[IdArray, RowTable] | None:
    """Ids `(rows,)`, in order, and what the rows are of; None for those of an older cmsearch.

    Raises `StoreError`. The ids are those that were checked when the rows were opened.
    """
    parts = []
    for one in segments:
        if one.table is None:
            return None
        data = mapped(folder, one.table)
        try:
            parts.append(row_table.unpacked(data, one.rows, one.kinds))
        except ValueError as error:
            raise StoreError(f"{one.table.name} is not a table of rows: {error}.") from error
    ids = [open_ids(folder, one, is_checked=False) for one in segments]
    return (ids[0] if len(ids) == 1 else np.concatenate(ids)), row_table.joined(parts)


def open_assets(folder: Path, manifest: Manifest) -> AssetTable | None:
    """The table of assets, if there is one; raises `StoreError`."""
    if manifest.assets is None:
        return None
    try:
        return asset_table.unpacked(mapped(folder, manifest.assets))
    except ValueError as error:
        raise StoreError(f"{manifest.assets.name} is not a table of assets: {error}.") from error


def open_ids(folder: Path, files: IndexFiles, *, is_checked: bool = True) -> IdArray:
    """The ids of the rows of a segment, in order; raises `StoreError`."""
    data = mapped(folder, files.ids, is_checked=is_checked)
    if len(data) != 8 * files.rows:
        raise StoreError(f"{files.ids.name} isn't of the shape that its manifest says.")
    return data.view("<i8")


def _measured(
    folder: Path, segments: list[IndexFiles], content: Content, index: VectorIndex
) -> list[IndexFiles]:
    """The segments, of which the first says the recall of all.

    It is that of half of the queries, by which the index wasn't tuned; that of before among much
    the same rows.
    """
    first, *others = segments
    if first.kept is None:
        return segments
    rows = sum(one.rows for one in segments)
    before = next((one.recall for one in (*content.stay, *content.former) if one.recall), None)
    if not before or abs(before.get("rows", 0) - rows) > rows // _MOVED:
        ids, vectors = open_rows(folder, segments, content.instead)
        opened = open_index(folder, segments, first.dim, index, content.instead)
        before = recall.measured(opened, ids, vectors, content.queries[1::2])
    return [replace(first, recall=before), *others]
