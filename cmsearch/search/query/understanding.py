"""What words of a query say of days and places: taken out of it, they become a filter."""

# Tested by tests/unit/cmsearch/search/query/test_understanding.py

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from typing import NamedTuple

from cmsearch.common.function_words import FUNCTION_WORDS
from cmsearch.models.gazetteer import gazetteer
from cmsearch.search.query.places import PlaceExpression, places
from cmsearch.search.query.spans import SOUTHERN, Calendar, Spans
from cmsearch.search.query.temporal import Expression, expressions, shared, united
from cmsearch.search.query.time_words import SEASON
from cmsearch.types import Applied, Filter, Modality, Query, QueryPart

_COUNTRY = re.compile(r"[a-z]{2,3}_([A-Z]{2})\b")
_OR = re.compile(r"\s*(?:,|&|and|or|und|oder)?\s*", re.IGNORECASE)
_ENDS = " \t\n,;:–-"


class Understood(NamedTuple):
    """A query without the words that were understood, the filter that they are, and which words."""

    query: Query
    where: Filter
    applied: tuple[Applied, ...]


class Shown(NamedTuple):
    """What there is to be asked for, where a store has to say it: the first year, whether its
    places lie in the south, if it has any, and whether anything lies where a filter wants it.
    """

    first_year: Callable[[], int]
    is_south: Callable[[], bool | None]
    is_anything_at: Callable[[Filter], bool]


def understood(query: Query, where: Filter, today: date, shown: Shown) -> Understood:
    """Take what a query says of days and places out of it, and join it to a filter.

    Parts in quotes, and those that are taken away, stay as they are; so does a text of which
    nothing else would be left, beside the filter. Days that can't all be, as of `2019 in 2020`,
    are words, and so is a place beside another, or where nothing was taken.
    """
    applied: list[Applied] = []
    parts = []
    for part in query.parts:
        if part.modality is not Modality.TEXT or part.weight <= 0 or part.is_literal:
            parts.append(part)
            continue
        rest = str(part.content)
        for read in (partial(_days, today=today, shown=shown), _place):
            if (found := read(rest)) is not None and _fits(found.applied, where, shown):
                rest, where = found.rest, _joined(where, found.applied)
                applied.append(found.applied)
        parts.append(part if rest == part.content else replace(part, content=rest))
    return Understood(replace(query, parts=_left(query.parts, parts)), where, tuple(applied))


class _Said(NamedTuple):
    rest: str
    applied: Applied


def _fits(one: Applied, where: Filter, shown: Shown) -> bool:
    """Whether it can be, beside a filter: some days are left, or there is no place yet, and
    something there: pictures of a town may have its name, and no coordinates.
    """
    if one.days:
        return not where.days or bool(shared(where.days, one.days))
    is_free = where.near is None and where.area is None
    return is_free and shown.is_anything_at(Filter(near=one.near, area=one.area))


def _joined(where: Filter, one: Applied) -> Filter:
    if one.days:
        return replace(where, days=shared(where.days, one.days) if where.days else one.days)
    return replace(where, near=one.near, area=one.area)


def _left(before: Sequence[QueryPart], after: Sequence[QueryPart]) -> tuple[QueryPart, ...]:
    """The parts without those of which nothing is left, if there is another to look for."""
    own = [part for part in after if part.content != ""]
    if any(part.weight > 0 for part in own):
        return tuple(own)
    return tuple(new if new.content != "" else old for old, new in zip(before, after, strict=True))


def _days(text: str, today: date, shown: Shown) -> _Said | None:
    """What is left of a text, and the days that it names; None where it names none."""
    reader = country()
    if not expressions(text, Calendar(today, reader)):
        return None
    is_south = shown.is_south() if re.search(SEASON, text.lower()) else None
    if is_south is None:
        is_south = reader in SOUTHERN
    calendar = Calendar(today, reader, is_south, shown.first_year())
    found = expressions(text, calendar)
    days = _together(text, found)
    if not days:
        return None
    return _Said(_rest(text, found), Applied(_words(text, found), days))


def _place(text: str) -> _Said | None:
    """What is left of a text, and the first place that it names; None where it names none."""
    found = places(text, gazetteer)[:1]
    if not found:
        return None
    (one,) = found
    applied = Applied(_words(text, found), place=one.name, near=one.near, area=one.area)
    return _Said(_rest(text, found), applied)


def _words(text: str, found: Sequence[Expression | PlaceExpression]) -> str:
    return " … ".join(text[one.start : one.end].strip(_ENDS) for one in found)


def _together(text: str, found: Sequence[Expression]) -> Spans:
    """The days of all expressions of a text: of those that are listed any, else those of all."""
    days: Spans = ()
    for place, one in enumerate(found):
        between = text[found[place - 1].end : one.start] if place else ""
        if not place:
            days = one.spans
        elif _OR.fullmatch(between) and between.strip():
            days = united(days, one.spans)
        else:
            days = shared(days, one.spans)
    return days


def _rest(text: str, found: Sequence[Expression | PlaceExpression]) -> str:
    """A text without the expressions, and what joined them; nothing if it says nothing more."""
    pieces, start = [], 0
    for one in found:
        between = text[start : one.start]
        pieces.append("" if start and _OR.fullmatch(between) else between)
        start = one.end
    pieces.append(text[start:])
    rest = " ".join(" ".join(pieces).split()).strip(_ENDS)
    words = re.findall(r"\w+", rest.lower())
    return rest if any(word not in FUNCTION_WORDS for word in words) else ""


def country() -> str:
    """The country of the reader, as the environment has it."""
    for name in ("LC_ALL", "LC_TIME", "LANG"):
        if found := _COUNTRY.match(os.environ.get(name, "")):
            return found[1]
    return "US"
