"""Names of places within a query: `near Lisbon`, `in Portugal`, `im Umkreis von 20 km um Wien`.

A name counts where a preposition says that it is one, and at the end of a text where it is that of
a country or a very large town and of nothing else: `waterfall iceland`, `gate kyoto`. What is also
a word of English or German, as `nice`, `reading` or `essen`, counts only where more is said: `in
Bath, England`.
"""

# Tested by tests/unit/cmsearch/search/query/test_places.py

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from math import sqrt

from cmsearch.common.function_words import FUNCTION_WORDS
from cmsearch.common.text import caseless
from cmsearch.models.areas import Area, area_names, areas, name_of
from cmsearch.models.gazetteer import Gazetteer, Town
from cmsearch.search.query.regions import region_names, region_pattern
from cmsearch.search.query.temporal import ALONE
from cmsearch.store.catalog.terms import plain

MILE_KM = 1.609
_MOST_WORDS = 4
_LARGE = 100_000
"""People of a town whose name is taken for one however it is written, unless it is a word."""
_QUALIFIED = 15_000
"""The same of a town whose country or state is said: `paris texas`."""
_LETTERS = 4
"""Letters of the name of any other town that is."""
_LEAST_KM, _NEAR_KM = 3.0, 25.0
_JOINING = FUNCTION_WORDS | {
    "am", "aus", "beim", "da", "de", "del", "dem", "den", "der", "des", "di", "die", "das", "du",
    "ein", "eine", "einem", "einen", "einer", "el", "für", "im", "la", "le", "mit", "nach", "oder",
    "san", "und", "vom", "von", "wie", "zum", "zur",
}  # fmt: skip
"""Words that say that no place follows, unless they are prepositions of places."""
_ARTICLE = re.compile(r"\b(?:the|der|den|dem|die) $", re.IGNORECASE)
_WORD = r"[^\W\d_][\w'’.-]*"
_NAME = rf"(?P<name>{_WORD}(?:[ -]{_WORD}){{0,{_MOST_WORDS - 1}}}(?:, ?{_WORD}(?: {_WORD})?)?)"
_KM = r"(?P<number>\d{1,4}) ?(?P<unit>km|kilomet(?:er|re)s?|kilometern?|mi|miles?)"
_FORMS = (
    (rf"(?:within|im umkreis von) {_KM} (?:of|from|around|um|von) {_NAME}", "near"),
    (rf"{_KM} (?:from|around|um) {_NAME}", "near"),
    (rf"(?:near|close to|not far from|around|in der nähe von|nahe(?: bei)?|rund um|bei) {_NAME}",
     "near"),
    (rf"(?:in|through|across|all over|off|durch) (?:der |den |dem |die |the )?{_NAME}", "in"),
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
    found = list(_regions(text))
    for pattern, form in _patterns():
        for match in pattern.finditer(text):
            if any(one.start < match.end() and match.start() < one.end for one in found):
                continue
            gazetteer = known()
            if gazetteer and (expression := _named(text, match, form, gazetteer)):
                found.append(expression)
    if not found and (bare := _bare(text, known)):
        return [bare]
    return sorted(found, key=lambda one: one.start)


def placed(text: str, gazetteer: Gazetteer) -> PlaceExpression | None:
    """The place that a text names which is nothing but that, maybe with kilometres: `Rome, 20`."""
    given, kilometres = text.strip(), None
    if match := re.fullmatch(r"(.*\S)\s*,\s*(\d+(?:\.\d+)?)(?: ?km)?", given):
        given, kilometres = match[1], float(match[2])
    if caseless(given) in region_names():
        name, (north, east, km) = region_names()[caseless(given)]
        near = north, east, km if kilometres is None else kilometres
        return PlaceExpression(0, len(text), name, near, None)
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


def _regions(text: str) -> Iterator[PlaceExpression]:
    """Lakes, islands, mountains and parks."""
    for match in region_pattern().finditer(text):
        name, circle = region_names()[caseless(match["name"] or match["last"])]
        yield PlaceExpression(match.start(), match.end(), name, circle, None)


def _bare(text: str, known: Callable[[], Gazetteer | None]) -> PlaceExpression | None:
    """The place that the last words of a text name, where they can be nothing else."""
    words = list(re.finditer(_WORD, text))
    if not words or text[words[-1].end() :].strip():
        return None
    for count in range(min(_MOST_WORDS, len(words) - 1), 0, -1):
        start, before = words[-count].start(), words[-count - 1]
        name = text[start : words[-1].end()]
        if plain(name) not in _bare_names() or not text[before.end() : start].isspace():
            continue
        gazetteer = None if before[0].lower() in _JOINING else known()
        return _at_end(text, words[:-count], name, gazetteer) if gazetteer else None
    return None


def _at_end(
    text: str, before: Sequence[re.Match[str]], name: str, gazetteer: Gazetteer
) -> PlaceExpression:
    """What a name at the end of a text means: a country, a town of it that stands before it, or a
    large town.
    """
    area, towns = areas().get(caseless(name)), list[Town]()
    start = end = before[-1].end()
    for word in before[-_MOST_WORDS:] if area else ():
        called = text[word.start() : end]
        if caseless(called) not in _words():
            towns = [town for town in _own(gazetteer, called, area) if town.people >= _QUALIFIED]
        if towns:
            start = word.start()
            break
    stop = text.rindex(name) + len(name)
    start = start if towns else stop - len(name)
    if area is not None and not towns:
        return PlaceExpression(start, stop, area_names()[area], None, area)
    (town, *_) = towns or _own(gazetteer, name, None) or gazetteer.named(name)
    near = town.latitude, town.longitude, extent(town)
    return PlaceExpression(start, stop, name_of(town), near, None)


def _own(gazetteer: Gazetteer, name: str, area: Area | None) -> list[Town]:
    """The towns in an area that are called so in English."""
    named = gazetteer.named(name)
    return [town for town in _in_area(named, area) if plain(town.name) == plain(name)]


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
    if town.people >= _LARGE or _is_capital(name, said):
        return town
    is_sure = len(name) >= _LETTERS and not _ARTICLE.search(said[: said.index(name)])
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
    return frozenset(word for line in _lines("place_words.txt") for word in line.split())


@cache
def _bare_names() -> frozenset[str]:
    """Names that are of a place without a preposition too."""
    return frozenset(_lines("bare_places.txt"))


def _lines(name: str) -> Iterator[str]:
    """The lines of a file of names but its remarks."""
    file = resources.files("cmsearch.search.query") / name
    lines = file.read_text(encoding="utf-8").splitlines()
    return (line for line in lines if not line.startswith("#"))


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
