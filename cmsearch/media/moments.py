"""Times as cameras and programs write them beside pictures."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

SIDECAR, EXIF, XMP, IPTC, CONTAINER = "sidecar", "exif", "xmp", "iptc", "container"
NAME, TAKEOUT, CHANGED, GPS, FILE = "name", "takeout", "changed", "gps", "file"
SOURCES = (SIDECAR, EXIF, XMP, IPTC, CONTAINER, NAME, TAKEOUT, CHANGED, GPS, FILE)
"""What says when something was taken, the first that does counts: XMP beside it; EXIF; XMP and
IPTC's records in it; a film's or a recording's own header; the name of its file; Google Takeout;
what says when a program last changed it; times of satellites and others in UTC; its file's time.
"""

_FIRST_YEAR = 1826
"""Of the oldest photograph that there is; what is before is a clock that was never set."""
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_CLOCK = r"(?P<hour>\d{1,2})\s*[:.]\s*(?P<minute>\d{1,2})(?:\s*[:.]\s*(?P<second>\d{1,2}))?"
_HALF = r"(?:[.,]\d+)?\s*(?P<half>[ap])\.?m\b"
_DAY = r"(?P<year>\d{4})\s*[:/.-]\s*(?P<month>\d{1,2})\s*[:/.-]\s*(?P<day>\d{1,2})(?!\d)"
_FORMS = [
    re.compile(form, re.IGNORECASE)
    for form in (
        # 2019:05:06 07:08:09, 2019-05-06T07:08:09.12+02:00, 2019/5/6
        rf"{_DAY}(?:\s*[T\s:_,]\s*{_CLOCK}(?:{_HALF})?)?",
        # 20190506T070809, 20190506
        r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)(?!\d)"
        r"(?:[T\s_-]*(?P<hour>\d\d):?(?P<minute>\d\d):?(?P<second>\d\d)?)?",
        # Mon, 06 May 2019 07:08:09 GMT
        r"(?:[a-z]{3,9}\.?,?\s+)?(?P<day>\d{1,2})[\s-]+(?P<month>[a-z]{3})[a-z]*\.?,?[\s-]+"
        rf"(?P<year>\d{{4}})(?:,?\s+{_CLOCK}(?:{_HALF})?)?",
        # Mon May  6 07:08:09 2019
        rf"(?:[a-z]{{3,9}},?\s+)?(?P<month>[a-z]{{3}})[a-z]*\s+(?P<day>\d{{1,2}}),?\s+"
        rf"(?:{_CLOCK}(?:{_HALF})?\s+(?:[a-z]{{3,4}}\s+)?)?(?P<year>\d{{4}})(?!\d)",
    )
]
_MOST = 100  # characters


_BEHIND = re.compile(
    r"(?:[.,](\d{1,9}))?\s*(?:(Z|UTC|GMT)\b|([+-])(\d\d):?(\d\d)?)?", re.IGNORECASE
)
_LONGEST_OFFSET = timedelta(hours=16)


@dataclass(frozen=True, slots=True)
class Instant:
    """A local time, and its offset from UTC as `+02:00`, where that is known."""

    time: datetime
    zone: str | None = None


def instant(value: Any) -> Instant | None:
    """The day and time that a field names, with the fraction of its second and its zone."""
    found = moment(value)
    text = _text(value)
    clock = next((at for form in _FORMS if (at := form.match(text))), None)
    if found is None or clock is None or clock.groupdict().get("second") is None:
        return None if found is None else Instant(found)
    behind = _BEHIND.match(text, clock.end())
    if behind is None:
        return Instant(found)
    fraction, is_utc, sign, hours, minutes = behind.groups()
    zone = "Z" if is_utc else f"{sign}{hours}:{minutes or '00'}" if sign else None
    return completed(Instant(found), fraction, zone)


def completed(own: Instant, fraction: Any = None, zone: Any = None) -> Instant:
    """A time with the digits behind its second, and with its zone, where it lacks them."""
    digits = _text(fraction)
    taken = own.time
    if digits.isascii() and digits.isdecimal() and not taken.microsecond:
        taken = taken.replace(microsecond=int(digits[:6].ljust(6, "0")))
    known = own.zone or _zone(zone)
    return replace(own, time=taken, zone=known)


def shifted(utc: Instant, zone: Any) -> Instant:
    """A time in UTC as the local one of a zone; as it is where the zone isn't known."""
    known = _zone(zone)
    if known is None:
        return utc
    with suppress(OverflowError):
        return Instant(utc.time + _offset(known), known)
    return utc


def here(utc: datetime) -> datetime:
    """A time in UTC as this machine's local one."""
    with suppress(OverflowError, OSError, ValueError):
        return utc.replace(tzinfo=UTC).astimezone().replace(tzinfo=None)
    return utc


def _zone(value: Any) -> str | None:
    """An offset from UTC in one form, `+02:00`; None for what is none."""
    text = _text(value)
    if text.upper() in ("Z", "UTC", "GMT"):
        return "+00:00"
    found = re.fullmatch(r"([+-])(\d\d):?(\d\d)", text)
    if found is None or int(found[3]) > 59:
        return None
    zone = f"{found[1]}{found[2]}:{found[3]}"
    return zone if abs(_offset(zone)) <= _LONGEST_OFFSET else None


def _offset(zone: str) -> timedelta:
    hours, minutes = int(zone[1:3]), int(zone[4:6])
    size = timedelta(hours=hours, minutes=minutes)
    return -size if zone[0] == "-" else size


def moment(value: Any) -> datetime | None:
    """The day and time that a field names, as it stands there whatever the zone.

    A day whose time can't be used is taken at midnight: that some hours are lost hides no day.
    None where no day is named, or one that never was.
    """
    text = _text(value)
    for form in _FORMS:
        match = form.match(text)
        if match is None:
            continue
        found = match.groupdict()
        try:
            month = found["month"].lower()
            number = _MONTHS.index(month) + 1 if month in _MONTHS else int(month)
            day = datetime(int(found["year"]), number, int(found["day"]))
        except ValueError:
            continue
        return datetime.combine(day, _clock(found)) if day.year >= _FIRST_YEAR else None
    return None


def _clock(found: dict[str, str | None]) -> time:
    """The time of a day, or its beginning where there is none."""
    if found["hour"] is None:
        return time()
    hour, minute, second = (int(found[one] or 0) for one in ("hour", "minute", "second"))
    if found.get("half"):
        if not 1 <= hour <= 12:
            return time()
        hour = hour % 12 + 12 * (str(found["half"]).lower() == "p")
    if hour == 24:  # phones have written the first hour of a day so
        hour = 0
    if hour > 23 or minute > 59:
        return time()
    return time(hour, minute, min(second, 59))  # a leap second is 60


def _text(value: Any) -> str:
    """A field as text, whether it is text, bytes, or several of them."""
    if isinstance(value, bytes):
        value = value[: 4 * _MOST].decode("utf-8", "replace")
    elif isinstance(value, tuple | list):
        numbers = all(isinstance(one, int) for one in value)
        value = (":" if numbers else " ").join(_text(one) for one in value[:6])
    return str(value).replace("\0", " ").replace("\ufeff", "").strip()[:_MOST]
