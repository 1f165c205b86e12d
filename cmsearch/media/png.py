"""When a PNG says that it was last changed."""

# Tested by tests/unit/cmsearch/media/test_exif.py

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import BinaryIO

_PNG = b"\x89PNG\r\n\x1a\n"
_CHUNKS = 10_000


def png_time(file: BinaryIO) -> datetime | None:
    """When a PNG says that it was last changed, in UTC."""
    try:
        found = next((data for name, data in _chunks(file) if name == b"tIME"), b"")
        return datetime(int.from_bytes(found[:2], "big"), *found[2:7]) if len(found) == 7 else None
    except (OSError, ValueError, TypeError):
        return None


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """The chunks of a PNG with their first few bytes."""
    file.seek(len(_PNG))
    for _ in range(_CHUNKS):
        head = file.read(8)
        if len(head) < 8 or head[4:] == b"IEND":
            return
        length = int.from_bytes(head[:4], "big")
        data = file.read(min(length, 7))
        yield head[4:], data
        file.seek(length - len(data) + 4, 1)
