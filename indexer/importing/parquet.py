"""Parquet of strangers, through processes that may be lost: `indexer.importing.parquet_worker`."""

# Tested by tests/unit/indexer/importing/test_tables.py

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from cmsearch.common.workers import Answers, LostError, Pool
from cmsearch.errors import CmsearchError
from cmsearch.models.spaces import MAX_DIM
from cmsearch.types import FloatArray
from indexer.importing.rows import PAGE, Records, Table

MAGIC = b"PAR1"
VECTORS = ("vector", "embedding", "embeddings", "emb", "image_embedding", "img_emb")
"""What a column with vectors may be called where there are several."""
_MOST_COLUMNS = 1_000
_pool = Pool("indexer.importing.parquet_worker")


def table(path: Path) -> Table:
    """The texts and whole numbers of a file of Parquet; raises `CmsearchError`."""
    found = _described(path)
    return Table(path, tuple(found["texts"]), found["rows"], lambda names: _records(path, names))


def shape(path: Path) -> tuple[str, int, int]:
    """The name of the column with vectors, how many rows there are, and their dimension.

    Raises `CmsearchError` where there is no such column, or several, or no vector in it.
    """
    found = _described(path)
    lists = found["lists"]
    named = [name for name in VECTORS if name in lists]
    if len(lists) != 1 and not named:
        raise CmsearchError(
            f"{path} has {', '.join(lists[:20]) or 'no column'} with lists of floats. Call the one "
            f"with the vectors {VECTORS[0]}."
        )
    name = named[0] if named else lists[0]
    answers = _answers(path, {"columns": [], "lists": name, "count": PAGE})
    try:
        for head, _ in answers:
            if head["lengths"]:
                return name, found["rows"], min(head["lengths"][0], MAX_DIM + 1)
    finally:
        answers.close()
    raise CmsearchError(f"There is no vector in the column {name} of {path}.")


def vectors(
    path: Path, names: Sequence[str], column: str, dim: int
) -> Iterator[tuple[Records, FloatArray]]:
    """Some columns of texts, and the vectors `(n, dim)` of the same rows; NaN for one that has
    another length. Raises `CmsearchError`.
    """
    wanted = {"columns": list(names), "lists": column, "dim": dim, "count": PAGE}
    for head, content in _answers(path, wanted):
        rows = np.frombuffer(content, np.float32).reshape(head["rows"], dim)
        yield head["records"], rows


def _records(path: Path, names: Sequence[str]) -> Iterator[Records]:
    for head, _ in _answers(path, {"columns": list(names), "count": PAGE}):
        yield head["records"]


def _described(path: Path) -> dict[str, Any]:
    if not find_spec("pyarrow"):
        raise CmsearchError("Parquet needs cmsearch[parquet]: pip install 'cmsearch[parquet]'.")
    found: dict[str, Any] = next(head for head, _ in list(_answers(path, {})))
    if len(found["texts"]) + len(found["lists"]) > _MOST_COLUMNS:
        raise CmsearchError(f"{path} has more columns than a table of vectors has.")
    return found


def _answers(path: Path, request: dict[str, Any]) -> Any:
    """What a process says of a file; raises `CmsearchError`."""
    try:
        yield from _sound(path, _pool.answers({"path": str(path.absolute()), **request}))
    except LostError as error:
        raise CmsearchError(f"{path} can't be read as Parquet: it {_lost(str(error))}.") from error
    except OSError as error:
        raise CmsearchError(f"{path} can't be read: no process can be started for it.") from error


def _sound(path: Path, answers: Answers) -> Answers:
    problem = ""
    for head, content in answers:
        if "error" in head:
            problem = head["error"]
        else:
            yield head, content
    if problem:
        raise CmsearchError(f"{path} can't be read as Parquet: {problem}.")


def _lost(reason: str) -> str:
    return reason if reason.startswith("takes") else f"is {reason or 'damaged'}"
