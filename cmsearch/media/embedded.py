"""What is noted in a picture's file where Pillow doesn't look.

That is XMP in GIF and JPEG 2000, EXIF and IPTC's records in JPEG 2000, the XMP that doesn't fit
into one segment of a JPEG, and when the pictures of a HEIC or AVIF were made that follow each
other.
"""

# Tested by tests/unit/cmsearch/media/test_embedded.py

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from hashlib import md5
from typing import Any, BinaryIO

from PIL import Image

from cmsearch.common.files import larger_than
from cmsearch.media import moments
from cmsearch.media.boxes import XMP_UUID, boxes, movie_time
from cmsearch.media.iptc import IPTC
from cmsearch.media.sources import Fields, Sources, exif_of, gathered, profile
from cmsearch.media.xmp import MAX_PACKET, Packet, read_packet

MAX_GIF = 32 * 2**20
"""Bytes of a GIF that are looked through for XMP, which may stand behind all its pictures."""
MAX_EXTENSION = 16 * 2**20
"""Bytes of XMP beyond the first segment of a JPEG: phones keep whole maps of depths there."""
_MAX_EXIF = 16 * 2**20
_GIF_XMP, _MAGIC = b"XMP DataXMP", b"\1\xff\xfe\xfd\xfc"
_EXIF_HEAD, _XMP_HEAD = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
_EXIF_UUID = b"JpgTiffExif->JP2"
_IPTC_UUID = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")
_SEGMENT = b"http://ns.adobe.com/xmp/extension/\0"
_NAME = 32  # characters of the digest by which a packet names its extension
_EXTENDED = "xmpNote:HasExtendedXMP"
MADE = "creation_time"
"""Under this name `info` has the local time at which a HEIC says that its pictures were made."""


def sources_of(image: Image.Image, file: BinaryIO) -> Sources:
    """All that stands in an opened picture's file; `file` is what it is in."""
    exif = exif_of(image)
    beside: dict[str, Any] = {}
    with suppress(OSError, ValueError):  # what is damaged says nothing
        beside = _left_out(str(image.format), image.info, file)
    if data := beside.pop("exif", b""):
        with suppress(Exception):  # as Pillow's other formats
            exif.load(data)
    found = gathered(exif, {**image.info, **beside})
    segments = [data for _, data in getattr(image, "applist", ()) if data.startswith(_SEGMENT)]
    _extend(found.packet, segments)
    return found


def _left_out(kind: str, info: Fields, file: BinaryIO) -> dict[str, Any]:
    """What else a file has, by the names under which Pillow has it of other formats."""
    if kind == "GIF":
        packet = gif_packet(file)
        return {"xmp": packet} if packet else {}
    if kind == "JPEG2000":
        return dict(_in_boxes(file))
    if kind == "PNG":
        return _as_segment(profile(info, "APP1") or b"", info)
    if kind in ("HEIF", "AVIF") and (made := movie_time(file)):
        return {MADE: f"{moments.here(made):%Y-%m-%d %H:%M:%S}"}
    return {}


def _as_segment(data: bytes, info: Fields) -> dict[str, Any]:
    """EXIF or XMP that ImageMagick took out of a JPEG, unless there is other."""
    for name, head in (("exif", _EXIF_HEAD), ("xmp", _XMP_HEAD)):
        if data.startswith(head) and name not in info:
            return {name: data if name == "exif" else data[len(head) :]}
    return {}


def gif_packet(file: BinaryIO) -> bytes:
    """The packet of XMP in a GIF; nothing where there is none in its first `MAX_GIF` bytes."""
    file.seek(0)
    data = file.read(MAX_GIF)
    with suppress(IndexError):  # it ends before its end
        at = 13 + _colours(data[10])
        while data[at] != 0x3B:
            if data[at] == 0x2C:
                at = _after(data, at + 11 + _colours(data[at + 9]))
                continue
            if data[at : at + 14] == b"\x21\xff\x0b" + _GIF_XMP:
                return data[at + 14 : data.find(_MAGIC, at)][: MAX_PACKET + 1]
            at = _after(data, at + 2)
    return b""


def _colours(flags: int) -> int:
    """Bytes of a table of colours."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _after(data: bytes, at: int) -> int:
    """The place behind the blocks that begin at one, each of which says how long it is."""
    while size := data[at]:
        at += size + 1
    return at + 1


def _in_boxes(file: BinaryIO) -> Iterator[tuple[str, Any]]:
    """EXIF, XMP and IPTC's records of a JPEG 2000, which stand in boxes behind its signature."""
    size = file.seek(0, 2)
    for box in boxes(file, 0, size):
        if box.kind != b"uuid":
            continue
        file.seek(box.start)
        name, length = file.read(16), max(0, box.end - box.start - 16)
        if name == XMP_UUID:
            yield "xmp", file.read(min(length, MAX_PACKET + 1))
        elif name == _EXIF_UUID and length <= _MAX_EXIF:
            yield "exif", file.read(length)
        elif name == _IPTC_UUID and length <= MAX_PACKET:
            yield "photoshop", {IPTC: file.read(length)}


def _extend(packet: Packet, segments: list[bytes]) -> None:
    """Read the rest of a packet as well, if it is whole; what is wrong with it is told."""
    name = packet.first(_EXTENDED).upper()
    own = [data[len(_SEGMENT) :] for data in segments]
    own = [data for data in own if data[:_NAME] == name.encode()]
    if not name or not own:
        return
    found = _joined([data[_NAME:] for data in own], name)
    if isinstance(found, bytes):
        read_packet(found, into=packet, most=MAX_EXTENSION)
    packet.problem = packet.problem or (found if isinstance(found, str) else "")


def _joined(pieces: list[bytes], name: str) -> bytes | str:
    """Pieces in their order, each of which begins with the length of all and its place; or why they
    aren't what they were.
    """
    size = max(int.from_bytes(piece[:4], "big") for piece in pieces)
    if size > MAX_EXTENSION:
        return f"its XMP beyond the first segment is {larger_than(MAX_EXTENSION)}, and isn't read"
    placed = {int.from_bytes(piece[4:8], "big"): piece[8:] for piece in pieces}
    whole = b"".join(placed[place] for place in sorted(placed))
    if len(whole) != size or md5(whole, usedforsecurity=False).hexdigest().upper() != name:
        return "its XMP beyond the first segment is damaged, or incomplete, and isn't read"
    return whole
