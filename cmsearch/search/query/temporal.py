"""Temporal expressions within a query: which words of it name a time, and which only look so.

A word that may be either, as `may`, `fall`, or `2012`, names one where a preposition says so and
no noun follows that it may belong to.
"""

# Tested by tests/unit/cmsearch/search/query/test_temporal.py

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

from cmsearch.search.query.spans import EVER, Calendar, Spans, joined, spans_of
from cmsearch.search.query.time_words import (
    AND,
    CENTURY,
    CERTAIN,
    COUNT,
    DATE,
    DAY_OF_YEAR,
    DAYS_OF_MONTH,
    DECADE,
    FEAST,
    MONTH,
    SEASON,
    TO,
    UNIT,
    WEEKDAY,
    YEAR,
    unnamed,
)

_POINT = rf"{CERTAIN}|{unnamed(DECADE)}|{YEAR}"
_START = r"(?<![\w'$€£#.:/-])"
_END = r"(?![\w:%°€$/]|[.,'-]\w)"
_ARTICLE = r"(?:(?:the|der|dem|den|das) )?"
_AT = r"(?:(?:back in|in|on|at|from|of|during|over|im|am|an|zu|zum|vom|von|aus|während|über) )"
_IN_YEAR = r"(?:in|from|of|during|im jahre?|in the year|aus|von|back in|year|jahr) "
ALONE = (
    r"(?=\s*$|\s*[,;.!?)]|\s+[-+–]\s|\s+(?:in|on|at|by|with|and|or|near|from|of|to|for|under|over|"
    r"without|when|while|where|im|am|an|auf|bei|mit|und|oder|aus|von|ohne|vor|nahe|unter|neben|"
    r"über|my|our|mein\w*|unser\w*)\b)"
)
"""What doesn't belong to the word before, as nouns do: `in 2000 pieces`, `in summer clothes`."""
_NUMBERED = (
    "number route highway room flight no. nr. nummer windows office model page size raum zimmer "
    "bmw peugeot porsche boeing airbus lada xbox fifa"
)
"""What a number after it belongs to."""
_SURE_MONTHS = (
    "january|januar|february|februar|september|october|oktober|november|december|dezember"
)
_HINT = re.compile(
    rf"\d\d|\bago\b|\bvor\b|day|yester|gestern|heute|night|last|past|previous|letzte|vergangen|"
    rf"vorige|\bthis\b|\bdiese|ties\b|ziger|ißiger|{MONTH}|{SEASON}|{FEAST}"
)
_Rule = tuple[re.Pattern[str], Callable[[re.Match[str], Calendar], Spans]]


@dataclass(frozen=True, slots=True)
class Expression:
    """A part of a text that names a time: where it stands, and the days that are meant."""

    start: int
    end: int
    spans: Spans


def named(text: str, calendar: Calendar) -> Spans:
    """The days that a text names which is nothing but that; none where it isn't understood."""
    return spans_of(" ".join(text.lower().replace("’", "'").split()), calendar)


def expressions(text: str, calendar: Calendar) -> list[Expression]:
    """What a text says of a time, from left to right."""
    found: list[Expression] = []
    folded = text.lower().replace("’", "'")
    if len(folded) != len(text) or not _HINT.search(folded):
        return found
    for pattern, read in _rules():
        for match in pattern.finditer(folded):
            is_taken = any(one.start < match.end() and match.start() < one.end for one in found)
            if not is_taken and (spans := read(match, calendar)):
                found.append(Expression(match.start(), match.end(), spans))
    return sorted(found, key=lambda one: one.start)


def shared(one: Spans, other: Spans) -> Spans:
    """The days that both have."""
    pairs = ((max(a[0], b[0]), min(a[1], b[1])) for a in one for b in other)
    return tuple(sorted({span for span in pairs if span[0] <= span[1]}))


def united(one: Spans, other: Spans) -> Spans:
    """The days that one of both has."""
    return tuple(joined((*one, *other)))


@cache
def _rules() -> tuple[_Rule, ...]:
    """How a time is written, the forms that others are a part of first."""
    yearly, years = rf"{MONTH}|{SEASON}|{FEAST}", rf"{YEAR}(?:{AND} {YEAR})*"
    in_the = r"(?:the month of |(?:the |dem )(?=summer|winter|autumn|sommer|herbst|frühling))?"
    unnumbered = "".join(rf"(?<!{re.escape(word)} )" for word in _NUMBERED.split())
    table: list[tuple[str, Callable[[re.Match[str], Calendar], Spans]]] = [
        (rf"{_START}(?:from|between|von|zwischen|vom) {_ARTICLE}(?P<first>{_POINT}|{MONTH}) {TO} "
         rf"{_ARTICLE}(?P<second>{_POINT}){_END}", _range),
        (rf"{_START}(?:(?:in|from) )?(?P<first>{YEAR}) ?(?:[-–]|to|bis) ?(?P<second>{YEAR}){_END}",
         _range),
        (rf"{_START}(?:from |von |vom )?(?P<first>{DAY_OF_YEAR}) (?:to|until|till|through|bis|-|–) "
         rf"(?P<second>{DATE}){_END}", _range),
        (rf"{_START}(?P<first>{CERTAIN}) (?:to|until|till|through|bis|-|–) (?P<second>{CERTAIN})"
         rf"{_END}", _range),
        (rf"{_START}(?:since|ab|seit) {_ARTICLE}(?P<time>{_POINT}|{yearly}){_END}", _since),
        (rf"{_START}(?:from |von |vom )?(?P<time>{_POINT}) (?:on|onwards?|an){_END}{ALONE}",
         _since),
        (rf"{_START}{_AT}?(?P<time>{DAYS_OF_MONTH}){_END}", _plain),
        (rf"{_START}(?<!day )(?P<sign>after|nach|before|until|till|up to|bis|vor) {_ARTICLE}"
         rf"(?P<time>(?!{COUNT} {UNIT})(?:{_POINT})){_END}", _open),
        (rf"{_START}(?<!\d )(?:{_AT}{_ARTICLE})?(?P<time>{CERTAIN})(?:'s)?(?! show\b){_END}",
         _plain),
        (rf"{_START}(?:in|from|during|of|aus|von) (?P<time>{unnamed(DECADE)}){_END}", _plain),
        (rf"(?<=\w )(?P<time>{unnamed(CENTURY)})\s*$", _plain),
        (rf"{_START}{_IN_YEAR}(?P<time>{years}){_END}{ALONE}", _plain),
        (rf"(?<=\w ){unnumbered}(?P<time>{years})\s*$", _plain),
        (rf"{_START}(?:on|am|vom|from|every|jeden) (?P<time>{DAY_OF_YEAR}){_END}{ALONE}", _plain),
        (rf"{_START}(?:on|am) (?P<day>{WEEKDAY}){_END}{ALONE}", _weekday),
        (rf"{_START}(?:in|during|im|every|jeden|jedes) {in_the}(?P<time>{MONTH}|{SEASON}){_END}"
         rf"{ALONE}", _plain),
        (rf"{_START}(?:at|on|over|during|for|around|zu|an|über|every|jedes) (?:the )?"
         rf"(?P<time>{FEAST}){_END}{ALONE}", _plain),
        (rf"(?<=\w )(?P<time>{_SURE_MONTHS})\s*$", _plain),
        (rf"^\s*(?P<time>{FEAST}|{YEAR})\s*[.!?]?\s*$", _plain),
    ]  # fmt: skip
    return tuple((re.compile(pattern), read) for pattern, read in table)


def _plain(match: re.Match[str], calendar: Calendar) -> Spans:
    return spans_of(match["time"], calendar)


def _weekday(match: re.Match[str], calendar: Calendar) -> Spans:
    """The last one."""
    return spans_of(f"last {match['day']}", calendar)


def _range(match: re.Match[str], calendar: Calendar) -> Spans:
    """From the first day of one to the last of another, whose year may be that of both."""
    first, second = match["first"], spans_of(match["second"], calendar)
    if second and re.fullmatch(f"{MONTH}|{DAY_OF_YEAR}", first):
        first = f"{first} {second[-1][1].year}"
    begin = spans_of(first, calendar)
    if not begin or not second or begin[0][0] > second[-1][1]:
        return ()
    return ((begin[0][0], second[-1][1]),)


def _since(match: re.Match[str], calendar: Calendar) -> Spans:
    """From its first day on; of what comes every year from the last that has begun."""
    begun = [one for one in spans_of(match["time"], calendar) if one[0] <= calendar.today]
    return ((begun[-1][0], EVER[1]),) if begun else ()


def _open(match: re.Match[str], calendar: Calendar) -> Spans:
    spans, day = spans_of(match["time"], calendar), timedelta(1)
    if not spans:
        return ()
    if match["sign"] in ("after", "nach"):
        return ((spans[-1][1] + day, EVER[1]),)
    is_before = match["sign"] in ("before", "vor")
    return ((EVER[0], spans[0][0] - day if is_before else spans[-1][1]),)
