"""Days, months, years and other times as people write them for an option."""

from __future__ import annotations

import calendar
import re
from datetime import date

from cmsearch.search.query.spans import Calendar
from cmsearch.search.query.temporal import named
from cmsearch.search.query.understanding import country

FORMS = (
    "2024-07-13, 2024-07, 2024, 13.07.2024, 07/2024, “13 July 2024”, “July 2024”, “last summer”, "
    "“three weeks ago”, today"
)
"""Examples of what is understood, for messages."""
_YEAR = r"(?P<year>\d{4})"
_PATTERNS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{_YEAR}(?:([-./])(?P<month>\d{{1,2}})(?:\2(?P<day>\d{{1,2}}))?)?",
        r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)",
        r"(?P<day>\d{1,2})\.\s*(?P<month>\d{1,2})\.\s*(?P<year>\d{4})",
        r"(?P<month>\d{1,2})[-./](?P<year>\d{4})",
    )
)
_EITHER = re.compile(rf"(?P<first>\d{{1,2}})([-/])(?P<second>\d{{1,2}})\2{_YEAR}")
_WITH_CLOCK = re.compile(r"(?<=\d)[t ]\d\d:\d\d.*")


def span(text: str, today: date) -> tuple[date, date]:
    """The first and the last day of what a text names: a day, a month, a year, `last summer`.

    Of what comes every year it is the last that has begun. Raises `ValueError` with what is wrong
    with it, in a sentence.
    """
    given = " ".join(text.casefold().split())
    given = _WITH_CLOCK.sub("", given)  # a time of the day says nothing here
    if match := _EITHER.fullmatch(given):
        return _either(text, int(match["first"]), int(match["second"]), int(match["year"]))
    for pattern in _PATTERNS:
        if match := pattern.fullmatch(given):
            found = match.groupdict()
            return _span(text, int(found["year"]), found.get("month"), found.get("day"))
    begun = [one for one in named(given, Calendar(today, country())) if one[0] <= today]
    if not begun:
        raise ValueError(f"{text!r} is no day, month or year that is understood; write {FORMS}.")
    return begun[-1]


def _either(text: str, first: int, second: int, year: int) -> tuple[date, date]:
    """A day whose month may be its first or its second number."""
    if first <= 12 and second <= 12 and first != second:
        readings = f"{year}-{second:02}-{first:02} or {year}-{first:02}-{second:02}"
        raise ValueError(f"{text!r} may be {readings}; write the one that is meant.")
    day, month = (first, second) if second <= 12 else (second, first)
    return _span(text, year, month, day)


def _span(
    text: str, year: int, month: int | str | None, day: int | str | None
) -> tuple[date, date]:
    first, last = int(month or 1), int(month or 12)
    try:
        until = calendar.monthrange(year, last)[1]
        return date(year, first, int(day or 1)), date(year, last, int(day or until))
    except ValueError as error:
        raise ValueError(f"There is no {text!r} in the calendar; write {FORMS}.") from error
