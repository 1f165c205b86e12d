"""Where in the folder a file is that a source names, and whether it is there."""

# Tested by tests/unit/indexer/importing/test_places.py

from __future__ import annotations

import errno
import os
import posixpath
import re
import stat
from pathlib import Path
from typing import NamedTuple

from cmsearch.common.text import native, storable
from indexer.walk import ALWAYS_IGNORED

_DRIVE = re.compile(r"[A-Za-z]:[\\/]|\\\\")


OUTSIDE = "lies outside the folder"
"""Why nothing is taken over of a path that leads to another folder."""


class Unplaced(ValueError):  # noqa: N818 - it says why a row is passed over
    """A path is of nothing that could be indexed in the folder."""


class Place(NamedTuple):
    """A path from the folder, in the form of `storable`, and the file's size and time, if there is
    one.
    """

    path: str
    size: int | None
    mtime_ns: int | None

    @property
    def is_there(self) -> bool:
        """Whether there is a file."""
        return self.size is not None


class Places:
    """Places in a folder, which was called `was` when a source was made."""

    def __init__(self, folder: Path, was: str | None = None) -> None:
        roots = dict.fromkeys([_plain(was)] if was else [])
        roots |= dict.fromkeys([str(folder.absolute()), str(folder.resolve())])
        self._roots = [root.rstrip("/") for root in roots]
        self._real = os.fspath(folder.resolve())

    def find(self, path: str) -> Place:
        """The place of a file; raises `Unplaced` for one that isn't in the folder, or would not be
        indexed.
        """
        inside = self._inside(_plain(path))
        parts = inside.split("/")
        if any(part.startswith(".") or part in ALWAYS_IGNORED for part in parts):
            raise Unplaced("is hidden, or passed over by `cmsearch index`")
        try:
            name = storable(inside)
            return Place(name, *self._status(inside))
        except ValueError as error:
            raise Unplaced("has a name that no file can have here") from error

    def _inside(self, path: str) -> str:
        """A path from the folder, without dots."""
        for root in self._roots:
            if path.startswith(f"{root}/"):
                path = path[len(root) + 1 :].lstrip("/")
                break
        else:
            if path.startswith("/") or _DRIVE.match(path):
                raise Unplaced(OUTSIDE)
        inside = posixpath.normpath(path)
        if inside in (".", "..") or inside.startswith("../"):
            raise Unplaced(OUTSIDE)
        return inside

    def _status(self, inside: str) -> tuple[int | None, int | None]:
        try:
            found = os.stat(f"{self._real}/{native(inside)}")  # noqa: PTH116 - a million times
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise Unplaced("has a name that no file can have here") from error
            return None, None
        if not stat.S_ISREG(found.st_mode):
            raise Unplaced("is no file")
        return found.st_size, found.st_mtime_ns


def _plain(path: str) -> str:
    """A path with slashes, also one of Windows."""
    return path.replace("\\", "/") if _DRIVE.match(path) else path
