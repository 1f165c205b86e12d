"""When a picture, a film or a recording was taken, as the name says that a device gave its file."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, time
from pathlib import PurePosixPath

from cmsearch.media import moments
from cmsearch.types import Capture

_FIRST_YEAR = 1990
"""The devices that name files by the time are younger."""
_CLOCK = r"(?P<hour>[01]\d|2[0-3])(?P<apart>[-_.:h ]?)(?P<minute>[0-5]\d)(?:(?P=apart)|m)"
_TIME = rf"{_CLOCK}(?P<second>[0-5]\d)(?P<more>\d{{0,3}})(?!\d)(?:\s?(?P<half>[AP]M)\b)?"
_BETWEEN = r"(?:[-_. T,]{1,2}| (?:at|um|à|às|a las|alle|om|kl\.?) )"
_DAY = r"(?<!\d)(?P<year>(?:19|20)\d\d)(?P<sign>[-_. ]?)(?P<month>\d\d)(?P=sign)(?P<day>\d\d)"
_FORMS = (
    re.compile(rf"{_DAY}{_BETWEEN}{_TIME}", re.IGNORECASE),
    re.compile(rf"{_DAY}{_TIME}"),  # DJI_20240531123456_0001
    re.compile(rf"{_DAY}(?!\d)"),
)
_UTC = re.compile(r"PXL_", re.IGNORECASE)
"""What the names begin with that have the time of Greenwich."""
_EPOCH = re.compile(r"(?:FB_IMG_|mmexport)(1[0-9]{12})(?!\d)", re.IGNORECASE)
"""Names with the milliseconds since 1970, of Facebook and WeChat."""


def completed(capture: Capture, path: str) -> Capture:
    """What was noted of a shot, with the time in its file's name where nothing better says it."""
    order = moments.SOURCES.index
    if capture.taken is not None and order(capture.source or moments.FILE) < order(moments.NAME):
        return capture
    found = named_time(PurePosixPath(path).name)
    if found is None:
        return capture
    return replace(capture, taken=found, source=moments.NAME, zone=None)


def named_time(name: str) -> datetime | None:
    """The local time in a name such as `IMG_20240531_123456.jpg`, or midnight of the day."""
    if epoch := _EPOCH.match(name):
        utc = datetime.fromtimestamp(int(epoch[1]) / 1000, UTC)
        return moments.here(utc.replace(tzinfo=None))
    for form in _FORMS:
        for match in form.finditer(name[:200]):
            if (found := _read(match.groupdict())) is not None:
                return moments.here(found) if _UTC.match(name) else found
    return None


def _read(found: dict[str, str | None]) -> datetime | None:
    year, month, day = (int(found[one] or 0) for one in ("year", "month", "day"))
    if not _FIRST_YEAR <= year <= date.today().year + 1:
        return None
    try:
        on = date(year, month, day)
    except ValueError:
        return None
    hour, minute, second = (int(found.get(one) or 0) for one in ("hour", "minute", "second"))
    if found.get("half") and 1 <= hour <= 12:
        hour = hour % 12 + 12 * (str(found["half"]).lower() == "pm")
    fraction = int((found.get("more") or "0").ljust(6, "0"))
    return datetime.combine(on, time(hour, minute, second, fraction))
