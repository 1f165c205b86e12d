"""Finding XMP in files that are built of boxes: MP4, QuickTime, and raw pictures such as CR3."""

# Tested by tests/unit/cmsearch/media/test_notes.py

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from cmsearch.media.xmp import MAX_PACKET

_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_WITHIN = {(): (b"moov", b"uuid"), (b"moov",): (b"udta", b"uuid"), (b"moov", b"udta"): (b"XMP_",)}
"""By the boxes that one is in, those that XMP is in or may be below."""
MOST_BOXES = 10_000


class _Box(NamedTuple):
    kind: bytes
    start: int
    end: int


def packet_in(file: BinaryIO) -> bytes:
    """The packet of XMP in a file; nothing where there is none.

    One that is longer than any is read by one byte more than `MAX_PACKET`, so that it is told.
    """
    size = file.seek(0, 2)
    file.seek(4)
    if file.read(4) not in (b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip"):
        return b""
    return next(_packets(file, (), 0, size), b"")


def _packets(file: BinaryIO, path: tuple[bytes, ...], start: int, end: int) -> Iterator[bytes]:
    for box in _boxes(file, start, end):
        if box.kind not in _WITHIN[path]:
            continue
        if (*path, box.kind) in _WITHIN:
            yield from _packets(file, (*path, box.kind), box.start, box.end)
            continue
        file.seek(box.start)
        if box.kind == b"XMP_" or file.read(len(_XMP)) == _XMP:
            yield file.read(min(box.end - file.tell(), MAX_PACKET + 1))


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[_Box]:
    for _ in range(MOST_BOXES):
        file.seek(start)
        head = file.read(16)
        if len(head) < 8 or start + 8 > end:
            return
        size, begin = int.from_bytes(head[:4], "big"), start + 8
        if size == 1:
            size, begin = int.from_bytes(head[8:16], "big"), start + 16
        stop = end if size == 0 else start + size
        if stop < begin or stop > end:
            return
        yield _Box(head[4:8], begin, stop)
        start = stop
