"""What a temporal expression means: `last summer` as a first and a last day.

English and German. Days, months and years in words or figures, and what is so long ago, are read
by dateparser; seasons, feasts, weeks, and what comes again every year are read here.
"""

# Tested by tests/unit/cmsearch/search/query/test_temporal.py

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache, lru_cache
from typing import Any

from cmsearch.search.query import feasts
from cmsearch.search.query import time_words as words

Span = tuple[date, date]
Spans = tuple[Span, ...]
"""First and last days, in order, which don't overlap: a day of one of them is meant."""
EVER = date(1826, 1, 1), date(9999, 12, 31)
"""From the oldest photograph on."""
SOUTHERN = frozenset({
    "AO", "AR", "AU", "BO", "BR", "BW", "CL", "ID", "LS", "MG", "MW", "MZ", "NA", "NZ", "PE", "PY",
    "SZ", "TZ", "UY", "ZA", "ZM", "ZW",
})  # fmt: skip
"""Countries where summer is in January."""
SUNDAY_FIRST = frozenset({"BR", "CA", "CO", "HK", "IL", "IN", "JP", "KR", "MX", "PH", "TW", "US"})
"""Countries whose calendars begin with Sunday (Unicode CLDR)."""


@dataclass(frozen=True)
class Calendar:
    """What words of time mean to the one who asks.

    `country` is a code of ISO 3166, whose feasts are meant; in the south summer is in January. What
    comes again every year does so from the year `since`.
    """

    today: date
    country: str = "US"
    is_south: bool = False
    since: int = 1990


@lru_cache(256)
def spans_of(given: str, calendar: Calendar) -> Spans:
    """The days of an expression in small letters that is nothing else; none for any other text."""
    for pattern, read in _forms():
        match = pattern.fullmatch(given)
        if match is not None:
            try:
                return tuple(read(match, calendar))
            except (ValueError, OverflowError):  # no such day
                return ()
    return ()


@cache
def _forms() -> list[tuple[re.Pattern[str], Callable[[re.Match[str], Calendar], Iterable[Span]]]]:
    table = [
        (rf"(?P<what>{words.NAMED})", _yearly),
        (rf"(?:{words.YEAR}{words.AND} )*{words.YEAR}", _whole_years),
        (words.DECADE, _decade),
        (words.NEAR, _near),
        (words.RECENT, _recent),
        (words.AGO, _past),
        (words.AROUND, _around),
        (words.LATEST, _latest),
        (words.OF_YEAR, _of_years),
        (words.DAYS_OF_MONTH, _days_of_month),
        (words.DAY_OF_YEAR, _day_of_year),
        (words.DATED, _dated),
    ]
    return [(re.compile(pattern), read) for pattern, read in table]


def _year(number: int) -> Span:
    return date(number, 1, 1), date(number, 12, 31)


def _whole_years(match: re.Match[str], calendar: Calendar) -> Iterable[Span]:
    """Years that have begun; what comes later is a title."""
    years = [int(one) for one in re.findall(words.YEAR, match[0])]
    return joined(map(_year, years)) if max(years) <= calendar.today.year else []


def _month(year: int, number: int) -> Span:
    """A month of a year, or one that is so many after its first."""
    year, number = year + (number - 1) // 12, (number - 1) % 12 + 1
    return date(year, number, 1), date(year, number, monthrange(year, number)[1])


def _in_year(what: str, year: int, calendar: Calendar) -> list[Span]:
    """A season, a feast or a month of a year. A season over New Year is one that begins then, and
    the end of the one before.
    """
    if what in feasts.NAMES:
        found = feasts.days(what, year, calendar.country)
        return [found] if found else []
    if what not in words.SEASONS:
        return [_month(year, _number(what, words.MONTHS))]
    begin = (words.SEASONS[what] + 6 * calendar.is_south - 1) % 12 + 1
    over = [(date(year, 1, 1), _month(year, 2)[1])] if begin == 12 else []
    return [*over, (date(year, begin, 1), _month(year, begin + 2)[1])]


def _number(name: str, table: Sequence[str]) -> int:
    """The number of a month or a weekday, from 1."""
    return next(n for n, names in enumerate(table, 1) if name in names.split("|"))


def _every_year(calendar: Calendar) -> range:
    return range(max(calendar.since, EVER[0].year), calendar.today.year + 1)


def _yearly(match: re.Match[str], calendar: Calendar) -> Iterable[Span]:
    years = _every_year(calendar)
    return joined(span for year in years for span in _in_year(match["what"], year, calendar))


def _day_of_year(match: re.Match[str], calendar: Calendar) -> Iterable[Span]:
    days = []
    for year in _every_year(calendar):
        if found := _parsed(f"{match[0]} {year}", calendar.today):  # 29 February is in some
            days.append((found[0], found[0]))
    return days


def joined(spans: Iterable[Span]) -> list[Span]:
    """Spans in order, and those that touch as one."""
    found: list[Span] = []
    for first, last in sorted(spans):
        if found and first <= found[-1][1] + timedelta(1):
            found[-1] = found[-1][0], max(last, found[-1][1])
        else:
            found.append((first, last))
    return found


def _of_years(match: re.Match[str], calendar: Calendar) -> Iterable[Span]:
    """A season, feast or month of some years, of this one or of the last."""
    what, given = match["what"], match["years"]
    if given is None:
        years = [calendar.today.year - bool(match["last"])]
    elif given.startswith("'"):
        years = [_full(int(given[1:3]), calendar.today.year)]
    else:
        years = [int(one) for one in re.findall(words.YEAR, given)]
    spans = [span for year in years for span in _in_year(what, year, calendar)]
    if given and "/" in given:  # the winter from one year to the next
        spans = spans[-1:]
    if match["weekend"]:
        spans = [_weekend(*span) for span in spans]
    return joined(spans)


def _full(year: int, current: int) -> int:
    """A year of which two figures are written: the last that there was."""
    return current - (current - year) % 100


def _weekend(first: date, last: date) -> Span:
    """Some days with the weekend that they are nearest to."""
    if last.weekday() <= 1:
        return min(first, last - timedelta(last.weekday() + 2)), last
    return min(first, last - timedelta(max(0, last.weekday() - 5))), last + timedelta(
        6 - last.weekday()
    )


def _days_of_month(match: re.Match[str], calendar: Calendar) -> Iterable[Span]:
    """From one day of a month to another."""
    given = match[0]
    year, month = re.findall(words.YEAR, given)[-1], re.findall(words.ANY_MONTH, given)[0]
    first, last = re.findall(r"\d{1,2}", given.replace(year, ""))[:2]
    number = _number(month, words.MONTHS)
    begin, end = (date(int(year), number, int(one)) for one in (first, last))
    return [(begin, end)] if begin <= end else []


def _latest(match: re.Match[str], calendar: Calendar) -> Iterable[Span]:
    """The last one that is over; or, of this year, the one that has begun."""
    what, today, is_over = match["what"], calendar.today, bool(match["last"])
    if re.fullmatch(words.WEEKDAY, what):
        back = (today.weekday() + 1 - _number(what, words.WEEKDAYS) - is_over) % 7 + is_over
        return [(today - timedelta(back), today - timedelta(back))]
    years = range(today.year - 2, today.year + 1)
    spans = [span for year in years for span in _in_year(what, year, calendar)[-1:]]
    begun = [one for one in spans if (one[1] < today if is_over else one[0] <= today)]
    return begun[-1:]


def _around(match: re.Match[str], calendar: Calendar) -> Iterable[Span]:
    """The week, month or year of today, or the last."""
    today, unit, back = calendar.today, match["unit"], int(bool(match["last"]))
    if unit in ("weekend", "wochenende"):
        monday = today - timedelta(today.weekday())
        saturday = monday + timedelta(5 if not back and today.weekday() >= 5 else -2)
        return [(saturday, saturday + timedelta(1))]
    return _whole(unit, back, calendar)


def _whole(unit: str, back: int, calendar: Calendar) -> Iterable[Span]:
    """The week, month or year that is so many before that of today."""
    today = calendar.today
    if unit[0] == "w":
        first = _week(today, unit, calendar) - timedelta(7 * back)
        return [(first, first + timedelta(6))]
    if unit[0] == "m":
        return [_month(today.year, today.month - back)]
    return [_year(today.year - back)]


def _week(day: date, unit: str, calendar: Calendar) -> date:
    """The first day of a week: Monday (ISO 8601), or Sunday where calendars begin with it."""
    is_sunday = calendar.country in SUNDAY_FIRST and unit.startswith("week")
    return day - timedelta((day.weekday() + is_sunday) % 7)


def _recent(match: re.Match[str], calendar: Calendar) -> Iterable[Span]:
    """The last so many days, of which today is one, or weeks, months, years."""
    first = _ago(match["count"], match["unit"], calendar)
    return [(first + timedelta(match["unit"][0] in "dt"), calendar.today)]


def _past(match: re.Match[str], calendar: Calendar) -> Iterable[Span]:
    """The day, week, month or year that was so long ago."""
    unit = match["unit"] or match["of"]
    day = _ago(match["count"] or match["number"], unit, calendar)
    if match["today"] and unit[0] in "yj":
        return [(calendar.today.replace(year=day.year),) * 2]
    if unit[0] == "w":
        first = _week(day, unit, calendar)
        return [(first, first + timedelta(6))]
    if unit[0] == "m":
        return [_month(day.year, day.month)]
    return [_year(day.year)] if unit[0] in "yj" else [(day, day)]


def _ago(count: str, unit: str, calendar: Calendar) -> date:
    """The day so long ago; raises `ValueError` for what dateparser doesn't know."""
    for text in (f"{count} {unit} ago", f"vor {count} {unit}"):
        if found := _parsed(text, calendar.today):
            return found[0]
    raise ValueError(f"{count} {unit} is no time")


def _near(match: re.Match[str], calendar: Calendar) -> Iterable[Span]:
    today, day = calendar.today, timedelta(1)
    if unit := match["long"] or (match["lang"] or "").rpartition(" ")[2]:
        return _whole(unit, 2, calendar)
    if match[0] == "last night":
        return [(today - day, today)]
    back = {"today": 0, "heute": 0, "yesterday": 1, "gestern": 1}.get(match[0], 2)
    return [(today - back * day, today - back * day)]


def _decade(match: re.Match[str], calendar: Calendar) -> Iterable[Span]:
    """Of decades without a century the last that has begun."""
    if match["decade"]:
        first = int(match["decade"])
    else:
        tens = match["tens"] or 10 * _number(match["word"], words.TENS) + 10
        first = _full(int(tens), calendar.today.year)
    return [(date(first, 1, 1), date(first + 9, 12, 31))]


def _dated(match: re.Match[str], calendar: Calendar) -> Iterable[Span]:
    """A day, month or year that is written out; none where day and month may be either."""
    given = match["date"]
    if iso := re.fullmatch(r"(\d{4})-(\d\d)(?:-(\d\d))?", given):
        year, month, number = (int(one or 0) for one in iso.groups())
        return [(date(year, month, number),) * 2] if number else [_month(year, month)]
    either = re.fullmatch(r"(\d{1,2})[/-](\d{1,2})[/-]\d{4}", given)
    if either and either[1] != either[2] and max(int(either[1]), int(either[2])) <= 12:
        return []
    found = _parsed(given, calendar.today)
    if found is None:
        return []
    day, period = found
    return [_month(day.year, day.month)] if period == "month" else [(day, day)]


def _parsed(text: str, today: date) -> tuple[date, str] | None:
    """The day that dateparser finds, and the period that it is the first of."""
    is_german = re.fullmatch(r"\d{1,2}\. ?\d{1,2}\. ?\d{4}", text) is not None
    found = _parser(today, is_german).get_date_data(text)
    return None if found.date_obj is None else (found.date_obj.date(), found.period)


@lru_cache(4)
def _parser(today: date, is_german: bool) -> Any:
    from dateparser.date import DateDataParser

    noon = datetime.combine(today, time(12))
    settings = {"RELATIVE_BASE": noon, "PREFER_DAY_OF_MONTH": "first"}
    return DateDataParser(languages=["de"] if is_german else ["en", "de"], settings=settings)
