"""The process that reads Parquet for its parent, and may be lost: a crafted file breaks libraries.

Of a request without `columns` it answers what the file has. Else it answers some rows after the
other: their texts and whole numbers in the head, and their vectors as float32 in the content.
"""

# Tested by tests/unit/indexer/importing/test_tables.py

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cmsearch.common.files import open_file
from cmsearch.common.working import Answer, Watch, serve

MEMORY = 3 * 2**30
"""Bytes that it may use; libraries alone reserve a third of a GiB."""
MAX_TEXT = 130_000
"""Bytes of a text that is read: the longest that an index keeps has 30,000 characters."""
SECONDS = 60.0
"""Reading a page may take as long."""
_AT_ONCE = 2**22  # characters of the texts of an answer
_PER_BYTE = 16
ALWAYS = 2**24
"""Values of a column at most: so many, and 16 more for each byte of the file."""


def main() -> None:
    """Answer requests until there are no more."""
    os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "system"
    serve(_answered, memory=MEMORY)


def _answered(request: dict[str, Any], watch: Watch, answer: Answer) -> None:
    import pyarrow as pa

    try:
        with open_file(Path(request["path"])) as raw, watch.within(SECONDS):
            pages = _pages(raw, request) if "columns" in request else [(_description(raw), b"")]
            for head, content in pages:
                with watch.within(SECONDS):  # of writing it, for which the parent is waited for
                    answer(head, content)
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, MemoryError) as error:
        reason = getattr(error, "strerror", None) or str(error).split("\n")[0][:200].rstrip(".")
        answer({"error": reason or type(error).__name__}, b"")


def _description(raw: Any) -> dict[str, Any]:
    """How many rows there are, and the columns that hold texts, whole numbers and vectors."""
    import pyarrow as pa
    from pyarrow import parquet

    file = parquet.ParquetFile(raw)
    fields = list(file.schema_arrow)
    texts = [one.name for one in fields if pa.types.is_integer(one.type) or _is_text(one.type)]
    lists = [one.name for one in fields if _is_vector(one.type)]
    return {"rows": file.metadata.num_rows, "texts": texts, "lists": lists}


def _pages(raw: Any, request: dict[str, Any]) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Some rows after the other, so that neither process holds many."""
    names, lists, dim = request["columns"], request.get("lists"), int(request.get("dim", 0))
    for batch in _batches(raw, [*names, *([lists] if lists else [])], request["count"]):
        records = {name: _values(batch.column(name)) for name in names}
        if lists and not dim:
            yield (
                {"lengths": [one for one in _lengths(batch.column(lists)).tolist() if one > 0]},
                b"",
            )
            continue
        content = _vectors(batch.column(lists), dim) if lists else b""
        width = 4 * dim if lists else 0
        for start, end in _pieces(list(records.values()), batch.num_rows):
            some = {name: values[start:end] for name, values in records.items()}
            yield {"rows": end - start, "records": some}, content[start * width : end * width]


def _batches(raw: Any, columns: Sequence[str], count: int) -> Iterator[Any]:
    from pyarrow import parquet

    size = os.fstat(raw.fileno()).st_size
    file = parquet.ParquetFile(raw)
    _check(file.metadata, columns, size)
    texts = [one.name for one in file.schema_arrow if _is_text(one.type)]
    raw.seek(0)
    # A text that stands in many rows stays one; what isn't asked for yet isn't read.
    file = parquet.ParquetFile(raw, read_dictionary=texts, pre_buffer=False, buffer_size=2**20)
    yield from file.iter_batches(count, columns=list(columns), use_threads=False)


def _check(metadata: Any, columns: Sequence[str], size: int) -> None:
    """Raise `ValueError` for columns of far more values than their file has bytes for."""
    for group in range(metadata.num_row_groups):
        for number in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(number)
            is_read = chunk.path_in_schema.partition(".")[0] in columns
            if is_read and chunk.num_values > ALWAYS + _PER_BYTE * size:
                raise ValueError(
                    f"it says that it has {chunk.num_values} values in {size} bytes, which no "
                    "table of vectors has"
                )


def _values(column: Any) -> list[Any]:
    """Texts and numbers; None for a text that is too long, of which there may be a page full."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_dictionary(column.type):
        return list(column.to_pylist())
    known = column.dictionary
    short = pc.less_equal(pc.binary_length(known), MAX_TEXT)
    texts = pc.if_else(short, known, pa.scalar(None, known.type)).to_pylist()
    return [None if place is None else texts[place] for place in column.indices.to_pylist()]


def _pieces(columns: Sequence[Sequence[Any]], rows: int) -> Iterator[tuple[int, int]]:
    """Where to cut rows, so that their texts are never many at once."""
    start = length = 0
    for row in range(rows):
        own = sum(len(column[row]) for column in columns if isinstance(column[row], str))
        if length + own > _AT_ONCE and row > start:
            yield start, row
            start, length = row, 0
        length += own
    if rows > start:
        yield start, rows


def _vectors(lists: Any, dim: int) -> bytes:
    """The vectors of rows as float32; NaN for one of another length."""
    import numpy as np
    import pyarrow as pa

    is_whole = _lengths(lists) == dim
    values = lists.filter(pa.array(is_whole)).flatten().to_numpy(zero_copy_only=False)
    found = np.full((len(lists), dim), np.nan, np.float32)
    with np.errstate(over="ignore"):
        found[is_whole] = values.astype(np.float32).reshape(-1, dim)
    return found.tobytes()


def _lengths(lists: Any) -> Any:
    import pyarrow.compute as pc

    return pc.list_value_length(lists).fill_null(-1).to_numpy(zero_copy_only=False)


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_vector(kind: Any) -> bool:
    import pyarrow as pa

    types = pa.types
    is_list = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    return is_list and bool(types.is_floating(kind.value_type))
