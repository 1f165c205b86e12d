"""Copying a database by SQLite's own backup."""

# Tested by tests/unit/cmsearch/store/test_copying.py

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from cmsearch.store.catalog.sqlite import begin, journal_mode

_PAGES = 2048  # that are copied at once, between which a copy can be interrupted


def copy(connection: sa.Connection, path: Path, tell: Callable[[int, int], object]) -> None:
    """Write one committed state of the whole database to an empty file, by SQLite's own backup.

    Says with `tell` how many pages are written, of how many. Beside a rollback journal no state is
    held, since whoever commits would wait for that: the backup begins anew when one did.
    Raises `OSError` where the file can't be written.
    """
    driver: Any = connection.connection.driver_connection
    if journal_mode(connection) == "wal":
        begin(connection)
        connection.exec_driver_sql("PRAGMA schema_version").fetchall()  # the first read settles it
    try:
        with closing(sqlite3.connect(path)) as made:
            driver.backup(
                made, pages=_PAGES, progress=lambda _, left, pages: tell(pages - left, pages)
            )
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
            raise
        reason = os.strerror(errno.ENOSPC)
        raise OSError(errno.ENOSPC, reason, os.fspath(path)) from error
    finally:
        connection.rollback()
