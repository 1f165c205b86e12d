"""Words of time in English and German, as patterns of small letters."""

# Tested by tests/unit/cmsearch/search/query/test_temporal.py

from __future__ import annotations

import re

from cmsearch.search.query import feasts

MONTHS = (
    "january|januar|jänner|jan", "february|februar|feber|feb", "march|märz|mar|mär", "april|apr",
    "may|mai", "june|juni|jun", "july|juli|jul", "august|aug", "september|sept|sep",
    "october|oktober|oct|okt", "november|nov", "december|dezember|dec|dez",
)  # fmt: skip
SEASONS = {
    "springtime": 3, "spring": 3, "frühling": 3, "frühjahr": 3,
    "summertime": 6, "summer": 6, "sommer": 6,
    "autumn": 9, "fall": 9, "herbst": 9, "wintertime": 12, "winter": 12,
}  # fmt: skip
"""The month in which each begins in the north."""
WEEKDAYS = (
    "monday|montag", "tuesday|dienstag", "wednesday|mittwoch", "thursday|donnerstag",
    "friday|freitag", "saturday|samstag|sonnabend", "sunday|sonntag",
)  # fmt: skip

MONTH = "|".join(one for names in MONTHS for one in names.split("|") if len(one) > 4) + (
    "|june|july|juni|juli|märz|may|mai"
)
"""The names of months that aren't cut short."""
SEASON = "|".join(SEASONS)
FEAST = "|".join(map(re.escape, feasts.NAMES))
WEEKDAY = "|".join(WEEKDAYS)
YEAR = r"(?:18[3-9]\d|19\d\d|20\d\d)"
COUNT = (
    r"(?:\d{1,3}|an?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|eine[mnr]?|"
    r"zwei|drei|vier|fünf|sechs|sieben|acht|neun|zehn|elf|zwölf)"
)
UNIT = r"(?:days?|weeks?|months?|years?|tage?n?|wochen?|monate?n?|jahre?n?)"
LAST = r"(?:(?:this )?past|last|previous|letzte[nrsm]?|vergangene[nrsm]?|vorige[nrsm]?)"
THIS = r"(?:this(?! past)|diese[nrsm]?)"
PERIOD = r"week(?:end)?|month|year|woche(?:nende)?|monat|jahr(?:es)?"
NAMED = rf"{SEASON}|{FEAST}|{MONTH}"
AND = r"(?:,| and| or| und| oder)"
TO = r"(?:to|and|until|till|through|bis|und|-|–)"

ANY_MONTH = f"(?:{'|'.join(sorted('|'.join(MONTHS).split('|'), key=len, reverse=True))})"
ORDINAL = r"\d{1,2}(?:st|nd|rd|th|\.)?"
_SHORT_DAY = r"(?:mon|tue|tues|wed|thu|thurs|fri|sat|sun|mo|di|mi|do|fr|sa|so)\.?"
DAY_OF_YEAR = rf"(?:the )?{ORDINAL} (?:of )?{ANY_MONTH}\.?|{ANY_MONTH}\.? {ORDINAL}"
DAYS_OF_MONTH = (
    rf"{ORDINAL} ?{TO} ?{ORDINAL} {ANY_MONTH}\.?,? {YEAR}|"
    rf"{ANY_MONTH}\.? {ORDINAL} ?{TO} ?{ORDINAL},? {YEAR}"
)
DATE = (
    rf"\d{{4}}-\d\d(?:-\d\d)?|\d{{1,2}}\. ?\d{{1,2}}\. ?{YEAR}|\d{{1,2}}[/-]\d{{1,2}}[/-]{YEAR}|"
    rf"\d{{1,2}}/{YEAR}|(?:(?:the )?{ORDINAL} (?:of )?)?{ANY_MONTH}\.?,? (?:of )?{YEAR}|"
    rf"{ANY_MONTH}\.? {ORDINAL},? {YEAR}|{YEAR} {ANY_MONTH}\.?(?: {ORDINAL})?"
)
DATED = rf"(?:(?:{WEEKDAY}|{_SHORT_DAY}),? )?(?P<date>{DATE})"
OF_YEAR = (
    rf"(?P<what>{NAMED}|{ANY_MONTH})(?P<weekend> weekend|-wochenende)?(?: of| in| im|,)?(?: the)? "
    rf"(?:(?P<years>(?:{YEAR}|')(?:/?\d\d)?(?:{AND} {YEAR})*)|"
    rf"(?:(?P<last>{LAST})|{THIS}) (?:year|jahr(?:es)?))"
)
NEAR = (
    r"the (?P<long>year|month|week) before last|(?P<lang>vorletzte[nsm]? (?:jahr|monat|woche))|"
    r"the day before yesterday|vorgestern|yesterday|gestern|today|heute|last night"
)
LATEST = rf"(?:(?P<last>{LAST})|{THIS}) (?P<what>{NAMED}|{WEEKDAY})"
AROUND = rf"(?:(?P<last>{LAST})|{THIS}) (?P<unit>{PERIOD})"
RECENT = (
    rf"(?:the |den |die )?(?:last|past|letzten|vergangenen) (?P<count>{COUNT}) (?P<unit>{UNIT})"
)
AGO = (
    rf"vor (?P<count>{COUNT}) (?P<unit>{UNIT})|"
    rf"(?P<number>{COUNT}) (?P<of>{UNIT}) ago(?P<today> today)?"
)
CENTURY = r"(?:the |den |die )?(?P<decade>(?:18|19|20)\d0)(?:'?s|er(?:n|[ -]jahren?)?)"
TENS = (
    "twenties|zwanziger", "thirties|dreißiger", "forties|vierziger", "fifties|fünfziger",
    "sixties|sechziger", "seventies|siebziger", "eighties|achtziger", "nineties|neunziger",
)  # fmt: skip
DECADE = (
    rf"{CENTURY}|(?:the |den |die )(?:(?P<tens>\d0)(?:'?s|ern?)|"
    rf"(?P<word>{'|'.join(TENS)})n?(?:[ -]?jahren?)?)"
)


def unnamed(*patterns: str) -> str:
    """Patterns as one, whose groups have no names, so that it can stand in one twice."""
    return "|".join(re.sub(r"\(\?P<\w+>", "(?:", pattern) for pattern in patterns)


CERTAIN = unnamed(DAYS_OF_MONTH, DATED, OF_YEAR, NEAR, RECENT, AGO, LATEST, AROUND)
"""What is a time and nothing else, wherever it stands."""
