"""The digest by which content is known again."""

from __future__ import annotations

import hashlib
from pathlib import Path

from cmsearch.files import open_file


def content_digest(data: bytes) -> str:
    """The digest by which content is known again: SHA-256, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def file_digest(path: Path) -> str:
    """The `content_digest` of a regular file; raises `OSError`."""
    with open_file(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
