"""Reading the records of IPTC (the Information Interchange Model) that pictures carry."""

# Tested by tests/unit/cmsearch/media/test_notes.py

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from hashlib import md5
from typing import Any

IPTC, DIGEST = 0x0404, 0x0425
"""The numbers that Photoshop gave the records, and the digest that they had when the XMP beside
them was written.
"""
IPTC_TAG, PHOTOSHOP_TAG = 33723, 34377
"""Of TIFF."""
TITLE, KEYWORD, CREATOR, CITY = (2, 5), (2, 25), (2, 80), (2, 90)
PLACE, STATE, COUNTRY, HEADLINE, CAPTION = (2, 92), (2, 95), (2, 101), (2, 105), (2, 120)
MADE, DIGITAL = ((2, 55), (2, 60)), ((2, 62), (2, 63))
"""The day and the time at which a picture was made, and at which it became digital."""
MAX_RECORDS = 2000
_MAX_BYTES = 4 * 2**20
_UTF8, _CHARSET = b"\x1b%G", (1, 90)
_CLOCK = re.compile(r"(\d\d)(\d\d)(\d\d)")

Records = Mapping[tuple[int, int], list[str]]


def read_records(data: Any) -> dict[tuple[int, int], list[str]]:
    """The texts of each dataset by its record and number; what is damaged ends it."""
    raw = list(_datasets(data)) if isinstance(data, bytes) and len(data) <= _MAX_BYTES else []
    is_utf8 = (_CHARSET, _UTF8) in raw
    found: dict[tuple[int, int], list[str]] = {}
    for number, value in raw:
        text = _text(value, is_utf8=is_utf8)
        if text:
            found.setdefault(number, []).append(text)
    return found


def date_of(records: Records, numbers: Iterable[tuple[int, int]] = MADE) -> str:
    """A day and its time, as the datasets of these numbers have them."""
    day, clock = (records.get(number, [""])[0][:20] for number in numbers)
    written = _CLOCK.sub(r"\1:\2:\3", clock, count=1)
    return f"{day} {written}".strip()


def is_newer(resources: Any, data: Any) -> bool:
    """Whether the records of a picture were changed after its XMP, as the digest says that
    Photoshop keeps: the Metadata Working Group's guidelines, version 2.0, have this rule.
    """
    kept = resources.get(DIGEST) if isinstance(resources, Mapping) else None
    if not isinstance(kept, bytes) or len(kept) != 16 or not isinstance(data, bytes):
        return False
    return kept != bytes(16) and kept != md5(data, usedforsecurity=False).digest()


def resources_of(data: Any) -> dict[int, bytes]:
    """Photoshop's resources by their numbers, of what stands in a TIFF."""
    found: dict[int, bytes] = {}
    if not isinstance(data, bytes) or len(data) > _MAX_BYTES:
        return found
    at = 0
    while data[at : at + 4] == b"8BIM" and len(found) < MAX_RECORDS:
        number, name = int.from_bytes(data[at + 4 : at + 6], "big"), data[at + 6 : at + 7]
        start = at + 6 + (2 + (name or b"\0")[0]) // 2 * 2
        size = int.from_bytes(data[start : start + 4], "big")
        found[number] = data[start + 4 : start + 4 + size]
        at = start + 4 + size + size % 2
    return found


def _datasets(data: bytes) -> Iterator[tuple[tuple[int, int], bytes]]:
    at = 0
    for _ in range(MAX_RECORDS):
        if data[at : at + 1] != b"\x1c" or at + 5 > len(data):
            return
        size = int.from_bytes(data[at + 3 : at + 5], "big")
        start = at + 5
        if size & 0x8000:  # the length has a length of its own
            more = size & 0x7FFF
            size = int.from_bytes(data[start : start + min(more, 8)], "big")
            start += more
        if start + size > len(data):
            return
        yield (data[at + 1], data[at + 2]), data[start : start + size]
        at = start + size


def _text(value: bytes, *, is_utf8: bool) -> str:
    """A value in the encoding that is said, or else in UTF-8 if it is that, or Windows-1252."""
    try:
        text = value.decode("utf-8", "replace" if is_utf8 else "strict")
    except UnicodeDecodeError:
        text = value.decode("cp1252", "replace")
    return text.replace("\0", "").strip()
