"""Values that a catalog has, for a shell that completes them: read by SQLite's driver alone.

To import SQLAlchemy takes longer than a keystroke may. Nothing is written, and what can't be read
in a fraction of a second isn't given.
"""

# Tested by tests/unit/cmsearch/commands/test_values.py

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cmsearch.common.text import caseless
from cmsearch.store.catalog.sqlite_journals import reading

MOST = 200
"""Values at most."""
SAMPLED = 20_000
"""Files at most that are looked at for what no index has, evenly spread."""
MOST_BYTES = 2**20
"""Of a value."""
_SECONDS = 0.2
_STEPS = 1_000
"""Seconds of the thread after which a catalog is let be, and steps of SQLite's machine between two
looks at these.
"""
_DISTINCT = """
    WITH RECURSIVE found(own) AS (
        SELECT min(folded) FROM notes
        WHERE kind = :kind AND folded >= :begun AND folded < :after
        UNION ALL
        SELECT (SELECT min(folded) FROM notes
            WHERE kind = :kind AND folded > own AND folded < :after)
        FROM found WHERE own IS NOT NULL
    )
    SELECT (SELECT value FROM notes WHERE kind = :kind AND folded = own LIMIT 1)
    FROM found WHERE own IS NOT NULL LIMIT :most
"""
_SAMPLE = """
    WITH RECURSIVE some(id) AS (
        SELECT min(id) FROM assets
        UNION ALL
        SELECT id + :step FROM some WHERE id + :step <= (SELECT max(id) FROM assets)
    )
    SELECT {columns} FROM some CROSS JOIN assets USING (id)
    WHERE {wanted} GROUP BY {groups} ORDER BY count(*) DESC LIMIT :most
"""
_CAMERAS = _SAMPLE.format(columns="camera", groups="camera", wanted="camera IS NOT NULL")
_PLACES = _SAMPLE.format(
    columns="avg(latitude), avg(longitude)",
    groups="round(latitude * 50), round(longitude * 50)",
    wanted="abs(latitude) <= 90 AND abs(longitude) <= 180",
)


class Values:
    """What a catalog has; a list is shorter where reading takes long, or isn't possible."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def noted(self, kinds: Collection[str], begun: str) -> list[str]:
        """The values of some kinds of notes that begin so in any case, in their order."""
        start = caseless(begun)
        found: dict[str, str] = {}
        for kind in kinds:
            rows = self._rows(
                _DISTINCT, kind=kind, begun=start, after=f"{start}\U0010ffff", most=MOST
            )
            for (value,) in rows:
                if isinstance(value, str):
                    found.setdefault(caseless(value), value)
        return [found[name] for name in sorted(found)][:MOST]

    def cameras(self) -> list[str]:
        """Cameras, the most frequent first."""
        rows = self._rows(_CAMERAS, step=self._step(), most=MOST)
        return [camera for (camera,) in rows if isinstance(camera, str)]

    def places(self, most: int) -> list[tuple[float, float]]:
        """Where something was taken, in degrees north and east, the most frequent places first.
        What is within two kilometres is one.
        """
        rows = self._rows(_PLACES, step=self._step(), most=most)
        return [(float(north), float(east)) for north, east in rows]

    def _step(self) -> int:
        rows = list(self._rows("SELECT max(id) - min(id) FROM assets"))
        spread = rows[0][0] if rows and isinstance(rows[0][0], int) else 0
        return max(1, -(-spread // SAMPLED))

    def _rows(self, query: str, **given: Any) -> Iterator[tuple[Any, ...]]:
        """Rows up to where they end, or reading does."""
        with suppress(sqlite3.Error):
            yield from self._connection.execute(query, given)


@contextmanager
def opened(catalog: Path) -> Iterator[Values]:
    """The values of a catalog, which has to be one that `trust.admit` lets be opened."""
    place = quote(os.fsencode(catalog.resolve()))
    how = "&".join(f"{name}={value}" for name, value in reading(catalog).items())
    with closing(sqlite3.connect(f"file:{place}?{how}", uri=True)) as connection:
        end = time.thread_time() + _SECONDS
        connection.set_progress_handler(lambda: time.thread_time() > end, _STEPS)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_BYTES)
        connection.execute("PRAGMA trusted_schema = OFF")  # a store may come from anywhere
        connection.execute("PRAGMA busy_timeout = 100")
        yield Values(connection)
