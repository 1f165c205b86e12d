"""When, with what and where a picture was taken, from its EXIF and what is noted beside that.

Each field is read on its own: a damaged or blank one is passed over and hides no other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, time
from math import isfinite, nan
from typing import Any, BinaryIO

from PIL import ExifTags, Image

from cmsearch.media import moments
from cmsearch.media.embedded import MADE, sources_of
from cmsearch.media.iptc import DIGITAL, date_of
from cmsearch.media.moments import Instant
from cmsearch.media.png import png_time
from cmsearch.media.sources import Fields, Sources, value_of
from cmsearch.media.xmp import Packet
from cmsearch.types import Capture

_BASE, _GPS = ExifTags.Base, ExifTags.GPS
_SHOT = ((0x9003, 0x9291, 0x9011), (0x9004, 0x9292, 0x9012))
"""When it was taken, and when it became digital: the tags of the time, of the fraction of its
second, and of its offset from UTC.
"""
_SOURCES = (moments.EXIF, moments.XMP, moments.IPTC)
_SUB_SECONDS, _OFFSET = 0x9290, 0x9010
TAKEN = ("exif:DateTimeOriginal", "photoshop:DateCreated", "xmpDM:shotDate", "acdsee:datetime")
ORIGINAL = (*TAKEN, "exif:DateTimeDigitized", "xmp:CreateDate")
"""When a picture was taken, or else made, in the order in which they count."""
CHANGED = (
    *("exif:DateTime", "tiff:DateTime", "xmp:ModifyDate"),
    *("Creation Time", "CreationTime", "creation time", "dc:date"),
)
"""When a picture was made, or changed."""
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")


def read_capture(image: Image.Image, file: BinaryIO) -> Capture:
    """When, with what and where a picture was taken, as far as it says; `file` is what it is in."""
    return capture_of(sources_of(image, file), image, file)


def capture_of(sources: Sources, image: Image.Image, file: BinaryIO) -> Capture:
    """The same of what was gathered from the picture."""
    capture = shot_of(sources)
    if capture.taken or image.format != "PNG":
        return capture
    taken = png_time(file)
    return replace(capture, taken=taken, source=moments.GPS if taken else None)


def shot_of(sources: Sources) -> Capture:
    """When, with what and where it was, as the sources in a picture say."""
    exif, gps = sources.exif, sources.gps
    taken = _best([*_instants(sources)])
    place = (_place(gps) if gps else None) or place_in(sources.packet)
    latitude, longitude = place or (None, None)
    camera = camera_name(value_of(exif, _BASE.Make), value_of(exif, _BASE.Model))
    if taken is None:
        return Capture(None, camera, latitude, longitude)
    instant, source = taken
    return Capture(instant.time, camera, latitude, longitude, source, instant.zone)


def completed(capture: Capture, other: Capture) -> Capture:
    """What one part of a file says of a shot, and what another does where it says nothing."""
    north, east = capture.latitude, capture.longitude
    if north is None or east is None:
        north, east = other.latitude, other.longitude
    own = capture if capture.taken else other
    return Capture(own.taken, capture.camera or other.camera, north, east, own.source, own.zone)


def _best(found: list[tuple[Instant, str]]) -> tuple[Instant, str] | None:
    """The first, or where that is a day alone what else says when it was taken on that day."""
    if not found:
        return None
    day = found[0][0].time
    if day != datetime.combine(day, time()):
        return found[0]
    others = (one for one in found if one[1] in _SOURCES and one[0].time.date() == day.date())
    return next((one for one in others if one[0].time > day), found[0])


def _instants(sources: Sources) -> Iterator[tuple[Instant, str]]:
    """What says when a picture was taken, in the order in which it counts."""
    for source, value, fraction, zone in _written(sources):
        found = moments.instant(value) if value else None
        if found is not None:
            yield moments.completed(found, fraction, zone), source
    if found := _of_satellites(sources):
        yield found, moments.GPS


def _written(sources: Sources) -> Iterator[tuple[str, Any, Any, Any]]:
    """Fields with a time: the source, the value, the fraction of a second and the offset of it."""
    exif, more = sources.exif, sources.more
    for tag, fraction, zone in _SHOT:
        beside = value_of(more, fraction), value_of(more, zone)
        yield moments.EXIF, value_of(more, tag), *beside
        yield moments.EXIF, value_of(exif, tag), *beside  # where raw pictures have them
    recorded = moments.IPTC, date_of(sources.records), None, None
    if sources.is_newer:
        yield recorded
    for name in TAKEN:
        yield moments.XMP, _beside(sources, name), None, None
    yield recorded
    for name in ORIGINAL[len(TAKEN) :]:
        yield moments.XMP, _beside(sources, name), None, None
    yield moments.IPTC, date_of(sources.records, DIGITAL), None, None
    changed = value_of(more, _SUB_SECONDS), value_of(more, _OFFSET)
    yield moments.CHANGED, value_of(exif, _BASE.DateTime), *changed
    for name in CHANGED:
        yield moments.CHANGED, _beside(sources, name), None, None
    yield moments.CHANGED, sources.info.get(MADE), None, None


def _beside(sources: Sources, name: str) -> str:
    """A field of XMP, or a text of a PNG."""
    text = sources.info.get(name)
    return sources.packet.first(name) or (text if isinstance(text, str) else "")


def _of_satellites(sources: Sources) -> Instant | None:
    """The satellites' time, which is that of Greenwich, brought to the offset that the camera
    noted, if it did.
    """
    gps = sources.gps
    day = moments.moment(value_of(gps, _GPS.GPSDateStamp))
    if day is None:
        return moments.instant(sources.packet.first("exif:GPSTimeStamp"))
    clock = [one if isfinite(one) else 0 for one in _numbers(value_of(gps, _GPS.GPSTimeStamp))]
    hour, minute, second = (int(one) for one in [*clock, 0, 0, 0][:3])
    found = moments.instant(f"{day:%Y-%m-%d} {hour}:{minute}:{second}")
    zones = (value_of(sources.more, tag) for *_, tag in (*_SHOT, (0, 0, _OFFSET)))
    return found and moments.shifted(found, next(filter(None, zones), None))


def camera_name(make: Any, model: Any) -> str | None:
    """Maker and model as one name; many models begin with their maker's."""
    maker, name = _text(make), _text(model)
    if maker and name.lower().startswith(maker.split()[0].lower()):
        return name
    return f"{maker} {name}".strip() or None


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if not isinstance(value, str):
        return ""
    return value.encode("utf-8", "replace").decode().replace("\0", "").strip()


def _place(gps: Fields) -> tuple[float, float] | None:
    north = _degrees(value_of(gps, _GPS.GPSLatitude), value_of(gps, _GPS.GPSLatitudeRef), "NS")
    east = _degrees(value_of(gps, _GPS.GPSLongitude), value_of(gps, _GPS.GPSLongitudeRef), "EW")
    return _checked(north, east)


def place_in(packet: Packet) -> tuple[float, float] | None:
    """Degrees north and east that XMP has, which it writes as `38,43.5N`."""
    north, east = (packet.first(f"exif:GPS{one}") for one in ("Latitude", "Longitude"))
    return _checked(_degrees(north, north[-1:], "NS"), _degrees(east, east[-1:], "EW"))


def _checked(north: float | None, east: float | None) -> tuple[float, float] | None:
    """A place on earth; 0, 0, in the Gulf of Guinea, is what is written for none."""
    if north is None or east is None or abs(north) > 90 or abs(east) > 180:
        return None
    return (north, east) if north or east else None


def _degrees(value: Any, side: Any, sides: str) -> float | None:
    """Degrees, minutes and seconds as one number, south and west below zero.

    Seconds may be missing. Where minutes are too, the degrees have to have decimals: without them
    they are half of something.
    """
    degrees, minutes, seconds = [*_numbers(value), nan, nan, nan][:3]
    side = _text(side[0] if isinstance(side, tuple) and side else side)[:1].upper()
    if not isfinite(degrees) or (side and side not in sides and not side.isdigit()):
        return None
    if not isfinite(minutes):
        if degrees.is_integer() or isfinite(seconds):
            return None
        minutes = 0
    if not isfinite(seconds):
        seconds = 0
    if not (0 <= minutes <= 60 and 0 <= seconds <= 60):
        return None
    found = abs(degrees) + minutes / 60 + seconds / 3600
    return -found if side == sides[1] or degrees < 0 else found


def _numbers(value: Any) -> list[float]:
    """A field's numbers, of which a fraction of nothing is none."""
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if isinstance(value, str):
        value = _NUMBER.findall(value[:100])
    found = []
    for one in value if isinstance(value, tuple | list) else [value]:
        try:
            found.append(float(one))
        except (TypeError, ValueError, ZeroDivisionError, OverflowError):
            found.append(nan)
    return found
