"""Exported models in the cache: made once, checked when they are read, made anew if damaged."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import platformdirs

from cmsearch.common.digest import block_checksums
from cmsearch.common.files import create_file, open_file, read_file
from cmsearch.errors import ModelError

MANIFEST = "files.json"
"""By the name of each file its size, and the CRC-32 of each of its blocks of 1 MiB."""
_LARGEST = 2**24
_EXPORTERS = (
    *("onnx", "onnxruntime", "onnxscript", "open_clip_torch", "timm", "torch", "transformers"),
)
_Build = Callable[[Path], None]

log = logging.getLogger("cmsearch")


def cache_dir() -> Path:
    """The folder for exported models: `CMSEARCH_CACHE`, or the user's cache directory."""
    return Path(os.environ.get("CMSEARCH_CACHE") or platformdirs.user_cache_dir("cmsearch"))


def export_key(*identity: str) -> str:
    """A digest of what an export depends on: `identity` and the versions of what makes it."""
    return hashlib.sha256(json.dumps([*identity, *_versions()]).encode()).hexdigest()[:20]


@cache
def _versions() -> list[str]:
    return [f"{name}={version(name)}" for name in _EXPORTERS]


class Export:
    """The folder of an exported model, whose files are checked when they are asked for.

    What isn't as it was written is made anew by `build(folder)`, safe from threads.
    """

    def __init__(self, folder: Path, sums: dict[str, Any], build: _Build) -> None:
        self.folder = folder
        self._sums = sums
        self._build = build
        self._whole: set[str] = set()
        self._lock = threading.Lock()

    @property
    def names(self) -> list[str]:
        """The names of its files."""
        return list(self._sums)

    def file(self, name: str) -> Path:
        """The path of a file, which is whole, and so are those that belong to it: `NAME.data`."""
        with self._lock:
            if name not in self._whole:
                if not self._is_whole(name):
                    log.warning("%s in the cache is damaged.", self.folder / name)
                    _build(self.folder, self._build)
                    self._sums = _sums(self.folder) or {}
                self._whole.add(name)
            return self.folder / name

    def _is_whole(self, name: str) -> bool:
        own = [one for one in self._sums if one == name or one.startswith(f"{name}.")]
        with suppress(OSError):
            return name in own and all(self._sums[one] == _sum(self.folder / one) for one in own)
        return False


def exported(name: str, build: _Build) -> Export | None:
    """The cached folder `name`, if it is there; a file that is damaged is made by `build`."""
    place = cache_dir() / name
    sums = _sums(place)
    return None if sums is None else Export(place, sums, build)


def published(name: str, build: _Build, *, what: str = "the model") -> Export:
    """The cached folder `name`, made by `build(folder)` if it isn't there, which is `what` is told.

    It is built beside its place and appears by one rename, so that it is whole or absent, and two
    processes that build it at once both end up with one of the two.
    """
    if (found := exported(name, build)) is not None:
        return found
    place = cache_dir() / name
    _build(place, build, what)
    found = exported(name, build)
    if found is None:
        raise ModelError(
            f"{what[0].upper()}{what[1:]} could not be kept in {place}. Run the command again."
        )
    return found


def _build(place: Path, build: _Build, what: str = "the model") -> None:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix=".building-", dir=place.parent))
    except OSError as error:
        raise ModelError(
            f"The cache directory {place.parent} can't be written ({error.strerror}). "
            "Name another one in the environment variable CMSEARCH_CACHE."
        ) from error
    before = _sums(place)
    try:
        log.info("Preparing %s for this machine; this is done once and takes a while.", what)
        build(building)
        sums = {path.name: _sum(path) for path in sorted(building.iterdir())}
        create_file(building / MANIFEST, json.dumps(sums).encode())
        if before is not None or _sums(place) is None:  # else another process was faster
            _take_place(building, place)
    except OSError as error:
        raise ModelError(
            f"{what[0].upper()}{what[1:]} could not be kept in {place}: {error}."
        ) from error
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _take_place(building: Path, place: Path) -> None:
    """Put a folder in the place of what is damaged there, or of an older form."""
    if place.is_symlink():
        place.unlink()
    elif place.exists():
        place.rename(building.with_name(f"{building.name}-old"))
        shutil.rmtree(building.with_name(f"{building.name}-old"), ignore_errors=True)
    try:
        building.rename(place)
    except OSError:
        if _sums(place) is None:  # another process was faster
            raise


def _sums(folder: Path) -> dict[str, Any] | None:
    """What the manifest of a folder says, which is written last."""
    try:
        found = json.loads(read_file(folder / MANIFEST, _LARGEST))
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _sum(path: Path) -> list[Any]:
    with open_file(path) as file:
        return [os.fstat(file.fileno()).st_size, block_checksums(file)]
