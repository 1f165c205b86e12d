"""Object storage: the URLs of what is in it, and the places in the cache that stand for them.

What is at s3://bucket/photos/a.jpg has the place CACHE/objects/s3/bucket/photos/a.jpg. Either tells
the other in any process, so that a path is a path everywhere, and is shown as the URL.
"""

# Tested by tests/unit/cmsearch/store/test_object_places.py

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from cmsearch.common.text import storable
from cmsearch.errors import QueryError

SCHEMES = {"s3": "s3fs", "gs": "gcsfs", "memory": "fsspec"}
"""What a URL may begin with, and the package that reads it; `memory` is of this process."""
FOLDER = "objects"
_OTHERS = {"gcs": "gs", "s3a": "s3"}
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")


def is_url(text: Any) -> bool:
    """Whether a text is a URL, and no path."""
    return isinstance(text, str) and _URL.fullmatch(text) is not None


def folder_of(text: str | Path) -> Path:
    """The folder that a person names: a path, that of a file:// URL, or what stands for a URL of
    object storage. Raises `QueryError`.
    """
    if not is_url(text):
        return Path(text)
    url = str(text)
    if url.lower().startswith("file:"):
        parts = urlsplit(url)
        if parts.netloc not in ("", "localhost"):
            raise QueryError(f"{url} is of another machine. Name a folder of this one.")
        return Path(url2pathname(parts.path))
    return place_of(url)


def place_of(url: str) -> Path:
    """The place that stands for what is at a URL of object storage. Raises `QueryError`."""
    written, _, rest = url.partition("://")
    scheme = _OTHERS.get(written.lower(), written.lower())
    if scheme not in SCHEMES:
        raise QueryError(
            f"{scheme}:// can't be read. Name a folder, or one of object storage as "
            "s3://BUCKET/FOLDER or gs://BUCKET/FOLDER; what else there is can be mounted."
        )
    bucket, _, key = rest.partition("/")
    if not _BUCKET.fullmatch(bucket):  # a key of access before an @ is no part of what is shown
        raise QueryError(
            f"After {scheme}:// comes the name of a bucket alone. Credentials are read from the "
            f"environment, as {SCHEMES[scheme]} says."
        )
    names = key.rstrip("/").split("/") if key.rstrip("/") else []
    if not all(map(is_name, names)):
        raise QueryError(f"A folder in the bucket {bucket} has no name like that: {key!r}.")
    return home().joinpath(scheme, bucket, *names)


def is_name(name: str) -> bool:
    """Whether a part of an object's name can be the name of a file or a folder."""
    return name not in ("", ".", "..") and "\0" not in name and "/" not in name


def url_of(path: Path) -> str | None:
    """The URL that a place stands for; None for any other path."""
    if FOLDER not in path.parts or not path.is_absolute():
        return None
    for own in (home(), Path(os.path.realpath(home()))):
        if path.is_relative_to(own):
            scheme, *names = path.relative_to(own).parts or ("",)
            return f"{scheme}://{'/'.join(names)}" if scheme in SCHEMES and names else None
    return None


def address_of(path: Path) -> str:
    """How a file or a folder is called: by its URL where it is in object storage."""
    return url_of(path) or os.fsdecode(path)


def path_at(text: str) -> Path:
    """What is called so; a URL that can't be one is a path to nowhere."""
    try:
        return place_of(text) if is_url(text) else Path(text)
    except QueryError:
        return Path(text)


def recorded(folder: Path) -> str:
    """What a catalog notes of the folder that it is of. Raises `ValueError` for an odd name."""
    return url_of(folder) or storable(str(folder.resolve()))


def home() -> Path:
    """The folder of the places of all that is in object storage."""
    from cmsearch.models.encoders.exports import cache_dir

    return cache_dir().absolute() / FOLDER
