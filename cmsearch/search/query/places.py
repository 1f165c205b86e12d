"""Names of places within a query: `near Lisbon`, `in Portugal`, `im Umkreis von 20 km um Wien`.

A name counts where a preposition says that it is one. What is also a word of English or German, as
`nice`, `reading` or `essen`, counts only where more is said: `in Bath, England`.
"""

# Tested by tests/unit/cmsearch/search/query/test_places.py

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from math import sqrt

from cmsearch.common.text import caseless
from cmsearch.models.areas import Area, area_names, areas, name_of
from cmsearch.models.gazetteer import Gazetteer, Town
from cmsearch.search.query.temporal import ALONE

MILE_KM = 1.609
_MOST_WORDS = 4
_LARGE = 100_000
"""People of a town whose name is taken for one however it is written, unless it is a word."""
_LETTERS = 4
"""Letters of the name of any other town that is."""
_LEAST_KM, _NEAR_KM = 3.0, 25.0
_WORD = r"[^\W\d_][\w'’.-]*"
_NAME = rf"(?P<name>{_WORD}(?:[ -]{_WORD}){{0,{_MOST_WORDS - 1}}}(?:, ?{_WORD}(?: {_WORD})?)?)"
_KM = r"(?P<number>\d{1,4}) ?(?P<unit>km|kilomet(?:er|re)s?|kilometern?|mi|miles?)"
_FORMS = (
    (rf"(?:within|im umkreis von) {_KM} (?:of|from|around|um|von) {_NAME}", "near"),
    (rf"{_KM} (?:from|around|um) {_NAME}", "near"),
    (rf"(?:near|close to|not far from|around|in der nähe von|nahe(?: bei)?|rund um|bei) {_NAME}",
     "near"),
    (rf"(?:in|through|across|all over|durch) (?:der |den |dem |die |the )?{_NAME}", "in"),
    (rf"(?:(?<=photo )|(?<=photos )|(?<=pictures )|(?<=pics )|(?<=images )|(?<=fotos )|"
     rf"(?<=bilder )|^\s*)(?:from|aus) {_NAME}", "in"),
    (rf"^\s*(?P<name>{_WORD}(?: {_WORD})*, ?{_WORD}(?: {_WORD})?)\s*$", "alone"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PlaceExpression:
    """A part of a text that names a place: where it stands, and what is meant, a circle in degrees
    north and east and kilometres, or a country or a part of one.
    """

    start: int
    end: int
    name: str
    near: tuple[float, float, float] | None
    area: Area | None


def places(text: str, known: Callable[[], Gazetteer | None]) -> list[PlaceExpression]:
    """What a text says of places, from left to right; nothing where none are `known`, which is
    asked for only if there may be one.
    """
    found: list[PlaceExpression] = []
    for pattern, form in _patterns():
        for match in pattern.finditer(text):
            if any(one.start < match.end() and match.start() < one.end for one in found):
                continue
            gazetteer = known()
            if gazetteer and (expression := _named(text, match, form, gazetteer)):
                found.append(expression)
    return sorted(found, key=lambda one: one.start)


def placed(text: str, gazetteer: Gazetteer) -> PlaceExpression | None:
    """The place that a text names which is nothing but that, maybe with kilometres: `Rome, 20`."""
    given, kilometres = text.strip(), None
    if match := re.fullmatch(r"(.*\S)\s*,\s*(\d+(?:\.\d+)?)(?: ?km)?", given):
        given, kilometres = match[1], float(match[2])
    area = areas().get(caseless(given))
    if area is not None and kilometres is None:
        return PlaceExpression(0, len(text), area_names()[area], None, area)
    for name, qualifier, end in _readings(given):
        town = next(_in_area(gazetteer.named(name), qualifier), None)
        if town is not None and end == len(given):
            km = extent(town) + _NEAR_KM if kilometres is None else kilometres
            return PlaceExpression(
                0, len(text), name_of(town), (town.latitude, town.longitude, km), None
            )
    return None


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    start = r"(?<![\w'-])"
    return [(re.compile(f"{start}{form}", re.IGNORECASE), kind) for form, kind in _FORMS]


def _named(
    text: str, match: re.Match[str], form: str, gazetteer: Gazetteer
) -> PlaceExpression | None:
    """The place that the longest beginning of a name is of."""
    for name, qualifier, end in _readings(match["name"]):
        stop = match.start("name") + end
        if not _stands_alone(text, stop):
            continue
        start = match.start() + len(match[0]) - len(match[0].lstrip())
        if form == "alone" and qualifier is None:
            continue
        area = areas().get(caseless(name)) if qualifier is None and form == "in" else None
        if area is not None:
            return PlaceExpression(start, stop, area_names()[area], None, area)
        town = _town(gazetteer, name, qualifier, match[0])
        if town:
            near = town.latitude, town.longitude, _radius(town, match, form)
            return PlaceExpression(start, stop, name_of(town), near, None)
    return None


def _readings(words: str) -> Iterator[tuple[str, Area | None, int]]:
    """What a name may be, the longest first: a name, the country or state that it is said to be
    in, and where it ends.
    """
    ends = [found.end() for found in re.finditer(_WORD, words)]
    for end in reversed(ends):
        for middle in reversed([one for one in ends if one < end]):
            area = areas().get(caseless(words[middle:end].strip(" ,")))
            if area is not None:
                yield words[:middle].strip(" ,"), area, end
        if "," not in words[:end]:
            yield words[:end], None, end


def _stands_alone(text: str, end: int) -> bool:
    """Whether no noun follows that the name may belong to."""
    return re.match(ALONE, text[end:].lower()) is not None


def _town(gazetteer: Gazetteer, name: str, qualifier: Area | None, said: str) -> Town | None:
    """The largest town of a name, if that is sure to be one here."""
    town = next(_in_area(gazetteer.named(name), qualifier), None)
    if town is None or qualifier is not None:
        return town
    if caseless(name) in _words():
        return town if _is_capital(name, said) and town.people >= _LARGE else None
    is_sure = town.people >= _LARGE or _is_capital(name, said) or len(name) >= _LETTERS
    return town if is_sure else None


def _in_area(towns: Sequence[Town], area: Area | None) -> Iterator[Town]:
    """Those of the towns that are in a country or a part of one; all where none is said."""
    for town in towns:
        if area in (None, (town.country, ""), (town.country, town.region)):
            yield town


def _is_capital(name: str, said: str) -> bool:
    """Whether a name is written as one, and what stands before it isn't, as it is in titles."""
    before = said[: said.index(name)].split()[:1]
    return name[0].isupper() and not (before and before[0][0].isupper())


@cache
def _words() -> frozenset[str]:
    """Names of towns that are also words."""
    file = resources.files("cmsearch.search.query") / "place_words.txt"
    lines = file.read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


def _radius(town: Town, match: re.Match[str], form: str) -> float:
    """Kilometres around the middle of a town: those given, or as far as it goes, and further where
    what is near is asked for.
    """
    groups = match.groupdict()
    if groups.get("number"):
        return float(groups["number"]) * (MILE_KM if groups["unit"].startswith("mi") else 1)
    return extent(town) + (_NEAR_KM if form == "near" else 0)


def extent(town: Town) -> float:
    """As many kilometres as a town of so many people goes from its middle, roughly."""
    return max(_LEAST_KM, round(1.5 * sqrt(town.people / 10_000), 1))
