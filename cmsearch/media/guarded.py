"""Pictures that would keep a decoder busy without end, told before they are decoded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from math import inf
from typing import BinaryIO

from PIL import Image

from cmsearch.errors import MediaError

MAX_READS = 4_000_000
"""How often a file is read from: each time is a step of a decoder's, and takes microseconds."""
MAX_HEAD = 32 * 2**20
"""Bytes that a JPEG has before its pixels: some phones note a whole map of depths there."""
MAX_SCANNED = 2**32
"""Pixels of a JPEG, over all its scans: ten are usual, and these are twenty-four of the largest."""
MAX_SEGMENTS = 100_000

_PIECE = 2**15
_MARKER = re.compile(rb"\xff([^\x00\xd0-\xd7\xff])")
_SOS, _EOI, _ALONE = 0xDA, 0xD9, (0x01, 0xD8)
_SCAN = b"\xff\xda"
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_SEQUENTIAL = (0xC0, 0xC1, 0xC9)


class Guarded(BufferedReader):
    """A file that raises `MediaError` where it is read too often, or, until `room` is taken away,
    too much of it.
    """

    def __init__(self, file: BinaryIO, room: float = inf) -> None:
        super().__init__(file, 2**16)  # type: ignore[arg-type]  # it is no raw one, which works
        self.room = room
        self._left = MAX_READS

    def read(self, size: int | None = -1, /) -> bytes:
        """Read like a file; raises `MediaError` beyond the bounds."""
        data = super().read(size)
        self.room -= len(data)
        self._left -= 1
        if self._left < 0:
            raise MediaError(f"it consists of more than {MAX_READS:,} pieces")
        if self.room < 0:
            raise MediaError(f"more than {MAX_HEAD // 2**20} MiB come before its pixels")
        return data


@contextmanager
def guarded(file: BinaryIO, room: float = inf) -> Iterator[Guarded]:
    """A file for a decoder. It is to be read through this alone, which keeps its place."""
    found = Guarded(file, room)
    try:
        yield found
    finally:
        found.detach()


@contextmanager
def guarded_jpeg(file: BinaryIO, size: int) -> Iterator[BinaryIO]:
    """The file of a JPEG of `size` bytes for a decoder, which reads at most `MAX_HEAD` of it before
    `check_scans`.

    Its markers are read one after the other, so that a short one needs no guard, which costs time.
    """
    if size <= min(MAX_READS, MAX_HEAD):
        yield file
        return
    with guarded(file, MAX_HEAD) as own:
        yield own


def check_scans(file: BinaryIO, image: Image.Image) -> None:
    """Raise `MediaError` for an opened JPEG that goes over its pixels more often than any
    photograph; `file` is where Pillow has left it.

    Most have one scan with all colours, which what Pillow has just read tells.
    """
    if isinstance(file, Guarded):
        file.room = inf
    start = file.tell()
    if not _is_at_only_scan(file, image):
        _count_scans(file, image.width * image.height)
    file.seek(start)


def _is_at_only_scan(file: BinaryIO, image: Image.Image) -> bool:
    """Whether before the file's place a scan begins that has all colours of a sequential JPEG."""
    components = getattr(image, "layers", 0)
    if not components or image.info.get("progressive"):
        return False
    length = 6 + 2 * components
    file.seek(max(0, file.tell() - length - len(_SCAN)))
    return file.read(5) == _SCAN + length.to_bytes(2, "big") + bytes([components])


def _has_one_scan(file: BinaryIO) -> bool:
    """Whether the first scan of a JPEG has all of its colours at once, after which none counts."""
    components = 0
    for marker, head in _segments(file):
        if marker in _FRAMES and len(head) > 5:
            components = head[5] if marker in _SEQUENTIAL else 0
        if marker == _SOS:
            return bool(components) and head[:1] == bytes([components])
    return False


def _count_scans(file: BinaryIO, pixels: int) -> None:
    scans = 0
    if _has_one_scan(file):
        return
    for marker, _ in _segments(file):
        if marker == _SOS:
            scans += 1
            if scans * pixels > MAX_SCANNED and scans > 1:
                raise MediaError(
                    f"it goes over its {pixels:,} pixels more than {scans - 1:,} times, which no "
                    "photograph does; save it anew, if it shows what it should"
                )


def _segments(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """The markers of a JPEG up to its end, each with the first bytes of what it has."""
    place, count = 2, 0
    while count < MAX_SEGMENTS:
        file.seek(place)
        data = file.read(_PIECE)
        found = _MARKER.search(data)
        if found is None:
            if len(data) < 2:
                return
            place += len(data) - 1
            continue
        marker, place, count = found[1][0], place + found.end(), count + 1
        if marker == _EOI:
            return
        if marker in _ALONE:
            continue
        file.seek(place)
        head = file.read(16)
        yield marker, head[2:]
        place += max(2, int.from_bytes(head[:2], "big"))
    raise MediaError(f"it consists of more than {MAX_SEGMENTS:,} segments")
