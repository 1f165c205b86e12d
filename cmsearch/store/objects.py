"""Reading object storage by fsspec, with the credentials that the environment has."""

# Tested by tests/e2e/test_objects.py

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

from cmsearch.errors import CmsearchError, brief
from cmsearch.store.object_places import SCHEMES

EXTRA = "Object storage needs cmsearch[objects]: pip install 'cmsearch[objects]'."
_TIMES = ("LastModified", "mtime", "updated", "created")
_VERSIONS = ("ETag", "generation", "etag")
_SECOND = 10**9
_NUMBERS: dict[type[BaseException], int] = {
    FileNotFoundError: errno.ENOENT, PermissionError: errno.EACCES
}  # fmt: skip


class Object(NamedTuple):
    """A name in a folder of objects: of a folder, or of an object with its size and its time.

    The time is that of the last change. Where the storage tells versions apart, its part below a
    second is made of the version, so that it is another one whenever the content is.
    """

    name: str
    is_folder: bool
    size: int = 0
    mtime_ns: int = 0


class Objects:
    """The objects below a URL, by their names from there on. Threads may share it.

    Whatever fails raises `OSError`, whose `strerror` is the reason.
    """

    def __init__(self, url: str) -> None:
        """Raises `CmsearchError` where the package is missing that reads such URLs."""
        scheme, _, rest = url.partition("://")
        try:
            import fsspec

            with _told():  # no listing is kept: each run is to see what is there now
                self._files = fsspec.filesystem(scheme, use_listings_cache=False)
        except ImportError as error:
            raise CmsearchError(f"{EXTRA} {SCHEMES[scheme]} reads {scheme}://.") from error
        except OSError as error:
            raise CmsearchError(f"{url} can't be read: {error.strerror}") from error
        self._base = rest.strip("/")

    def listed(self, folder: str) -> list[Object]:
        """What is in a folder, in no order; a folder whose name is empty has "" for it."""
        base = self._at(folder)
        with _told():
            found = self._files.ls(base, detail=True)
        names = [str(own["name"]).removeprefix("/") for own in found]
        if names == [base]:
            raise OSError(errno.ENOTDIR, "it is no folder")
        own = [_object(one, name[len(base) + 1 :]) for one, name in zip(found, names, strict=True)]
        return [one for one in own if one.name or one.is_folder]  # "" is what marks the folder

    def status(self, path: str) -> Object:
        """The object at a path as it is now."""
        with _told():
            return _object(self._files.info(self._at(path)), path.rpartition("/")[2])

    def head(self, path: str, size: int) -> bytes:
        """The first bytes of an object, of which it may have fewer."""
        with _told():
            found: bytes = self._files.cat_file(self._at(path), start=0, end=size)
        return found[:size]

    def fetch(self, path: str, to: Path) -> None:
        """Bring an object to a place in a folder that is made for it, or neither."""
        to.parent.mkdir(mode=0o700)
        try:
            with _told():
                self._files.get_file(self._at(path), str(to))
        except BaseException:
            shutil.rmtree(to.parent, ignore_errors=True)
            raise

    def _at(self, path: str) -> str:
        return f"{self._base}/{path.rstrip('/')}".rstrip("/")


def _object(found: Mapping[str, Any], name: str) -> Object:
    if found["type"] == "directory":
        return Object(name.rstrip("/"), True)
    return Object(name, False, int(found["size"]), _mtime_ns(found))


def _mtime_ns(found: Mapping[str, Any]) -> int:
    changed = next((found[name] for name in _TIMES if found.get(name)), 0)
    if isinstance(changed, str):
        changed = datetime.fromisoformat(changed)
    seconds = changed.timestamp() if isinstance(changed, datetime) else float(changed)
    version = next((str(found[name]) for name in _VERSIONS if found.get(name)), None)
    if version is None:
        return int(seconds * _SECOND)
    digest = blake2b(version.encode(), digest_size=8).digest()
    return int(seconds) * _SECOND + int.from_bytes(digest) % _SECOND


@contextmanager
def _told() -> Iterator[None]:
    """Whatever each package raises, as `OSError` with the reason."""
    try:
        yield
    except ImportError:
        raise
    except OSError as error:
        if error.strerror:
            raise
        raise OSError(_NUMBERS.get(type(error), errno.EIO), _reason(error)) from error
    except Exception as error:  # of boto, of aiohttp, of Google's packages
        raise OSError(errno.EIO, _reason(error)) from error


def _reason(error: BaseException) -> str:
    said = brief(error).rstrip(".")
    if isinstance(error, FileNotFoundError) and (" " not in said or "/" in said):  # but its name
        said = os.strerror(errno.ENOENT)
    return said[:1].lower() + said[1:] if said[1:2].islower() else said
