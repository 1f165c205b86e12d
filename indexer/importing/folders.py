"""Sources that are NumPy's arrays with tables of paths: those of clip-retrieval, and plain ones."""

# Tested by tests/unit/indexer/importing/test_sources.py

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from cmsearch.errors import CmsearchError
from cmsearch.types import Modality
from indexer.importing.arrays import opened
from indexer.importing.rows import PAGE, Page, Records, Row, Source, Table
from indexer.importing.tables import SUFFIXES, open_table

METADATA = "metadata"
ARRAYS = {Modality.IMAGE: "img_emb", Modality.TEXT: "text_emb"}
"""How clip-retrieval calls the vectors of pictures and of their captions."""
NO_PICTURE = "has no picture"


class _Partition(NamedTuple):
    """An array of clip-retrieval, and the table that has a row for each of its own."""

    modality: Modality
    array: Path
    table: Table


def of_clip_retrieval(folder: Path, wanted: Sequence[Modality]) -> Source:
    """What `clip-retrieval inference` wrote: arrays in `img_emb` and `text_emb`, each with the
    table of the same number in `metadata`. Raises `CmsearchError`.
    """
    tables = {_number(path): path for path in _listed(folder / METADATA)}
    found = []
    for modality, name in ARRAYS.items():
        for path in _listed(folder / name) if not wanted or modality in wanted else []:
            table = tables.get(_number(path))
            if table is None:
                raise CmsearchError(f"{path} has no table of its number in {folder / METADATA}.")
            found.append(_Partition(modality, path, open_table(table)))
    if not found:
        raise CmsearchError(f"There are no vectors in {folder} to import.")
    rows, dim = _measured([(one.array, one.table) for one in found])
    return Source(
        "a folder of clip-retrieval",
        rows,
        dim,
        lambda: chain.from_iterable(map(_of_partition, found)),
    )


def _of_partition(own: _Partition) -> Iterator[Page]:
    columns = ("image_path",) if own.modality is Modality.IMAGE else ("image_path", "caption")
    for records, page in _paired(own.array, own.table, columns):
        paths = records["image_path"]
        if own.modality is Modality.IMAGE:
            yield page._replace(rows=[_photo(path) for path in paths])
        else:
            pairs = zip(paths, records["caption"], strict=True)
            yield page._replace(rows=[_caption(path, text) for path, text in pairs])


def of_arrays(array: Path, table: Path) -> Source:
    """An array, and a table or a list of the pictures that its rows are of. Raises
    `CmsearchError`.
    """
    paths = open_table(table)
    column = paths.paths()
    rows, dim = _measured([(array, paths)])

    def pages() -> Iterator[Page]:
        for records, page in _paired(array, paths, (column,)):
            yield page._replace(rows=[_photo(path) for path in records[column]])

    return Source("an array with paths", rows, dim, pages)


def table_beside(array: Path) -> Path:
    """The table of an array: of its name, or called `paths`. Raises `CmsearchError`."""
    for stem in (array.stem, "paths"):
        for suffix in SUFFIXES:
            if (found := array.with_name(stem + suffix)).is_file():
                return found
    raise CmsearchError(
        f"Beside {array} there is no table of what its rows are of. Put one there: paths.txt with "
        "a path a line, paths.jsonl or paths.parquet."
    )


def _measured(pairs: Sequence[tuple[Path, Table]]) -> tuple[int, int]:
    """How many rows all arrays have, and their dimension; raises `CmsearchError` where they
    differ in it, or from their tables.
    """
    total, dims = 0, dict[int, Path]()
    for path, table in pairs:
        with opened(path) as array:
            if array.rows != table.rows:
                raise CmsearchError(
                    f"{path} has {array.rows} rows and {table.path} {table.rows}: one of them is "
                    "not of the other."
                )
            total += array.rows
            dims.setdefault(array.dim, path)
    if len(dims) > 1:
        one, other = list(dims.items())[:2]
        raise CmsearchError(
            f"{one[1]} has {one[0]} dimensions and {other[1]} {other[0]}: they are of two models. "
            "Import the pictures alone with --for image."
        )
    return total, next(iter(dims))


def _paired(path: Path, table: Table, columns: Sequence[str]) -> Iterator[tuple[Records, Page]]:
    """Rows of a table, with a page that has their vectors and says not yet what these are of."""
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise CmsearchError(f"{table.path} has no column {missing[0]}.")
    with ExitStack() as stack:
        array = stack.enter_context(opened(path))
        start = 0
        for records in table.read(columns):
            count = min(len(records[columns[0]]), array.rows - start)
            for begin in range(0, count, PAGE):
                end = min(begin + PAGE, count)
                some = {name: values[begin:end] for name, values in records.items()}
                yield some, Page([], array.at(start + begin, end - begin))
            start += count


def _photo(path: object) -> Row:
    return Row(path) if isinstance(path, str) else Row("", problem=NO_PICTURE)


def _caption(path: object, text: object) -> Row:
    """A caption of clip-retrieval, which it read in the file of the picture's name with `.txt`."""
    if not isinstance(path, str):
        return Row("", problem=NO_PICTURE)
    if not isinstance(text, str):
        return Row(path, problem="has no caption")
    beside = f"{path.removesuffix(PurePosixPath(path).suffix)}.txt"
    return Row(beside, "caption", "1", text.strip(), path)


def _listed(folder: Path) -> list[Path]:
    """The arrays or tables of a folder, in the order of their numbers."""
    if not folder.is_dir():
        return []
    try:
        found = [path for path in folder.iterdir() if path.suffix in (".npy", *SUFFIXES)]
    except OSError as error:
        raise CmsearchError(f"{folder} can't be read: {error.strerror}.") from error
    return sorted(found, key=lambda path: (_number(path), path.name))


def _number(path: Path) -> int:
    """The number at the end of a name, as clip-retrieval counts partitions; -1 without one."""
    found = re.search(r"_(\d{1,9})$", path.stem, re.ASCII)
    return int(found[1]) if found else -1
