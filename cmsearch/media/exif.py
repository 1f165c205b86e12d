"""What a camera noted beside a picture, from its EXIF; damaged notes are passed over."""

from __future__ import annotations

from datetime import datetime
from math import isfinite
from typing import Any

from PIL import ExifTags, Image

from cmsearch.types import Shot


def read_shot(image: Image.Image) -> Shot:
    """When, with what and where a picture was taken, as far as it says."""
    try:
        return shot_of(image.getexif())
    except Exception:  # damaged EXIF says nothing
        return Shot()


def shot_of(exif: Image.Exif) -> Shot:
    """What a picture's EXIF says of when, with what and where it was taken."""
    try:
        more = exif.get_ifd(ExifTags.IFD.Exif)
        place = exif.get_ifd(ExifTags.IFD.GPSInfo)
    except Exception:  # damaged EXIF says nothing
        return Shot()
    base = ExifTags.Base
    taken = more.get(base.DateTimeOriginal) or exif.get(base.DateTime)
    latitude = _degrees(place, ExifTags.GPS.GPSLatitude, ExifTags.GPS.GPSLatitudeRef, "S")
    longitude = _degrees(place, ExifTags.GPS.GPSLongitude, ExifTags.GPS.GPSLongitudeRef, "W")
    if latitude is None or longitude is None or abs(latitude) > 90 or abs(longitude) > 180:
        latitude = longitude = None
    camera = camera_name(exif.get(base.Make), exif.get(base.Model))
    return Shot(_time(taken), camera, latitude, longitude)


def _time(value: Any) -> datetime | None:
    try:
        return datetime.strptime(str(value).strip("\0 ")[:19], "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None


def camera_name(make: Any, model: Any) -> str | None:
    """Maker and model as one name; many models begin with their maker's."""
    maker, name = _text(make), _text(model)
    if maker and name.lower().startswith(maker.split()[0].lower()):
        return name
    return f"{maker} {name}".strip() or None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        return ""
    return value.encode("utf-8", "replace").decode().replace("\0", "").strip()


def _degrees(place: dict[int, Any], tag: int, side: int, negative: str) -> float | None:
    """Degrees, minutes and seconds as one number, south and west below zero."""
    try:
        degrees, minutes, seconds = (float(part) for part in place[tag])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    value = degrees + minutes / 60 + seconds / 3600
    value = -value if str(place.get(side, "")).strip("\0 ").upper() == negative else value
    return value if isfinite(value) else None
