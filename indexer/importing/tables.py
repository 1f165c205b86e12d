"""Tables with paths, a page of rows after the other: Parquet, JSON lines, or a path a line."""

# Tested by tests/unit/indexer/importing/test_tables.py

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cmsearch.common.files import open_file
from cmsearch.errors import CmsearchError
from indexer.importing import parquet
from indexer.importing.rows import PAGE, Records, Table

SUFFIXES = (".parquet", ".jsonl", ".txt")
"""How the names of tables end, those that are looked for first at the beginning."""
MAX_LINE = 2**20
"""Bytes of a line of JSON."""


def open_table(path: Path) -> Table:
    """A table, by the end of its name. Raises `CmsearchError` for what isn't one."""
    if path.suffix.lower() == ".parquet":
        return parquet.table(path)
    with reading(path) as file:
        count, columns = 0, dict[str, None]()
        for number, line in enumerate(_lines(file)):
            count += 1
            if number < PAGE and path.suffix.lower() == ".jsonl":
                columns |= dict.fromkeys(_record(line))
    if path.suffix.lower() != ".jsonl":
        columns = {"path": None}
    return Table(path, tuple(columns), count, lambda names: _pages(path, names))


@contextmanager
def reading(path: Path) -> Iterator[Any]:
    """A file that is read within; raises `CmsearchError` where it can't be."""
    try:
        with open_file(path) as file:
            yield file
    except OSError as error:
        reason = error.strerror or str(error)
        raise CmsearchError(f"{path} can't be read: {reason.rstrip('.')}.") from error


def _pages(path: Path, names: Sequence[str]) -> Iterator[Records]:
    is_json = path.suffix.lower() == ".jsonl"
    with reading(path) as file:
        page: dict[str, list[Any]] = {name: [] for name in names}
        count = 0
        for line in _lines(file):
            record = _record(line) if is_json else {"path": os.fsdecode(line)}
            for name in names:
                value = record.get(name)
                page[name].append(value if isinstance(value, (str, int)) else None)
            count += 1
            if count == PAGE:
                yield page
                page, count = {name: [] for name in names}, 0
        if count:
            yield page


def _lines(file: Any) -> Iterator[bytes]:
    """The lines of a file without their ends; one that is too long is empty."""
    while line := file.readline(MAX_LINE):
        is_long = len(line) == MAX_LINE and not line.endswith(b"\n")
        while is_long and (rest := file.readline(MAX_LINE)) and not rest.endswith(b"\n"):
            pass
        yield b"" if is_long else line.rstrip(b"\r\n")


def _record(line: bytes) -> dict[str, Any]:
    """What a line of JSON says: an object, or the path alone; nothing where it is neither."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    if isinstance(value, str):
        return {"path": value}
    return value if isinstance(value, dict) else {}
