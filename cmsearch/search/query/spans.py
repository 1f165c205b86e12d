"""What a temporal expression means: `last summer` as a first and a last day.

English and German. Days, months and years in words or figures, and what is so long ago, are read
by dateparser; seasons, feasts, weeks, and what comes again every year are read here.
"""

# Tested by tests/unit/cmsearch/search/query/test_temporal.py

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache, lru_cache
from typing import Any

from cmsearch.search.query import feasts

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
_MONTHS = (
    "january|januar|jänner|jan", "february|februar|feber|feb", "march|märz|mar|mär", "april|apr",
    "may|mai", "june|juni|jun", "july|juli|jul", "august|aug", "september|sept|sep",
    "october|oktober|oct|okt", "november|nov", "december|dezember|dec|dez",
)  # fmt: skip
_SEASONS = {
    "springtime": 3, "spring": 3, "frühling": 3, "frühjahr": 3,
    "summertime": 6, "summer": 6, "sommer": 6,
    "autumn": 9, "fall": 9, "herbst": 9, "wintertime": 12, "winter": 12,
}  # fmt: skip
"""The month in which each begins in the north."""
_DAYS = (
    "monday|montag", "tuesday|dienstag", "wednesday|mittwoch", "thursday|donnerstag",
    "friday|freitag", "saturday|samstag|sonnabend", "sunday|sonntag",
)  # fmt: skip

MONTH = "|".join(one for names in _MONTHS for one in names.split("|") if len(one) > 4) + (
    "|june|july|juni|juli|märz|may|mai"
)
"""The names of months that aren't cut short; this and the others are patterns of small letters."""
_ANY_MONTH = "|".join(sorted("|".join(_MONTHS).split("|"), key=len, reverse=True))
SEASON = "|".join(_SEASONS)
FEAST = "|".join(map(re.escape, feasts.NAMES))
YEAR = r"(?:18[3-9]\d|19\d\d|20\d\d)"
COUNT = (
    r"(?:\d{1,3}|an?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|eine[mnr]?|"
    r"zwei|drei|vier|fünf|sechs|sieben|acht|neun|zehn|elf|zwölf)"
)
UNIT = r"(?:days?|weeks?|months?|years?|tage?n?|wochen?|monate?n?|jahre?n?)"
_WEEKDAY = "|".join(_DAYS)
_ORDINAL = r"\d{1,2}(?:st|nd|rd|th|\.)?"
_LAST = r"(?:last|previous|letzte[nrsm]?|vergangene[nrsm]?|vorige[nrsm]?)"
_THIS = r"(?:this|diese[nrsm]?)"
_PERIOD = r"week(?:end)?|month|year|woche(?:nende)?|monat|jahr(?:es)?"
_DATE = (
    rf"\d{{4}}-\d\d(?:-\d\d)?|\d{{1,2}}\. ?\d{{1,2}}\. ?{YEAR}|\d{{1,2}}[/-]\d{{1,2}}[/-]{YEAR}|"
    rf"\d{{1,2}}/{YEAR}|(?:(?:the )?{_ORDINAL} (?:of )?)?(?:{_ANY_MONTH})\.?,? (?:of )?{YEAR}|"
    rf"(?:{_ANY_MONTH})\.? {_ORDINAL},? {YEAR}|{YEAR} (?:{_ANY_MONTH})\.?(?: {_ORDINAL})?"
)
_OF_YEAR = (
    rf"(?:{SEASON}|{FEAST}|{MONTH})(?: of| in| im|,)?(?: the)? "
    rf"(?:{YEAR}(?:/\d\d)?|(?:{_LAST}|{_THIS}) (?:year|jahr(?:es)?))"
)
_NEAR = r"the day before yesterday|vorgestern|yesterday|gestern|today|heute|last night"
_LATEST = rf"(?:{_LAST}|{_THIS}) (?:{_PERIOD}|{SEASON}|{MONTH}|{FEAST}|{_WEEKDAY})"
_RECENT = rf"(?:the |den |die )?(?:last|past|letzten|vergangenen) {COUNT} {UNIT}"
_AGO = rf"{COUNT} {UNIT} ago|vor {COUNT} {UNIT}"
DECADE = (
    r"(?:the |den |die )?(?:18|19|20)\d0(?:'?s|er(?:n|[ -]jahren?)?)|(?:the |den )\d0(?:'?s|ern?)"
)
CERTAIN = rf"(?:(?:{_WEEKDAY}),? )?(?:{_DATE})|{_OF_YEAR}|{_NEAR}|{_RECENT}|{_AGO}|{_LATEST}"
"""What is a time and nothing else, wherever it stands."""


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
    named = rf"(?P<what>{SEASON}|{FEAST}|{MONTH}|{_WEEKDAY})"
    table = [
        (named, _yearly),
        (YEAR, _whole_year),
        (r".*?(?P<from>\d0)(?:'?s|er(?:n|[ -]jahren?)?)", _decade),
        (_NEAR, _near),
        (rf"(?:the |den |die )?(?:last|past|letzten|vergangenen) (?P<count>{COUNT}) "
         rf"(?P<unit>{UNIT})", _recent),
        (rf"(?:vor )?(?P<count>{COUNT}) (?P<unit>{UNIT})(?: ago)?", _past),
        (rf"(?:(?P<last>{_LAST})|{_THIS}) (?P<unit>{_PERIOD})", _around),
        (rf"(?:(?P<last>{_LAST})|{_THIS}) {named}", _latest),
        (rf"{named}(?: of| in| im|,)?(?: the)? (?:(?P<year>{YEAR})(?:/\d\d)?|"
         rf"(?:(?P<last>{_LAST})|{_THIS}) (?:year|jahr(?:es)?))", _of_year),
        (rf"(?:(?:{_WEEKDAY}),? )?(?P<date>{_DATE})", _dated),
    ]  # fmt: skip
    return [(re.compile(pattern), read) for pattern, read in table]


def _year(number: int) -> Span:
    return date(number, 1, 1), date(number, 12, 31)


def _whole_year(match: re.Match[str], calendar: Calendar) -> Iterable[Span]:
    """A year that has begun; what comes later is a title."""
    number = int(match[0])
    return [_year(number)] if number <= calendar.today.year else []


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
    if what not in _SEASONS:
        number = next(n for n, names in enumerate(_MONTHS, 1) if what in names.split("|"))
        return [_month(year, number)]
    begin = (_SEASONS[what] + 6 * calendar.is_south - 1) % 12 + 1
    over = [(date(year, 1, 1), _month(year, 2)[1])] if begin == 12 else []
    return [*over, (date(year, begin, 1), _month(year, begin + 2)[1])]


def _yearly(match: re.Match[str], calendar: Calendar) -> Iterable[Span]:
    years = range(max(calendar.since, EVER[0].year), calendar.today.year + 1)
    if re.fullmatch(_WEEKDAY, match["what"]):
        return []
    return joined(span for year in years for span in _in_year(match["what"], year, calendar))


def joined(spans: Iterable[Span]) -> list[Span]:
    """Spans in order, and those that touch as one."""
    found: list[Span] = []
    for first, last in sorted(spans):
        if found and first <= found[-1][1] + timedelta(1):
            found[-1] = found[-1][0], max(last, found[-1][1])
        else:
            found.append((first, last))
    return found


def _of_year(match: re.Match[str], calendar: Calendar) -> Iterable[Span]:
    year = int(match["year"]) if match["year"] else calendar.today.year - bool(match["last"])
    if re.fullmatch(_WEEKDAY, match["what"]):
        return []
    return _in_year(match["what"], year, calendar)


def _latest(match: re.Match[str], calendar: Calendar) -> Iterable[Span]:
    """The last one that is over; or, of this year, the one that has begun."""
    what, today, is_over = match["what"], calendar.today, bool(match["last"])
    for number, names in enumerate(_DAYS):
        if what in names.split("|"):
            back = (today.weekday() - number - is_over) % 7 + is_over
            return [(today - timedelta(back), today - timedelta(back))]
    years = range(today.year - 2, today.year + 1)
    spans = [span for year in years for span in _in_year(what, year, calendar)[-1:]]
    begun = [one for one in spans if (one[1] < today if is_over else one[0] <= today)]
    return begun[-1:]


def _around(match: re.Match[str], calendar: Calendar) -> Iterable[Span]:
    """The week, month or year of today, or the last; weeks begin on Mondays (ISO 8601)."""
    today, unit, back = calendar.today, match["unit"], int(bool(match["last"]))
    monday = today - timedelta(today.weekday())
    if unit in ("weekend", "wochenende"):
        saturday = monday + timedelta(5 if not back and today.weekday() >= 5 else -2)
        return [(saturday, saturday + timedelta(1))]
    if unit[0] == "w":
        monday -= timedelta(7 * back)
        return [(monday, monday + timedelta(6))]
    if unit[0] == "m":
        return [_month(today.year, today.month - back)]
    return [_year(today.year - back)]


def _recent(match: re.Match[str], calendar: Calendar) -> Iterable[Span]:
    return [(_ago(match["count"], match["unit"], calendar), calendar.today)]


def _past(match: re.Match[str], calendar: Calendar) -> Iterable[Span]:
    """The day, week, month or year that was so long ago."""
    day, unit = _ago(match["count"], match["unit"], calendar), match["unit"]
    if unit[0] == "w":
        monday = day - timedelta(day.weekday())
        return [(monday, monday + timedelta(6))]
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
    if match[0] == "last night":
        return [(today - day, today)]
    back = {"today": 0, "heute": 0, "yesterday": 1, "gestern": 1}.get(match[0], 2)
    return [(today - back * day, today - back * day)]


def _decade(match: re.Match[str], calendar: Calendar) -> Iterable[Span]:
    """Of decades without a century the last that was whole."""
    given = re.search(r"(?:18|19|20)\d0", match[0])
    first = int(given[0]) if given else 1900 + int(match["from"])
    if not given and first + 100 + 9 < calendar.today.year:
        first += 100
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
