"""The lock of a store: one process writes it at a time."""

# Tested by tests/unit/indexer/test_indexer.py

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from socket import gethostname

from cmsearch.common.files import read_file, replace_file
from cmsearch.errors import StoreError, StoreLockedError
from cmsearch.store import trust

LOCK = "writer.lock"
_LARGEST_HOLDER = 4096


@contextmanager
def lock(path: Path, timeout: float) -> Iterator[None]:
    """Be the only writer of the store in a directory; raises `StoreLockedError` after a time."""
    from filelock import FileLock, Timeout

    holder = path / "writer.json"
    trust.check_writable(path / LOCK)  # the lock would be emptied, wherever it is
    held = FileLock(path / LOCK, timeout=timeout)
    try:
        held.acquire()
    except Timeout as error:
        raise StoreLockedError(
            f"{path} is being written by {_described(holder)}. Wait until it is done, or end it, "
            "and run the command again."
        ) from error
    except OSError as error:
        raise StoreError(f"{path / LOCK} can't be locked: {error.strerror}.") from error
    try:
        _sign(holder)
        yield
    finally:
        with suppress(OSError):  # a folder of that name isn't ours
            holder.unlink(missing_ok=True)
        held.release()


def _sign(holder: Path) -> None:
    """Leave word of who holds the lock, for those who wait; a full disk has no room for it."""
    now = datetime.now().astimezone().isoformat(" ", "seconds")
    with suppress(OSError):
        said = json.dumps({"process": os.getpid(), "host": gethostname(), "since": now})
        replace_file(holder, said.encode())


def _described(holder: Path) -> str:
    """Who holds the lock and since when, as far as is known."""
    try:
        found = json.loads(read_file(holder, _LARGEST_HOLDER, follow=False))
        return f"process {found['process']} on {found['host']} since {found['since']}"
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return "another process"
