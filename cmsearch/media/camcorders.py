"""When a film was taken, as camcorders write it where FFmpeg doesn't look: AVCHD, DV and WMV.

The forms are those that ExifTool's documentation gives: a message in the stream of H.264 (Modified
Digital Video Pack Metadata), packs beside the picture of DV, and the head of an ASF file.
"""

# Tested by tests/unit/cmsearch/media/test_camcorders.py

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import BinaryIO

from cmsearch.media import moments
from cmsearch.media.moments import Instant

LOOKED_AT = 2**20
"""Bytes of a film's beginning in which a time is looked for."""
CAMCORDERS = ("asf", "avi", "dv", "mpegts")
"""FFmpeg's names of the containers in which a time is looked for."""
_ASF = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_MESSAGE = bytes.fromhex("17ee8c60f84d11d98cd60800200c9a66") + b"MDPM"
_STREAM, _SYNC = 188, 0x47
_DV = (b"\x1f\x07\0\x3f", b"\x1f\x07\0\xbf")
_BLOCK, _PACK = 80, 5
_FIRST_YEAR = 1980


def recorded(kind: str, file: BinaryIO) -> Instant | None:
    """The local time in a film, whose container FFmpeg calls `kind`."""
    file.seek(0)
    data = file.read(LOOKED_AT)
    if kind == "asf":
        return _asf(data)
    if kind == "mpegts":
        return next(filter(None, map(_avchd, _streams(data))), None)
    return _dv(data) if kind in ("dv", "avi") else None


def _asf(data: bytes) -> Instant | None:
    """Tenths of microseconds since 1601, in UTC, behind an id and the length of the file."""
    at = data.find(_ASF)
    value = int.from_bytes(data[at + 48 : at + 56], "little") if at >= 0 else 0
    try:
        utc = datetime(1601, 1, 1) + timedelta(microseconds=value // 10)
    except OverflowError:
        return None
    return Instant(moments.here(utc)) if utc.year >= _FIRST_YEAR else None


def _streams(data: bytes) -> Iterator[bytes]:
    """What the packets of each stream of an MPEG transport stream carry, put together."""
    ahead = next((more for more in (0, 4) if data[more :: _STREAM + more][:2] == b"GG"), None)
    if ahead is None:
        return
    found: dict[int, bytearray] = {}
    for at in range(ahead, len(data) - _STREAM + 1, _STREAM + ahead):
        packet = data[at : at + _STREAM]
        if packet[0] == _SYNC and packet[3] & 0x10:
            begin = 5 + packet[4] if packet[3] & 0x20 else 4
            name = int.from_bytes(packet[1:3], "big") & 0x1FFF
            found.setdefault(name, bytearray()).extend(packet[begin:])
    yield from map(bytes, found.values())


def _avchd(stream: bytes) -> Instant | None:
    """The time in the first message of a camcorder in a stream of H.264."""
    at = stream.find(_MESSAGE)
    if at < 0:
        return None
    body = stream[at + len(_MESSAGE) :][:400].replace(b"\0\0\3", b"\0\0")
    tags = {body[place]: body[place + 1 : place + 5] for place in _places(body)}
    day, clock = tags.get(0x18, b""), tags.get(0x19, b"")
    if len(day) != 4 or len(clock) != 4:
        return None
    century, year, month = _digits(day[1:])
    return _instant([100 * century + year, month, *_digits(clock)], _zone(day[0]))


def _places(body: bytes) -> range:
    """Where the tags of a message begin, whose number is said before them."""
    return range(1, min(1 + 5 * body[0] if body else 0, len(body)), 5)


def _zone(value: int) -> str | None:
    """The offset from UTC; camcorders that don't know it write no bit or all."""
    if value in (0, 0xFF):
        return None
    sign = "-" if value & 0x20 else "+"
    return f"{sign}{value >> 1 & 0xF:02}:{'30' if value & 1 else '00'}"


def _dv(data: bytes) -> Instant | None:
    """The time of the first frame: a pack with the day, and behind it one with the time."""
    start = min((at for mark in _DV if (at := data.find(mark)) >= 0), default=-1)
    if start < 0:
        return None
    for block in range(start + _BLOCK, start + 6 * _BLOCK, _BLOCK):
        packs = [data[at : at + _PACK] for at in range(block + 3, block + 73, _PACK)]
        if data[block : block + 1] and data[block] >> 4 == 5:
            for day, clock in pairwise(packs):
                if day[:1] == b"\x62" and clock[:1] == b"\x63" and len(clock) == _PACK:
                    return _packed(day, clock)
    return None


def _packed(day: bytes, clock: bytes) -> Instant | None:
    year, month, date = _digits((day[4], day[3] & 0x1F, day[2] & 0x3F))
    century = 2000 if year < 90 else 1900
    times = _digits((clock[4] & 0x3F, clock[3] & 0x7F, clock[2] & 0x7F))
    return _instant([century + year, month, date, *times], None)


def _digits(values: Sequence[int]) -> list[int]:
    """Numbers of which each half of a byte is a digit; -1 for what is none."""
    return [
        10 * (one >> 4) + (one & 0xF) if one >> 4 < 10 and one & 0xF < 10 else -1 for one in values
    ]


def _instant(numbers: Sequence[int], zone: str | None) -> Instant | None:
    try:
        year, month, day, hour, minute, second = numbers
        found = datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None
    return moments.completed(Instant(found), zone=zone) if year >= _FIRST_YEAR else None
