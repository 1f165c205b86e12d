"""Words of a query that may be places, also where that isn't sure: `nice`, `Springfield`.

What is sure is understood (`places`); here is what else could be meant, for who can ask back.
"""

# Tested by tests/unit/cmsearch/search/query/test_place_candidates.py

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cmsearch.common.function_words import FUNCTION_WORDS
from cmsearch.common.text import caseless
from cmsearch.models.areas import Area, area_names, areas, name_of
from cmsearch.models.gazetteer import Gazetteer, Town
from cmsearch.search.query.places import extent

MOST = 5
"""Towns that are looked at of one name, the largest."""
_LEAST = 10_000
"""People of a town whose name is looked for among the words of a query."""
_MOST_WORDS = 3
_LONGEST = 500  # characters of a query that are looked at
_LETTERS = 4
_AROUND_KM = 25.0
_WORD = re.compile(r"[^\W\d_][\w'’-]*")


@dataclass(frozen=True, slots=True)
class PlaceCandidate:
    """A place that words may mean: its name, and what a filter takes for it."""

    name: str
    near: tuple[float, float, float] | None
    area: Area | None

    @property
    def value(self) -> str:
        """The place as it is written for the filter `near`."""
        if self.near is None:
            return self.name
        north, east, kilometres = self.near
        return f"{north:.4f},{east:.4f},{kilometres:g}"


def place_candidates(
    text: str, gazetteer: Gazetteer, is_wanted: Callable[[PlaceCandidate], bool]
) -> Iterator[tuple[str, list[PlaceCandidate]]]:
    """The words of a text that may be places which are wanted, the longest names first,
    each word once.
    """
    text = text[:_LONGEST]
    words = list(_WORD.finditer(text))
    taken: set[int] = set()
    for count in range(_MOST_WORDS, 0, -1):
        for first in range(len(words) - count + 1):
            places = set(range(first, first + count))
            given = text[words[first].start() : words[first + count - 1].end()]
            if places & taken or not _may_be_name(given):
                continue
            found = [one for one in _candidates(given, gazetteer) if is_wanted(one)]
            if found:
                taken |= places
                yield given, found


def _may_be_name(given: str) -> bool:
    return len(given) >= _LETTERS and caseless(given) not in FUNCTION_WORDS


def _candidates(given: str, gazetteer: Gazetteer) -> Iterator[PlaceCandidate]:
    area = areas().get(caseless(given))
    if area is not None:
        yield PlaceCandidate(area_names()[area], None, area)
    for town in gazetteer.named(given)[:MOST]:
        if town.people >= _LEAST:
            yield _circle(town)


def _circle(town: Town) -> PlaceCandidate:
    around = (town.latitude, town.longitude, round(extent(town) + _AROUND_KM, 1))
    return PlaceCandidate(name_of(town), around, None)
