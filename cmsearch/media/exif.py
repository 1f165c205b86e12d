"""When, with what and where a picture was taken, from its EXIF and what is noted beside that.

Each field is read on its own: a damaged or blank one is passed over and hides no other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from math import isfinite, nan
from typing import Any, BinaryIO

from PIL import ExifTags, Image

from cmsearch.media import packets
from cmsearch.media.moments import moment
from cmsearch.types import Capture

_BASE, _GPS = ExifTags.Base, ExifTags.GPS
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")
Fields = Mapping[Any, Any]


def read_capture(image: Image.Image, file: BinaryIO) -> Capture:
    """When, with what and where a picture was taken, as far as it says; `file` is what it is in."""
    exif = Image.Exif()
    with suppress(Exception):  # damaged EXIF says nothing
        exif = image.getexif()
    capture = shot_of(exif, image.info)
    if capture.taken or image.format != "PNG":
        return capture
    return replace(capture, taken=packets.png_time(file))


def shot_of(exif: Image.Exif, info: Fields | None = None) -> Capture:
    """What a picture's EXIF says, and else what is in `info`, which is Pillow's."""
    more, gps = _part(exif, ExifTags.IFD.Exif), _part(exif, ExifTags.IFD.GPSInfo)
    taken = _first(_shots(exif, more))
    place = _place(gps) if gps else None
    if taken is None or place is None:
        beside = packets.noted(info or {}, _value(exif, packets.XMP_TAG))
        place = place or (_place_in_xmp(beside) if beside else None)
        taken = taken or _first(_others(exif, beside, gps))
    latitude, longitude = place or (None, None)
    camera = camera_name(_value(exif, _BASE.Make), _value(exif, _BASE.Model))
    return Capture(taken, camera, latitude, longitude)


def completed(capture: Capture, other: Capture) -> Capture:
    """What one part of a file says of a shot, and what another does where it says nothing."""
    north, east = capture.latitude, capture.longitude
    if north is None or east is None:
        north, east = other.latitude, other.longitude
    return Capture(capture.taken or other.taken, capture.camera or other.camera, north, east)


def _part(exif: Image.Exif, which: int) -> Fields:
    try:
        return exif.get_ifd(which)
    except Exception:  # what is damaged says nothing
        return {}


def _value(fields: Fields, tag: int) -> Any:
    try:
        return fields.get(tag)
    except Exception:  # Pillow decodes a field when it is asked for
        return None


def _first(values: Iterator[Any]) -> datetime | None:
    return next((found for one in values if one and (found := moment(one))), None)


def _shots(exif: Fields, more: Fields) -> Iterator[Any]:
    """The fields that say when a picture was taken; raw pictures have them outside their part."""
    for tag in (_BASE.DateTimeOriginal, _BASE.DateTimeDigitized):
        yield _value(more, tag)
        yield _value(exif, tag)


def _others(exif: Fields, beside: Mapping[str, str], gps: Fields) -> Iterator[Any]:
    """Those beside EXIF that say so, then what says when it was changed; at last the satellites'
    time, which is that of Greenwich.
    """
    yield from (beside.get(name) for name in packets.ORIGINAL)
    yield _value(exif, _BASE.DateTime)
    yield from (beside.get(name) for name in packets.CHANGED)
    if day := moment(_value(gps, _GPS.GPSDateStamp)):
        clock = [one if isfinite(one) else 0 for one in _numbers(_value(gps, _GPS.GPSTimeStamp))]
        hour, minute, second = (int(one) for one in [*clock, 0, 0, 0][:3])
        yield f"{day:%Y-%m-%d} {hour}:{minute}:{second}"


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
    north = _degrees(_value(gps, _GPS.GPSLatitude), _value(gps, _GPS.GPSLatitudeRef), "NS")
    east = _degrees(_value(gps, _GPS.GPSLongitude), _value(gps, _GPS.GPSLongitudeRef), "EW")
    return _checked(north, east)


def _place_in_xmp(beside: Mapping[str, str]) -> tuple[float, float] | None:
    """XMP writes `38,43.5N`."""
    north, east = (beside.get(f"exif:GPS{one}", "") for one in ("Latitude", "Longitude"))
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
