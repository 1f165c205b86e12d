"""What is noted in pictures besides EXIF: in XMP, in IPTC's records, in the chunks of a PNG."""

# Tested by tests/unit/cmsearch/media/test_exif.py

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, BinaryIO
from xml.parsers import expat

MAX_PACKET = 2**20
"""Bytes of an XMP packet at most that are read."""
XMP_TAG = 700
ORIGINAL = (
    "exif:DateTimeOriginal",
    "photoshop:DateCreated",
    "iptc:DateCreated",
    "exif:DateTimeDigitized",
    "xmp:CreateDate",
)
"""When a picture was taken, or else made, in the order in which they count."""
CHANGED = ("exif:DateTime", "tiff:DateTime", "Creation Time", "CreationTime", "creation time")
"""When a picture was made, or changed."""
_SPACES = {
    "http://ns.adobe.com/exif/1.0/": "exif",
    "http://ns.adobe.com/photoshop/1.0/": "photoshop",
    "http://ns.adobe.com/tiff/1.0/": "tiff",
    "http://ns.adobe.com/xap/1.0/": "xmp",
}
_IPTC = 0x0404  # the number that Photoshop gave these records
_DATE, _TIME = b"\x1c\x02\x37", b"\x1c\x02\x3c"
_PNG = b"\x89PNG\r\n\x1a\n"
_CHUNKS = 10_000


def noted(info: Mapping[Any, Any], packet: Any = None) -> dict[str, str]:
    """The fields that a picture has besides its EXIF, by their names, as they are written.

    `info` is that of Pillow, `packet` the XMP that is found elsewhere.
    """
    found = {name: text for name, text in info.items() if isinstance(text, str) and len(text) < 100}
    records = info.get("photoshop")
    if isinstance(records, Mapping) and isinstance(data := records.get(_IPTC), bytes):
        found["iptc:DateCreated"] = " ".join(_record(data, one) for one in (_DATE, _TIME))
    for one in (info.get("xmp"), packet):
        found |= fields(one)
    return {str(name): text for name, text in found.items()}


def fields(packet: Any) -> dict[str, str]:
    """The plain fields of an XMP packet by their names, such as `exif:DateTimeOriginal`.

    One with a document type, or that isn't whole, gives those that come before that.
    """
    data = packet.encode("utf-8", "replace") if isinstance(packet, str) else packet
    if not isinstance(data, bytes) or len(data) > MAX_PACKET:
        return {}
    reader = _Fields()
    with suppress(expat.ExpatError, ValueError, LookupError):  # of encodings that nobody knows
        reader.parser.Parse(data.strip(b"\0 \t\r\n"), True)
    return reader.found


class _Fields:
    """Notes the text of attributes and elements of the namespaces that tell times and places."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self._name: str | None = None
        self._text = ""
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters

    def _refuse(self, *declared: object) -> None:
        raise ValueError("a document type, which XMP has no use for and attacks have")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        for one, text in attributes.items():
            if (short := _short(one)) is not None:
                self.found.setdefault(short, text)
        self._name, self._text = _short(name), ""

    def _characters(self, text: str) -> None:
        if self._name is not None:
            self._text += text

    def _end(self, name: str) -> None:
        if self._name is not None and self._text.strip():
            self.found.setdefault(self._name, self._text.strip())
        self._name = None


def _short(name: str) -> str | None:
    space, _, local = name.rpartition(" ")
    return f"{_SPACES[space]}:{local}" if space in _SPACES else None


def _record(data: bytes, mark: bytes) -> str:
    """The text of one of IPTC's records."""
    at = data.find(mark)
    length = int.from_bytes(data[at + 3 : at + 5], "big") if at >= 0 else 0
    text = data[at + 5 : at + 5 + min(length, 20)].decode("latin-1")
    return re.sub(r"^(\d\d)(\d\d)(\d\d)", r"\1:\2:\3", text) if mark == _TIME else text


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
