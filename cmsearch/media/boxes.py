"""Finding XMP and times in files that are built of boxes: MP4, QuickTime, HEIC, CR3, JPEG 2000."""

# Tested by tests/unit/cmsearch/media/test_notes.py

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import BinaryIO, NamedTuple

from cmsearch.media.xmp import MAX_PACKET

XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_WITHIN = {(): (b"moov", b"uuid"), (b"moov",): (b"udta", b"uuid"), (b"moov", b"udta"): (b"XMP_",)}
"""By the boxes that one is in, those that XMP is in or may be below."""
MOST_BOXES = 10_000
_EPOCH, _FIRST_YEAR = datetime(1904, 1, 1), 1980
"""Of QuickTime's clock; one that says less was never set."""


class Box(NamedTuple):
    """A box without its head: its kind, and where in the file its content begins and ends."""

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


def movie_time(file: BinaryIO) -> datetime | None:
    """When a file says that its pictures that follow each other were made, in UTC."""
    size = file.seek(0, 2)
    for movie in boxes(file, 0, size):
        if movie.kind == b"moov":
            heads = (one for one in boxes(file, *movie[1:]) if one.kind == b"mvhd")
            return next((_made(file, head) for head in heads), None)
    return None


def _made(file: BinaryIO, head: Box) -> datetime | None:
    file.seek(head.start)
    data = file.read(min(head.end - head.start, 12))
    seconds = int.from_bytes(data[4:12] if data[:1] == b"\1" else data[4:8], "big")
    try:
        found = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        return None
    return found if found.year >= _FIRST_YEAR else None


def _packets(file: BinaryIO, path: tuple[bytes, ...], start: int, end: int) -> Iterator[bytes]:
    for box in boxes(file, start, end):
        if box.kind not in _WITHIN[path]:
            continue
        if (*path, box.kind) in _WITHIN:
            yield from _packets(file, (*path, box.kind), box.start, box.end)
            continue
        file.seek(box.start)
        if box.kind == b"XMP_" or file.read(len(XMP_UUID)) == XMP_UUID:
            yield file.read(min(box.end - file.tell(), MAX_PACKET + 1))


def boxes(file: BinaryIO, start: int, end: int) -> Iterator[Box]:
    """The boxes between two places of a file, up to one that isn't whole."""
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
        yield Box(head[4:8], begin, stop)
        start = stop
