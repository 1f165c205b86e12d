"""A database of another program, read and never written, with bounds on what it may cost."""

# Tested by tests/unit/indexer/importing/test_rclip.py

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cmsearch.common.files import open_file
from cmsearch.errors import CmsearchError
from cmsearch.store.catalog import budget
from cmsearch.store.catalog.sqlite_journals import BESIDE

MAGIC = b"SQLite format 3\0"
_LONGEST = 2**22  # bytes of a row
_LOADING = 2.0  # seconds of a thread, in which any schema is read


class Foreign:
    """An SQLite file of another program; close it, or use it in a `with` block.

    It is opened as one that nobody changes, so no journal of it is played back: one beside which a
    journal or a log lies is refused. The work of a statement is bounded by the size of the file.
    Raises `CmsearchError`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with open_file(path):
                pass
            beside = [end for end in BESIDE[:2] if _size(Path(f"{path}{end}"))]
        except OSError as error:
            raise CmsearchError(f"{path} can't be read: {error.strerror}.") from error
        if beside:
            raise CmsearchError(
                f"{path.name}{beside[0]} lies beside {path}, so it is being written, or a run was "
                "interrupted. Let its program run and end, and run the command again."
            )
        name = quote(os.fsencode(path.resolve()))
        self._work = budget.Work(path)
        self._driver = sqlite3.connect(f"file:{name}?mode=ro&immutable=1", uri=True)
        self._driver.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
        self._driver.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
        end = time.thread_time() + _LOADING
        self._driver.set_progress_handler(lambda: time.thread_time() > end, 100)
        try:
            self.rows("PRAGMA trusted_schema = OFF")
            self.rows("SELECT count(*) FROM sqlite_master")
        except CmsearchError:
            self._driver.close()
            raise
        self._driver.set_progress_handler(self._work.look, budget.EACH)

    def __enter__(self) -> Foreign:
        return self

    def __exit__(self, *exc: object) -> None:
        self._driver.close()

    def columns(self, table: str) -> list[str]:
        """The columns of a plain table that hold what was written; none of anything else."""
        query = "SELECT type, upper(substr(sql, 1, 13)) FROM sqlite_master WHERE name = ? LIMIT 2"
        if self.rows(query, table) != [("table", "CREATE TABLE ")]:
            return []
        return [row[1] for row in self.rows(f"PRAGMA table_xinfo({table})") if not row[6]]

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        self._work.begin(is_many=False)
        try:
            return self._driver.execute(query, values).fetchall()
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise CmsearchError(
                f"{self._path} can't be read as a database: {error}. If it isn't damaged, copy it "
                "anew."
            ) from error


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return 0
