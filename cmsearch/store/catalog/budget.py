"""A bound on the work of one statement: of a small file that SQLite would scan without end.

The pages of a table are a tree. Where somebody made several branches of it lead to one page, a
catalog of a few hundred kilobytes has billions of rows. SQLite notices no such thing, so that the
steps of each statement are counted and compared with the size of the file.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa

EACH = 100_000
"""Steps of SQLite's machine between two looks, which take a millisecond."""
LEAST = 5_000_000
"""Steps that every statement may take, however small the file is."""
PER_BYTE = 20
"""Further ones for each byte of the file. A row has a hundred bytes, and to read it takes 20."""
_WORK = "work"


class Work:
    """The steps of the statement that a connection to the file at `path` runs."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._steps: float = 0

    def begin(self, *, is_many: bool) -> None:
        """Count anew. What is run for many rows isn't bounded: they come from this program."""
        self._steps = float("-inf") if is_many else 0

    def look(self) -> bool:
        """Note that `EACH` steps were taken; True ends the statement."""
        self._steps += EACH
        return self._steps > LEAST and self._steps > LEAST + PER_BYTE * self.size()

    def size(self) -> int:
        """The bytes of the file and of its log."""
        size = 0
        for path in (self._path, self._path.with_name(f"{self._path.name}-wal")):
            with suppress(OSError):
                size += path.stat().st_size
        return size


def bound(engine: sa.Engine, path: Path) -> None:
    """End each statement of an engine that takes more steps than one of an honest file could."""

    def connect(connection: Any, record: Any) -> None:
        record.info[_WORK] = Work(path)
        attend(connection, record.info)

    def execute(connection: sa.Connection, _c: Any, _s: str, _p: Any, _x: Any, many: bool) -> None:
        begin(connection, is_many=many)

    sa.event.listen(engine, "connect", connect)
    sa.event.listen(engine, "before_cursor_execute", execute)


def begin(connection: sa.Connection, *, is_many: bool = False) -> None:
    """Count the steps of a statement that begins, which SQLAlchemy doesn't tell of itself if it
    is run by the driver.
    """
    connection.info[_WORK].begin(is_many=is_many)


def attend(driver: Any, info: Any) -> None:
    """Let the work of a connection be looked at, if it is bounded."""
    work = info.get(_WORK)
    driver.set_progress_handler(work and work.look, EACH if work else 0)
