"""Where a collection of vectors is: an address as it is written, and what it says."""

# Tested by tests/unit/cmsearch/store/index/test_address.py

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from cmsearch.errors import QueryError

_ADDRESS = re.compile(r"([a-z][a-z0-9_]*)(\+https)?:(.*)", re.DOTALL)
_PLACE = re.compile(r"//(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_.-]+)(?::([0-9]{1,5}))?/([^/]*)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_LONGEST = 1_000
LOCAL_NAME = "cmsearch"
"""What the collections in a file are called."""


@dataclass(frozen=True, slots=True)
class Address:
    """A collection on a server, or in a file or folder of this machine."""

    kind: str
    """Which server: `milvus` or `qdrant`, or one that a package brings."""
    server: str
    """The server's name with its port, if that is given; empty for a file."""
    is_encrypted: bool
    """Whether the server is reached by TLS."""
    path: str
    """The absolute path of a file or folder; empty for a server."""
    collection: str
    """What the names of its collections begin with."""

    def __str__(self) -> str:
        return f"{self.place}/{self.collection}" if self.server else self.place

    @property
    def place(self) -> str:
        """What is contacted: the server without a collection, or the file."""
        kind = f"{self.kind}+https" if self.is_encrypted else self.kind
        return f"{kind}://{self.server}{self.path}"

    def url(self, port: int) -> str:
        """The server's own address, with its port or that which it has by default."""
        scheme = "https" if self.is_encrypted else "http"
        has_port = re.search(r":\d+$", self.server.rpartition("]")[2])
        return f"{scheme}://{self.server}" + ("" if has_port else f":{port}")


def is_address(name: str) -> bool:
    """Whether what names an index is an address, and not a name alone."""
    return ":" in name


def parsed(text: str) -> Address:
    """What an address says; a relative path is of the current folder.

    Raises `QueryError` for what is no address, and for one with a password in it.
    """
    found = _ADDRESS.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None or any(ord(one) < 32 for one in text):
        raise QueryError(f"{text[:80]!r} is no address of vectors. {FORMS}")
    kind, encrypted, rest = found[1], bool(found[2]), found[3]
    if rest.startswith("//") and not rest.startswith("///"):
        return _server(text, kind, encrypted, rest)
    path = rest[2:] if rest.startswith("///") else rest
    if encrypted or not path:
        raise QueryError(f"{text[:80]!r} names no file. {FORMS}")
    return Address(kind, "", False, str(Path(path).expanduser().absolute()), LOCAL_NAME)


def _server(text: str, kind: str, encrypted: bool, rest: str) -> Address:
    if "@" in rest or "?" in rest or "#" in rest:
        raise QueryError(
            "An address of vectors has no user, password or parameters in it, since an index "
            "remembers it: give the key in the environment, as MILVUS_TOKEN, QDRANT_API_KEY or "
            "PGPASSWORD, "
            f"and name the server as {kind}://host:port/collection."
        )
    place = _PLACE.fullmatch(rest)
    if place is None or int(place[2] or 1) not in range(1, 65_536):
        raise QueryError(f"{text[:80]!r} is no address of vectors. {FORMS}")
    if not _NAME.fullmatch(place[3]):
        raise QueryError(
            f"{text[:80]!r} doesn't name a collection: letters of ASCII, digits and _ after the "
            f"server, 100 at most. {FORMS}"
        )
    server = place[1].lower() + (f":{int(place[2])}" if place[2] else "")
    return Address(kind, server, encrypted, "", place[3])


FORMS = (
    "It is milvus://host:port/collection, qdrant://host:port/collection or "
    "pgvector://host:port/collection, with milvus+https or qdrant+https where the server has TLS, "
    "or milvus:FILE.db, qdrant:FOLDER or pgvector:FOLDER-OF-A-SOCKET on this machine."
)
