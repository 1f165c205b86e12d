"""Making the directory of a store, and being the only one that writes it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from socket import gethostname

from cmsearch import trust
from cmsearch.catalog import Catalog
from cmsearch.common.files import new_file, read_file, replace_file, unused
from cmsearch.common.text import storable
from cmsearch.errors import StoreError, StoreLockedError, StoreReadOnlyError
from cmsearch.journals import BESIDE

CATALOG = "catalog.db"
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


def make(path: Path, root: Path) -> None:
    """Make the directory of a store, and in it an empty catalog of the folder `root`."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"The directory {path} can't be made ({error.strerror}). Name another place for the "
            "index with --store DIR."
        ) from error
    if not os.access(path, os.W_OK):
        raise StoreReadOnlyError(path)
    with lock(path, timeout=10):
        if os.path.lexists(path / CATALOG):
            return
        beside = unused(path)
        new_file(beside).close()
        catalog = Catalog(beside)
        with catalog.writing() as writer:
            writer.set("root", storable(str(root.resolve())))
        catalog.close()
        # To another catalog those of one that was deleted alone do harm.
        _delete(*(path / f"{CATALOG}{end}" for end in BESIDE))
        beside.replace(path / CATALOG)


def _delete(*paths: Path) -> None:
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:  # a folder
            raise StoreError(f"{path} can't be deleted: {error.strerror}. Delete it.") from error
