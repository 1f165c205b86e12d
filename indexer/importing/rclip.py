"""The database of rclip (https://github.com/yurijmikhalevich/rclip): one for all of its folders."""

# Tested by tests/unit/indexer/importing/test_rclip.py

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from cmsearch.errors import CmsearchError
from cmsearch.models.spaces import MAX_DIM
from cmsearch.store.catalog.sqlite_foreign import Foreign
from indexer.importing.rows import PAGE, Page, Row, Source

NAME = "db.sqlite3"
MODELS = (
    (3, "open_clip:ViT-B-32-256/datacomp_s34b_b86k"),
    (1, "open_clip:ViT-B-32-quickgelu/openai"),
)
"""The model of each version of the database, from that number on."""
_NEWEST = 3
_TABLE = "images"
_COLUMNS = ("id", "deleted", "filepath", "modified_at", "size", "vector")
_LONGEST = 10_000
_FLOAT = 4
# One row longer than it can be is passed over unread; nothing of it gets into memory.
_ROWS = f"""
    SELECT id, CASE WHEN typeof(filepath) = 'text' AND length(filepath) <= {_LONGEST}
        THEN filepath END, modified_at, size,
        CASE WHEN typeof(vector) = 'blob' AND length(vector) <= {_FLOAT * MAX_DIM}
        THEN vector END
    FROM images WHERE deleted IS NULL AND id > ? ORDER BY id LIMIT {PAGE}"""

_USUAL = f"""
    SELECT length(vector) FROM images WHERE deleted IS NULL AND typeof(vector) = 'blob'
        AND length(vector) BETWEEN 1 AND {_FLOAT * MAX_DIM}
    GROUP BY length(vector) ORDER BY count(*) DESC LIMIT 1"""


def of_rclip(path: Path) -> Source:
    """The pictures that rclip knows and didn't find deleted. Raises `CmsearchError`."""
    with Foreign(path) as database:
        missing = set(_COLUMNS) - set(database.columns(_TABLE))
        if missing:
            raise CmsearchError(f"{path} is no database of rclip: it has no table of its images.")
        version = 1
        if "version" in database.columns("db_version"):
            version = _number(database.rows("SELECT version FROM db_version LIMIT 1")) or 1
        if version > _NEWEST:
            raise CmsearchError(f"{path} is of a newer rclip, whose model isn't known here.")
        rows = _number(database.rows("SELECT count(*) FROM images WHERE deleted IS NULL"))
        dim = _dim(path, database)
    model = next(name for first, name in MODELS if version >= first)
    pages = partial(_pages, path, dim)
    return Source("a database of rclip", rows, dim, pages, model, is_of_many=True)


def _dim(path: Path, database: Foreign) -> int:
    length = _number(database.rows(_USUAL))
    if length % _FLOAT or not length:
        raise CmsearchError(f"There are no vectors in {path} to import.")
    return length // _FLOAT


def _pages(path: Path, dim: int) -> Iterator[Page]:
    with Foreign(path) as database:
        after = -(2**63)
        while rows := database.rows(_ROWS, after):
            if not all(isinstance(row[0], int) for row in rows) or rows[-1][0] <= after:
                raise CmsearchError(f"{path} is damaged: its rows are out of order.")
            after = rows[-1][0]
            vectors = np.full((len(rows), dim), np.nan, np.float32)
            for number, row in enumerate(rows):
                if isinstance(row[4], bytes) and len(row[4]) == _FLOAT * dim:
                    vectors[number] = np.frombuffer(row[4], "<f4")
            yield Page([_row(row) for row in rows], vectors)


def _row(row: tuple[Any, ...]) -> Row:
    if not isinstance(row[1], str):
        return Row("", problem="has no path")
    modified = float(row[2]) if isinstance(row[2], (int, float)) else None
    return Row(row[1], size=row[3] if isinstance(row[3], int) else None, modified=modified)


def _number(rows: list[tuple[Any, ...]]) -> int:
    return rows[0][0] if rows and isinstance(rows[0][0], int) else 0
