"""The places in a picture's file where something is noted: EXIF, XMP, IPTC's records, and texts."""

# Tested by tests/unit/cmsearch/media/test_notes.py

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from PIL import ExifTags, Image

from cmsearch.media.iptc import (
    IPTC,
    IPTC_TAG,
    PHOTOSHOP_TAG,
    Records,
    is_newer,
    read_records,
    resources_of,
)
from cmsearch.media.xmp import Packet, read_packet

Fields = Mapping[Any, Any]
XMP_TAG = 700
_PROFILE = "Raw profile type {}"
_LONGEST_PROFILE = 2**20  # characters


class Sources(NamedTuple):
    """What stands in a picture's file besides the picture; what is damaged is empty."""

    exif: Image.Exif
    more: Fields
    """The part of EXIF that is about the shot."""
    gps: Fields
    info: Fields
    """Pillow's, with the texts of a PNG."""
    packet: Packet
    records: Records
    is_newer: bool
    """Whether the records were changed after the XMP."""

    def preferred(self, values: list[str], recorded: list[str]) -> list[str]:
        """XMP's values, or those of the records where they are newer, or XMP has none."""
        first, second = (recorded, values) if self.is_newer else (values, recorded)
        return first or second


def gathered(exif: Image.Exif, info: Fields | None = None) -> Sources:
    """What EXIF and Pillow's `info` have."""
    info = info or {}
    more, gps = _part(exif, ExifTags.IFD.Exif), _part(exif, ExifTags.IFD.GPSInfo)
    packet = read_packet(info.get("xmp") or value_of(exif, XMP_TAG) or profile(info, "xmp"))
    resources = info.get("photoshop")
    if not isinstance(resources, Mapping):
        resources = resources_of(value_of(exif, PHOTOSHOP_TAG) or profile(info, "iptc"))
    data = resources.get(IPTC) or _records_of(exif)
    return Sources(exif, more, gps, info, packet, read_records(data), is_newer(resources, data))


def exif_of(image: Image.Image) -> Image.Exif:
    """A picture's EXIF; damaged EXIF says nothing."""
    with suppress(Exception):
        return image.getexif()
    return Image.Exif()


def value_of(fields: Fields, tag: int) -> Any:
    """A field; one that is damaged is none."""
    try:
        return fields.get(tag)
    except Exception:  # Pillow decodes a field when it is asked for
        return None


def _part(exif: Image.Exif, which: int) -> Fields:
    try:
        return exif.get_ifd(which)
    except Exception:  # what is damaged says nothing
        return {}


def _records_of(exif: Image.Exif) -> bytes | None:
    """Records of IPTC in a TIFF: most are written as numbers of four bytes, which Pillow gives as
    one number, so that they are taken as they stand.
    """
    raw = getattr(getattr(exif, "_info", None), "_tagdata", None)
    data = raw.get(IPTC_TAG) if isinstance(raw, Mapping) else None
    return data if isinstance(data, bytes) else None


def profile(info: Fields, name: str) -> bytes | None:
    """What ImageMagick and ExifTool write into a PNG as a text of hexadecimal numbers."""
    text = info.get(_PROFILE.format(name))
    if not isinstance(text, str) or len(text) > _LONGEST_PROFILE:
        return None
    words = text.split()
    length = next((at for at, word in enumerate(words[:4]) if word.isdecimal()), 4)
    with suppress(ValueError):
        return bytes.fromhex("".join(words[length + 1 :]))
    return None
