"""What the model hub offers of a repository: its files with sizes and digests, and its licence."""

# Tested by tests/unit/cmsearch/models/test_downloads.py

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from cmsearch.errors import ModelUnavailableError, brief
from cmsearch.models.receiving import ENDPOINT, SECONDS, chunks, opened, patiently

_LISTING = 8 * 2**20
"""Bytes of a list of files, at most."""
_DIGEST = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Remote:
    """A file as the hub announces it."""

    name: str
    size: int
    digest: str
    """SHA-256 of what is stored as large, Git's SHA-1 of the others; in hexadecimal digits."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What the hub has of a repository, at one state of it."""

    repository: str
    commit: str
    files: tuple[Remote, ...]
    licence: str
    """As the hub names it, such as `apache-2.0`; empty if it doesn't."""

    @property
    def size(self) -> int:
        """The bytes of all files."""
        return sum(file.size for file in self.files)


def address(offer: Offer, file: Remote) -> str:
    """Where the hub has a file."""
    return url_of(offer.repository, offer.commit, file.name)


def offered(repository: str, patterns: Sequence[str], seconds: float = SECONDS) -> Offer:
    """What the hub has of a repository's files whose names match a pattern.

    Raises `ModelUnavailableError` for an answer that can't be meant, and what the hub's client
    raises.
    """
    from huggingface_hub import constants

    url = f"{constants.ENDPOINT}/api/models/{quote(repository)}?blobs=true"
    try:
        found = json.loads(_listing(repository, url, seconds))
        commit, siblings = str(found["sha"]), list(found["siblings"])
        names = {str(one["rfilename"]): one for one in siblings}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelUnavailableError(
            f"The model hub's answer about {repository} can't be read ({brief(error)}) {ENDPOINT}"
        ) from error
    if not _COMMIT.fullmatch(commit) or not all(map(_is_inside, names)):
        raise ModelUnavailableError(
            f"The model hub's answer about {repository} has names that no file can have here. "
            f"{ENDPOINT}"
        )
    files = [
        _remote(repository, commit, name, entry, seconds)
        for name, entry in names.items()
        if any(fnmatch(name, pattern) for pattern in patterns)
    ]
    return Offer(repository, commit, tuple(files), _licence(found))


def _listing(repository: str, url: str, seconds: float) -> bytes:
    data = bytearray()

    def ask() -> None:
        data.clear()
        with opened(url, seconds=seconds) as response:
            for chunk in chunks(response):
                data.extend(chunk)
                if len(data) > _LISTING:
                    raise ModelUnavailableError(
                        f"The model hub's list of the files of {repository} doesn't end. {ENDPOINT}"
                    )

    patiently(ask, lambda: 0)
    return bytes(data)


def _remote(
    repository: str, commit: str, name: str, entry: dict[str, Any], seconds: float
) -> Remote:
    """A file as the listing has it, or as the hub answers for it where that says too little."""
    large = entry.get("lfs") if isinstance(entry.get("lfs"), dict) else {}
    size = entry.get("size")
    digest = (large or {}).get("sha256") or entry.get("blobId")
    if size is None or digest is None:
        from huggingface_hub import get_hf_file_metadata

        told = get_hf_file_metadata(url_of(repository, commit, name), timeout=seconds)
        size, digest = told.size, told.etag
    if type(size) is not int or size < 0 or not _DIGEST.fullmatch(str(digest)):
        raise ModelUnavailableError(
            f"The model hub gives no size and digest for {name} of {repository}, by which it could "
            f"be checked. {ENDPOINT}"
        )
    return Remote(name, size, str(digest))


def url_of(repository: str, commit: str, name: str) -> str:
    """Where the hub has a file of a repository, at one state of it."""
    from huggingface_hub import constants

    return f"{constants.ENDPOINT}/{quote(repository)}/resolve/{commit}/{quote(name)}"


def _licence(found: dict[str, Any]) -> str:
    card = found.get("cardData")
    if isinstance(card, dict) and isinstance(card.get("license"), str):
        named = card.get("license_name")
        return str(named if card["license"] == "other" and named else card["license"])
    tags = found.get("tags")
    known = [one for one in tags if str(one).startswith("license:")] if tags else []
    return str(known[0]).partition(":")[2] if known else ""


def _is_inside(name: str) -> bool:
    """Whether a name leads to a place below the folder that it is meant for."""
    path = PurePosixPath(name)
    bad = "\\" in name or "\0" in name or ":" in name
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and not bad
