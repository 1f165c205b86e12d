"""Telling what a source of vectors is, by what it holds."""

# Tested by tests/unit/indexer/importing/test_sources.py

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from cmsearch.errors import CmsearchError, QueryError
from cmsearch.store.catalog import sqlite_foreign
from cmsearch.types import Modality
from indexer.importing import arrays, exports, folders, parquet, rclip
from indexer.importing.rows import Page, Row, Source
from indexer.importing.tables import reading

MODALITIES = (Modality.IMAGE, Modality.TEXT, Modality.SPEECH, Modality.VIDEO)
"""What can be imported alone."""
_VECTORS = "vectors.npy"
_KINDS = (
    "It is to be the output folder of clip-retrieval, a folder that `cmsearch export` wrote, "
    "rclip's db.sqlite3, an array (vectors.npy) beside paths.txt, paths.jsonl or paths.parquet, or "
    "a file of Parquet with paths and vectors."
)


def open_source(path: Path, wanted: Sequence[Modality] = ()) -> Source:
    """A source of vectors, of some modalities or of all. Raises `CmsearchError`."""
    try:
        if not os.path.lexists(path):
            raise QueryError(f"There is no {path}.")
        source = _of_folder(path, wanted) if path.is_dir() else _of_file(path, wanted)
    except (OSError, ValueError) as error:  # a name that is none
        reason = getattr(error, "strerror", None) or error
        raise CmsearchError(f"{path} can't be looked at: {reason}.") from error
    if source is None:
        raise CmsearchError(f"What is in {path} can't be imported. {_KINDS}")
    return source


def _of_folder(path: Path, wanted: Sequence[Modality]) -> Source | None:
    if (path / exports.DESCRIPTION).is_file():
        return exports.of_export(path, wanted)
    if any((path / name).is_dir() for name in folders.ARRAYS.values()):
        return folders.of_clip_retrieval(path, wanted)
    for name in (_VECTORS, rclip.NAME):
        if (path / name).is_file():
            return _of_file(path / name, wanted)
    return None


def _of_file(path: Path, wanted: Sequence[Modality]) -> Source | None:
    with reading(path) as file:
        head = file.read(16)
    if wanted and Modality.IMAGE not in wanted:
        raise CmsearchError(f"There are vectors of pictures alone in {path}.")
    if head == sqlite_foreign.MAGIC:
        return rclip.of_rclip(path)
    if head.startswith(arrays.MAGIC):
        return folders.of_arrays(path, folders.table_beside(path))
    if head.startswith(parquet.MAGIC):
        return _of_parquet(path)
    return None


def _of_parquet(path: Path) -> Source:
    """One file with a column of paths and one of vectors."""
    column = parquet.table(path).paths()
    name, rows, dim = parquet.shape(path)

    def pages() -> Iterator[Page]:
        for records, vectors in parquet.vectors(path, [column], name, dim):
            paths = records[column]
            found = [Row(one) if isinstance(one, str) else _no_picture for one in paths]
            yield Page(found, vectors)

    return Source("a table with vectors", rows, dim, pages)


_no_picture = Row("", problem=folders.NO_PICTURE)
