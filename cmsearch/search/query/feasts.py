"""The days of feasts by their everyday names, in English and German.

What moves is computed by dateutil (Easter) or looked up in the package holidays, by country.
"""

# Tested by tests/unit/cmsearch/search/query/test_temporal.py

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from functools import cache

Span = tuple[date, date]
_Rule = Callable[[int, str], Span | None]


def _fixed(month: int, day: int, days: int = 1) -> _Rule:
    def span(year: int, country: str) -> Span:
        first = date(year, month, day)
        return first, first + timedelta(days - 1)

    return span


def _easter(first: int, last: int) -> _Rule:
    """Days after Easter Sunday, of the western churches."""

    def span(year: int, country: str) -> Span:
        from dateutil.easter import easter

        sunday = easter(year)
        return sunday + timedelta(first), sunday + timedelta(last)

    return span


def _official(name: str, *countries: str) -> _Rule:
    """A holiday by its English name, of the country or else of the first that has it."""

    def span(year: int, country: str) -> Span | None:
        for one in dict.fromkeys((country, *countries)):
            days = _holidays(one, year).get(name)
            if days:
                return min(days), max(days)
        return None

    return span


def _nth(month: int, weekday: int, number: int) -> _Rule:
    """A weekday of a month, such as its second Sunday; Monday is 0."""

    def span(year: int, country: str) -> Span:
        first = date(year, month, 1)
        day = first + timedelta((weekday - first.weekday()) % 7 + 7 * (number - 1))
        return day, day

    return span


def _thanksgiving(year: int, country: str) -> Span | None:
    """The second Monday of October in Canada, elsewhere the fourth Thursday of November."""
    rule = _nth(10, 0, 2) if country == "CA" else _nth(11, 3, 4)
    return rule(year, country)


_CHRISTMAS, _NEW_YEAR = _fixed(12, 24, 3), _fixed(12, 31, 2)
_EASTER, _PENTECOST = _easter(-2, 1), _easter(49, 50)
_FEASTS: dict[str, _Rule] = {
    "christmas eve": _fixed(12, 24), "heiligabend": _fixed(12, 24),
    "heiligen abend": _fixed(12, 24),
    "christmas day": _fixed(12, 25), "boxing day": _fixed(12, 26),
    "christmas": _CHRISTMAS, "xmas": _CHRISTMAS, "weihnachten": _CHRISTMAS,
    "new year's eve": _fixed(12, 31), "new years eve": _fixed(12, 31), "silvester": _fixed(12, 31),
    "new year's day": _fixed(1, 1), "neujahr": _fixed(1, 1), "new year's": _NEW_YEAR,
    "new year": _NEW_YEAR,
    "good friday": _easter(-2, -2), "karfreitag": _easter(-2, -2),
    "easter sunday": _easter(0, 0), "ostersonntag": _easter(0, 0),
    "easter monday": _easter(1, 1), "ostermontag": _easter(1, 1),
    "easter": _EASTER, "ostern": _EASTER,
    "ascension day": _easter(39, 39), "christi himmelfahrt": _easter(39, 39),
    "pentecost": _PENTECOST, "whitsun": _PENTECOST, "pfingsten": _PENTECOST,
    "rosenmontag": _easter(-48, -48), "mardi gras": _easter(-47, -47),
    "valentine's day": _fixed(2, 14), "valentines day": _fixed(2, 14),
    "valentinstag": _fixed(2, 14),
    "st patrick's day": _fixed(3, 17), "st. patrick's day": _fixed(3, 17),
    "saint patrick's day": _fixed(3, 17),
    "halloween": _fixed(10, 31), "nikolaustag": _fixed(12, 6),
    "tag der deutschen einheit": _fixed(10, 3),
    "bastille day": _fixed(7, 14), "canada day": _fixed(7, 1), "australia day": _fixed(1, 26),
    "fourth of july": _fixed(7, 4), "4th of july": _fixed(7, 4),
    "mother's day": _nth(5, 6, 2), "mothers day": _nth(5, 6, 2), "muttertag": _nth(5, 6, 2),
    "father's day": _nth(6, 6, 3), "fathers day": _nth(6, 6, 3), "vatertag": _easter(39, 39),
    "independence day": _official("Independence Day", "US"),
    "thanksgiving": _thanksgiving,
    "memorial day": _official("Memorial Day", "US"),
    "labor day": _official("Labor Day", "US"), "labour day": _official("Labour Day", "US"),
    "veterans day": _official("Veterans Day", "US"),
    "tag der arbeit": _fixed(5, 1),
}  # fmt: skip
NAMES = tuple(sorted(_FEASTS, key=len, reverse=True))
"""In small letters, those first that others begin."""


def days(name: str, year: int, country: str) -> Span | None:
    """The days of a feast in a year; None where it isn't kept, or lies outside the calendar."""
    try:
        return _FEASTS[name](year, country)
    except (OverflowError, ValueError):
        return None


@cache
def _holidays(country: str, year: int) -> dict[str, list[date]]:
    """The public holidays of a country, by their English names."""
    import holidays

    found: dict[str, list[date]] = {}
    try:
        listed = holidays.country_holidays(country, years=year, observed=False, language="en_US")
    except NotImplementedError:  # a country of which it knows nothing
        return found
    for day, name in listed.items():
        for one in name.split("; "):
            found.setdefault(one, []).append(day)
    return found
