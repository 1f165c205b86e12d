"""Objects that are shown: fetched to the places that stand for them, and kept as long as they fit.

Only those of folders that were `let`, since an index may come from anywhere and name any bucket.
"""

# Tested by tests/unit/cmsearch/store/test_object_files.py

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from pathlib import Path
from threading import Lock

from cmsearch.common.files import drop_oldest, folder_beside
from cmsearch.errors import CmsearchError, MediaError
from cmsearch.store.object_places import SCHEMES, home, url_of
from cmsearch.store.objects import Object, Objects

MOST = 4 * 2**30
"""Bytes of objects that are kept; those that were shown last, where there are more."""
FETCHING = 16
"""Objects that are fetched at once: each waits for the network, not for a processor."""
_FRESH = 60.0
"""Seconds for which an object is shown as it is here; then it is asked for its version again."""
_SHARE = 16
"""What is kept is looked through each time one part of so many was fetched."""


def let(folder: Path) -> None:
    """Allow that what is in a folder of object storage is fetched, by the place of the folder."""
    _own(home()).let(folder)


def is_let(path: Path) -> bool:
    """Whether `bring` would fetch what the path stands for."""
    return url_of(path) is not None and _own(home()).folder_of(path) is not None


def begin(path: Path) -> None:
    """Let an object that `is_let` come, which is to be brought soon."""
    _own(home()).begin(path)


def bring(path: Path) -> None:
    """Have at its place what a path stands for, as it is in object storage now, or was a minute
    ago. Nothing happens to any other path.

    Raises `MediaError` for an object that can't be fetched, or isn't let and isn't here.
    """
    if url_of(path) is None:
        return
    own = _own(home())
    if own.folder_of(path) is not None:
        own.bring(path)
    elif not path.exists():
        raise MediaError(
            f"{url_of(path)} is not on this machine. If you trust this index, run the command "
            "again with --trust, and what it shows is fetched; or mount the bucket, and name the "
            "place of the folder that is indexed in the environment variable CMSEARCH_ROOT."
        )


class ObjectFiles:
    """The objects that are in a folder of the cache, of `most` bytes together. Threads and
    processes may share it.
    """

    def __init__(self, place: Path, most: int = MOST) -> None:
        self._place, self._most = place, most
        self._folders: dict[Path, Objects | None] = {}
        self._coming: dict[Path, tuple[Future[None], float]] = {}
        self._fetched = most  # what others left is looked through before the first is kept
        self._lock = Lock()
        self._pool = ThreadPoolExecutor(FETCHING)

    def let(self, folder: Path) -> None:
        """Allow that what is below the place of a folder is fetched."""
        self._folders.setdefault(folder)

    def folder_of(self, path: Path) -> Path | None:
        """The folder that was `let` and has a path in it."""
        return next((one for one in path.parents if one in self._folders), None)

    def begin(self, path: Path) -> None:
        """Let an object come, by a thread that nobody waits for."""
        self._pool.submit(self.bring, path)

    def bring(self, path: Path) -> None:
        """Have an object at its place, fetched once for all who ask. Raises `MediaError`."""
        now, own = time.monotonic(), Future[None]()
        with self._lock:
            coming, until = self._coming.get(path, (own, now))
            if coming.done() and (now > until or coming.exception() or not path.is_file()):
                coming = own
            if coming is own:
                self._forget(now)
                self._coming[path] = own, now + _FRESH
        if coming is own:
            try:
                self._have(path)
                own.set_result(None)
            except BaseException as error:
                own.set_exception(error)
        coming.result()

    def _forget(self, now: float) -> None:
        old = [path for path, (one, until) in self._coming.items() if one.done() and now > until]
        for path in old:
            del self._coming[path]

    def _have(self, path: Path) -> None:
        url, folder = url_of(path), self.folder_of(path)
        assert folder is not None
        try:
            objects = self._folders[folder] or Objects(str(url_of(folder)))
            self._folders[folder] = objects
            name = path.relative_to(folder).as_posix()
            found = objects.status(name)
            if not _is_whole(path, found):
                self._make_room(found.size)
                self._fetch(objects, name, path)
            os.utime(path, ns=(time.time_ns(), found.mtime_ns))
        except CmsearchError as error:
            raise MediaError(str(error)) from error
        except OSError as error:
            raise MediaError(f"{url} can't be fetched: {error.strerror}.") from error

    def _fetch(self, objects: Objects, name: str, path: Path) -> None:
        self._place.mkdir(mode=0o700, parents=True, exist_ok=True)
        with folder_beside(self._place / "fetched", 0o700) as scratch:
            fetched = scratch / "own" / "object"
            objects.fetch(name, fetched)
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fetched.replace(path)

    def _make_room(self, size: int) -> None:
        """Delete what was shown longest ago, where so much more may be too much."""
        with self._lock:
            self._fetched += size
            if self._fetched <= self._most // _SHARE:
                return
            self._fetched = size
        drop_oldest(self._kept(), self._most - size)

    def _kept(self) -> Iterator[tuple[int, int, Path]]:
        """When each object was shown last, its size, and where it is."""
        for scheme in SCHEMES:
            for folder, _, names in os.walk(self._place / scheme):
                for path in (Path(folder, name) for name in names):
                    with suppress(OSError):
                        about = path.lstat()
                        yield about.st_atime_ns, about.st_size, path


@cache
def _own(place: Path) -> ObjectFiles:
    return ObjectFiles(place)


def _is_whole(path: Path, found: Object) -> bool:
    """Whether a file is the object, by its size and its time as far as file systems keep it."""
    try:
        about = path.stat()
    except OSError:
        return False
    return about.st_size == found.size and abs(about.st_mtime_ns - found.mtime_ns) < 1_000
