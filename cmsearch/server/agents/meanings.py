"""What words of agents were taken as, days and places, and what else they may mean."""

# Tested by tests/e2e/server/test_agents.py

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import count

import numpy as np

from cmsearch.models.gazetteer import distances, gazetteer
from cmsearch.search.query.place_candidates import PlaceCandidate, place_candidates
from cmsearch.search.query.places import placed
from cmsearch.server.agents.results import Candidate, Choice, plain
from cmsearch.server.requests import Filters
from cmsearch.server.stores import Served
from cmsearch.store import filtering
from cmsearch.store.catalog import files
from cmsearch.types import Applied, Filter

_MOST_MEANT = 3
"""Words of a query of which it is told that they may be places."""
_MOST_LOOKED_AT = 8
"""Places of which it is looked up whether anything is there: 12 ms each among a million files."""
_SAME_KM = 5.0


def of_filters(filters: Filters, where: Filter) -> list[Applied]:
    """What the words of filters were taken as: days, open ones as the first or the last that there
    are, and a place by its name.
    """
    told = []
    written = [("since", filters.since), ("until", filters.until)]
    if words := ", ".join(f"{name} {text}" for name, text in written if text is not None):
        days = (where.since or date.min, where.until or date.max)
        told.append(Applied(words, days=(days,)))
    towns = None if filters.near is None else gazetteer()
    if filters.near is not None and towns is not None:
        found = placed(filters.near, towns)
        if found is not None:
            words = f"near {filters.near}"
            told.append(Applied(words, place=found.name, near=where.near, area=where.area))
    return told


def could_mean(served: Served, text: str, applied: Sequence[Applied]) -> list[Choice]:
    """Words of a query that may be places where something of a store was taken, besides what was
    understood.
    """
    engine = served.engine
    if files.is_south(engine.store.catalog) is None or (towns := gazetteer()) is None:
        return []  # nothing has a place, or no place has a name
    looked_at = count(1)

    def is_wanted(one: PlaceCandidate) -> bool:
        return (
            not _is_applied(one, applied)
            and next(looked_at) <= _MOST_LOOKED_AT
            and _is_anything_at(served, one)
        )

    found = []
    for given, candidates in place_candidates(text, towns, is_wanted):
        told = [Candidate(value=one.value, name=one.name) for one in candidates]
        found.append(Choice(argument="filters.near", given=plain(given), candidates=told))
        if len(found) == _MOST_MEANT:
            break
    return found


def _is_applied(one: PlaceCandidate, applied: Sequence[Applied]) -> bool:
    """Whether a place is what was understood."""
    for known in applied:
        if known.area is not None and known.area == one.area:
            return True
        if known.near is not None and one.near is not None:
            north, east = (np.array([value]) for value in one.near[:2])
            if distances(*known.near[:2], north, east)[0] < _SAME_KM:
                return True
    return False


def _is_anything_at(served: Served, one: PlaceCandidate) -> bool:
    store = served.engine.store
    return filtering.is_any(store.catalog, store.view(), Filter(near=one.near, area=one.area))
