"""A bound on the work of one statement: of a small file that SQLite would scan without end.

The pages of a table are a tree. Where somebody made several branches of it lead to one page, a
catalog of a few hundred kilobytes has billions of rows. SQLite notices no such thing, so that the
steps of each statement are counted and compared with the size of the file.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa

EACH = 100_000
"""Steps of SQLite's machine between two looks, which take a millisecond."""
LEAST = 5_000_000
"""Steps that every statement may take, however small the file is."""
PER_BYTE = 20
"""Further ones for each byte of the file. A row has a hundred bytes, and to read it takes 20."""
_SECONDS, _BYTES = 2.0, 10_000_000
"""Seconds for a look at all pages of a file, and the bytes for which there is one more."""
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

    def begin(connection: sa.Connection, _c: Any, _s: str, _p: Any, _x: Any, many: bool) -> None:
        connection.info[_WORK].begin(is_many=many)

    sa.event.listen(engine, "connect", connect)
    sa.event.listen(engine, "before_cursor_execute", begin)


@contextmanager
def timed(connection: sa.Connection) -> Iterator[None]:
    """End a statement within that takes long, such as a count of all rows, which is one step."""
    seconds = _SECONDS + connection.info[_WORK].size() / _BYTES
    timer = threading.Timer(seconds, connection.connection.driver_connection.interrupt)  # type: ignore[union-attr]
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def attend(driver: Any, info: Any) -> None:
    """Let the work of a connection be looked at, if it is bounded."""
    work = info.get(_WORK)
    driver.set_progress_handler(work and work.look, EACH if work else 0)
