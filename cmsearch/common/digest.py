"""The digest by which content is known again, and checksums by which damage is told."""

# Tested by tests/unit/indexer/test_changes.py

from __future__ import annotations

import hashlib
import zlib
from pathlib import Path
from typing import BinaryIO

from cmsearch.common.files import open_file

BLOCK = 2**20


def content_digest(data: bytes) -> str:
    """The digest by which content is known again: SHA-256, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def file_digest(path: Path) -> str:
    """The `content_digest` of a regular file; raises `OSError`."""
    with open_file(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def block_checksums(file: BinaryIO, block: int = BLOCK) -> list[int]:
    """The CRC-32 of each block, of 1 MiB if no other size is given, of what is left of a file.

    It tells damage, several times as fast as a digest on processors without instructions for one.
    """
    return [zlib.crc32(part) for part in iter(lambda: file.read(block), b"")]
