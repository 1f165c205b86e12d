"""Thumbnails in the user's cache: each is made once, and the least recently used go first.

One is known by all that its bytes depend on: which file it is of, as the system tells it and no
store does, so that no store brings its own pictures under the names of others.
"""

# Tested by tests/unit/cmsearch/server/test_thumbnails.py

from __future__ import annotations

import logging
import os
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

from cmsearch.common.files import LEFT_OVER, drop_oldest, read_file, replace_file
from cmsearch.common.version import __version__
from cmsearch.errors import MediaError
from cmsearch.media.thumbnails import thumbnail
from cmsearch.models.encoders.exports import cache_dir
from cmsearch.types import Place

FOLDER = "thumbnails"
FORM = 1
"""Counts up when the same file would look otherwise, or be kept otherwise."""
_SUM = 16
_LARGEST = 64 * 2**20
_BLOCK = 4096
_HOUR = 3600.0
_SHARE = 16
"""The cache is looked through each time one part of so many was written."""

log = logging.getLogger("cmsearch.server")


def cached(most: int) -> Thumbnails:
    """The thumbnails of the user's cache, of `most` bytes together."""
    return Thumbnails(cache_dir() / FOLDER, most)


def key_of(place: Place, pixels: int) -> str:
    """What tells the thumbnail of a place in a size, as hexadecimal digits. Raises `MediaError`.

    A file that was changed, moved or replaced has another time of change, which nobody can set.
    """
    try:
        path = place.path.resolve(strict=True)
        about = path.stat()
    except OSError as error:
        raise MediaError(f"can't be read: {error.strerror}") from error
    is_file = (about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns)
    told = ascii((FORM, __version__, os.fsencode(path), is_file, place.locator, pixels))
    return blake2b(told.encode("ascii"), digest_size=20).hexdigest()


class Thumbnails:
    """Thumbnails in a folder that only the user enters. Threads and processes may share it.

    They have `most` bytes together, and each process more may bring a sixteenth on top. A folder
    that can't be written, or isn't the user's, keeps none, which is said once.
    """

    def __init__(self, folder: Path, most: int) -> None:
        self._folder = folder
        self._most = most
        self._written = most  # what others left is looked through before the first is kept
        self._lock = threading.Lock()
        self._is_open = most > 0 and self._opened()

    def get(self, key: str) -> bytes | None:
        """The bytes of a thumbnail that is kept whole."""
        if not self._is_open:
            return None
        path = self._path(key)
        try:
            data = read_file(path, _LARGEST, follow=False)
            if time.time() - path.lstat().st_mtime > _HOUR:  # used again
                os.utime(path)
        except OSError:
            return None
        picture = data[_SUM:]
        return picture if data[:_SUM] == _sum(picture) else None

    def made(self, place: Place, pixels: int, key: str) -> bytes:
        """The bytes of the thumbnail of a place, made anew and kept. Raises `MediaError`."""
        data = thumbnail(place.path, pixels, place.locator).data
        if self._is_open and len(data) <= self._most // _SHARE:
            with suppress(MediaError):
                if key_of(place, pixels) == key:  # it wasn't changed meanwhile
                    self._keep(key, data)
        return data

    def _keep(self, key: str, data: bytes) -> None:
        path = self._path(key)
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            self._make_room(_on_disk(len(data) + _SUM))
            replace_file(path, _sum(data) + data, 0o600)
        except OSError as error:
            self._close(error.strerror)

    def _make_room(self, size: int) -> None:
        """Delete the least recently used ones, where so much more may be too much."""
        with self._lock:
            self._written += size
            if self._written <= self._most // _SHARE:
                return
            self._written = size
        drop_oldest(self._all(), self._most - self._most // _SHARE)

    def _all(self) -> Iterator[tuple[float, int, Path]]:
        """When each one was used last, its size on the disk, and where it is."""
        now = time.time()
        for folder in self._folder.iterdir():
            with suppress(OSError), os.scandir(folder) as entries:
                for entry in entries:
                    about = entry.stat(follow_symlinks=False)
                    is_left = LEFT_OVER.fullmatch(entry.name) and now - about.st_mtime > _HOUR
                    yield 0 if is_left else about.st_mtime, _on_disk(about.st_size), Path(entry)

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key[2:]}.webp"

    def _opened(self) -> bool:
        """Whether the folder can be used, which is made if it isn't there."""
        try:
            self._folder.parent.mkdir(parents=True, exist_ok=True)
            self._folder.mkdir(mode=0o700, exist_ok=True)
            found = self._folder.lstat()
            if not stat.S_ISDIR(found.st_mode):
                return self._close("it is no folder")
            if hasattr(os, "geteuid"):
                if found.st_uid != os.geteuid():
                    return self._close("it belongs to another user")
                if found.st_mode & 0o077:
                    self._folder.chmod(0o700)
        except OSError as error:
            return self._close(error.strerror)
        return True

    def _close(self, reason: str | None) -> bool:
        """Keep none any more."""
        self._is_open = False
        log.warning("No thumbnails are kept in %s: %s.", self._folder, reason)
        return False


def _sum(data: bytes) -> bytes:
    return blake2b(data, digest_size=_SUM).digest()


def _on_disk(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK
