"""Tables of what vectors are of, as Parquet or as JSON lines, written some rows after the other."""

# Tested by tests/unit/cmsearch/store/test_vector_files.py

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, BinaryIO

from cmsearch.common.files import sync
from cmsearch.common.text import json_line
from cmsearch.errors import CmsearchError

COLUMNS = ("image_path", "caption", "file", "locator", "kind", "modality", "array", "row")
_MOST_ROWS = 10_000
_MOST_CHARACTERS = 2**24

Add = Callable[[Sequence[dict[str, Any]]], None]


def check_extra() -> None:
    """Raise `CmsearchError` if the library of the extra `parquet` is not here."""
    if not find_spec("pyarrow"):
        raise CmsearchError(
            "Parquet needs cmsearch[parquet]: pip install 'cmsearch[parquet]'. "
            "Or write JSON lines with --metadata jsonl."
        )


@contextmanager
def writing(file: BinaryIO, form: str) -> Iterator[Add]:
    """What adds rows to a table in a file, which is whole and on the disk after it."""
    with (_parquet if form == "parquet" else _lines)(file) as add:
        yield add
    sync(file)


@contextmanager
def _lines(file: BinaryIO) -> Iterator[Add]:
    yield lambda rows: file.writelines(json_line(row).encode() + b"\n" for row in rows)


@contextmanager
def _parquet(file: BinaryIO) -> Iterator[Add]:
    """Rows are kept until they make a group: so many, or so many characters."""
    import pyarrow as pa
    from pyarrow import parquet

    fields = [(name, pa.int64() if name == "row" else pa.string()) for name in COLUMNS]
    schema = pa.schema(fields)
    kept: list[dict[str, Any]] = []
    characters = 0

    def flush() -> None:
        nonlocal characters
        writer.write_table(pa.Table.from_pylist(kept, schema))
        kept.clear()
        characters = 0

    def add(rows: Sequence[dict[str, Any]]) -> None:
        nonlocal characters
        for row in rows:
            kept.append(row)
            characters += len(row["caption"] or "")
            if len(kept) >= _MOST_ROWS or characters >= _MOST_CHARACTERS:
                flush()

    with parquet.ParquetWriter(file, schema) as writer:
        yield add
        if kept:
            flush()
