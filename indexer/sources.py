"""Where files are read: in their folder, or, of object storage, here while they are read."""

# Tested by tests/unit/indexer/test_sources.py

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Protocol

from cmsearch.common.files import folder_beside
from cmsearch.common.text import native
from cmsearch.store.object_places import home, url_of
from cmsearch.store.objects import Objects
from indexer.walk import split

FETCHING = 16
"""Objects that are fetched at once: each waits for the network, not for a processor."""


class Source(Protocol):
    """The files at paths of a folder. What can't be done raises `OSError`."""

    folder: Path

    def status(self, path: str) -> tuple[int, int]:
        """The size of a file, and the time of its last change in nanoseconds."""

    def begin(self, path: str) -> None:
        """Let a file come here that is to be read soon."""

    def here(self, path: str) -> AbstractContextManager[Path]:
        """Where a file is, which stays there as long as it is held."""


class Folder:
    """A folder of this machine: its files are where they are."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def status(self, path: str) -> tuple[int, int]:
        """The size of a file, and the time of its last change in nanoseconds."""
        found = (self.folder / native(path)).stat()
        return found.st_size, found.st_mtime_ns

    def begin(self, path: str) -> None:
        """Nothing: it is here."""

    def here(self, path: str) -> AbstractContextManager[Path]:
        """Where a file is."""
        return nullcontext(self.folder / native(path))


@dataclass(slots=True)
class _Fetched:
    """An object that is here, or is coming, and how many read it."""

    place: Future[Path]
    readers: int = 0


class Fetching:
    """A folder of object storage: an object is in `scratch` from when it is begun, or read, until
    nobody reads it any more. Threads may share it.
    """

    def __init__(self, folder: Path, objects: Objects, scratch: Path, pool: Executor) -> None:
        self.folder = folder
        self._objects, self._scratch, self._pool = objects, scratch, pool
        self._held: dict[str, _Fetched] = {}
        self._numbers, self._lock = count(), Lock()

    def status(self, path: str) -> tuple[int, int]:
        """The size of an object, and the time of its last change in nanoseconds."""
        found = self._objects.status(path)
        return found.size, found.mtime_ns

    def begin(self, path: str) -> None:
        """Let an object come here that is to be read soon."""
        with self._lock:
            self._coming(path)

    @contextmanager
    def here(self, path: str) -> Iterator[Path]:
        """Where an object is, which it is waited for."""
        with self._lock:
            own = self._coming(path)
            own.readers += 1
        try:
            yield own.place.result()
        finally:
            with self._lock:
                own.readers -= 1
                if is_over := not own.readers:
                    del self._held[path]
            if is_over and own.place.exception() is None:
                shutil.rmtree(own.place.result().parent, ignore_errors=True)

    def _coming(self, path: str) -> _Fetched:
        if path not in self._held:
            self._held[path] = _Fetched(self._pool.submit(self._fetch, path))
        return self._held[path]

    def _fetch(self, path: str) -> Path:
        """Bring an object into a folder of its own, where no name is in the way of another."""
        to = self._scratch / str(next(self._numbers)) / native(split(path)[1])
        self._objects.fetch(path, to)
        return to


@contextmanager
def opened(folder: Path) -> Iterator[Source]:
    """What the files of a folder are read from.

    Raises `CmsearchError` where what reads object storage is missing, and `OSError` where there is
    no room for what is fetched.
    """
    url = url_of(folder)
    if url is None:
        yield Folder(folder)
        return
    objects = Objects(url)
    home().mkdir(mode=0o700, parents=True, exist_ok=True)
    # What a process that was killed has left there goes with the next one.
    with folder_beside(home() / "fetched", 0o700) as scratch, ThreadPoolExecutor(FETCHING) as pool:
        try:
            yield Fetching(folder, objects, scratch, pool)
        finally:
            pool.shutdown(cancel_futures=True)
