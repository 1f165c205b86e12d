"""Counts of the files that pass a filter, by what else could be filtered by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np

from cmsearch.common.text import storable
from cmsearch.models.areas import area_names, name_of
from cmsearch.search.query.places import extent
from cmsearch.store import filtering
from cmsearch.store.catalog import asset_rows, sqlite_notes
from cmsearch.store.catalog.asset_rows import among
from cmsearch.store.catalog.filters import EVERYTHING
from cmsearch.store.catalog.noted_filters import STARS, UNRATED
from cmsearch.store.catalog.noting import KEYWORD, LABEL, LEVEL, PERSON, RATING
from cmsearch.store.store import Store
from cmsearch.store.things import Mask, Things
from cmsearch.store.view import View
from cmsearch.types import Count, Facet, Facets, Filter, Hit

FOUND = 1_000
"""With a query, so many of the best hits are looked at."""
_FEW = 60
"""Hits that are asked for first: where fewer are relevant, there are no others."""
MOST_DAYS, MOST_MONTHS, MOST_YEARS = 4_000, 1_200, 200
"""Days, months and years at most, the latest."""
MOST_FOLDERS, MOST_VALUES = 500, 100
"""Folders at most, and values of every other facet, the most frequent."""
_OWN: dict[str, tuple[str, ...]] = {
    "days": ("since", "until", "days"),
    "cameras": ("camera",),
    "folders": ("path",),
    "places": ("near", "area"),
    "keywords": ("keywords",),
    "people": ("people",),
    "ratings": ("rating",),
    "labels": ("labels",),
    "captions": ("has_caption",),
}
"""The fields of a filter that each facet is about."""
_KEYWORDS = (KEYWORD, LEVEL)
Search = Callable[[int, Filter, str], Sequence[Hit]]
"""Gives the relevant among so many of the best hits of a query under a filter, for a target."""


class Counting:
    """Counts what a store shows. Safe from threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._newest: tuple[View, Things] | None = None

    def things(self, view: View) -> Things:
        """The files of a view, which are kept until another one is asked for."""
        newest = self._newest
        if newest is None or newest[0] is not view:
            newest = self._newest = view, Things(self._store.catalog, view)
        return newest[1]

    def passing(self, view: View, where: Filter, target: str) -> Mask:
        """Which files of `things` pass a filter and have items of a target `(n,)`."""
        return _ByColumns(self._store, self.things(view), where, target).without("")

    def facets(
        self, view: View, where: Filter, target: str, search: Search | None = None
    ) -> Facets:
        """The facets of what passes a filter and has items of a target; with a `search`, of what
        that finds.
        """
        things = self.things(view)
        if search is None:
            passing: _ByColumns | _BySearch = _ByColumns(self._store, things, where, target)
        else:
            passing = _BySearch(self._store, things, where, target, search)
        facets = _Facets(self._store, things, passing.without)
        return Facets(
            total=int(passing.without("").sum()),
            among=None if search is None else FOUND,
            **facets.of_time(),
            **facets.of_places(),
            **facets.of_notes(),
            cameras=facets.cameras(),
            folders=facets.folders(),
            kinds=facets.kinds(),
        )


class _ByColumns:
    """Which files pass a filter, by columns."""

    def __init__(self, store: Store, things: Things, where: Filter, target: str) -> None:
        self._things, self._target = things, target
        parts = {name: _part(where, fields) for name, fields in _OWN.items()}
        self._masks = {
            name: filtering.mask(store.catalog, things.table, part)
            for name, part in parts.items()
            if part != EVERYTHING
        }

    def without(self, facet: str) -> Mask:
        """Which files pass all but what is asked of a facet."""
        found = self._things.of("any" if facet == "kinds" else self._target)
        for name, own in self._masks.items():
            if name != facet:
                found = found & own
        return found


class _BySearch:
    """Which files a search finds under a filter."""

    def __init__(
        self, store: Store, things: Things, where: Filter, target: str, search: Search
    ) -> None:
        self._store, self._things, self._where = store, things, where
        self._target, self._search = target, search
        self._masks: dict[tuple[Filter, str], Mask] = {}

    def without(self, facet: str) -> Mask:
        """Which files are found without what is asked of a facet."""
        wanted = replace(self._where, **_defaults(_OWN.get(facet, ())))
        target = "any" if facet == "kinds" else self._target
        if (wanted, target) not in self._masks:
            hits = self._search(_FEW, wanted, target)
            if len(hits) >= _FEW:
                hits = self._search(FOUND, wanted, target)
            root = self._store.root
            paths = {path.relative_to(root) for hit in hits for path in (hit.path, *hit.copies)}
            ids = asset_rows.at(self._store.catalog, [storable(one.as_posix()) for one in paths])
            self._masks[wanted, target] = among(ids, self._things.table.ids)
        return self._masks[wanted, target]


class _Facets:
    """Makes facets of columns, each among the files that pass a filter without that facet."""

    def __init__(self, store: Store, things: Things, without: Callable[[str], Mask]) -> None:
        self._catalog = store.catalog
        self._things = things
        self._without = without

    def of_time(self) -> dict[str, Facet]:
        """Years, months and days."""
        column = self._things.days
        counts = dict(zip(column.values, column.counts(self._without("days")), strict=True))
        days = {day: count for number, count in counts.items() if count and (day := _day(number))}
        months, years = Counter[str](), Counter[str]()
        for day, count in days.items():
            months[day[:7]] += count
            years[day[:4]] += count
        return {
            "years": _latest(years, MOST_YEARS),
            "months": _latest(months, MOST_MONTHS),
            "days": _latest(days, MOST_DAYS),
        }

    def cameras(self) -> Facet:
        """The cameras."""
        column = self._things.cameras
        counts = zip(column.values, column.counts(self._without("cameras")), strict=True)
        return _most([Count(name, count) for name, count in counts])

    def folders(self) -> Facet:
        """The folders with all that is below them."""
        counts = self._things.folders(self._without("folders")).items()
        return _most([Count(name, count) for name, count in counts], MOST_FOLDERS)

    def kinds(self) -> Facet:
        """The kinds of items."""
        passing = self._without("kinds")
        masks = self._things.kinds.items()
        return _most([Count(kind, int((own & passing).sum())) for kind, own in masks])

    def of_places(self) -> dict[str, Facet]:
        """Countries and towns."""
        column = self._things.towns
        towns = list(zip(column.values, column.counts(self._without("places")), strict=True))
        countries = Counter[str]()
        for town, count in towns:
            countries[town.country] += count
        names = area_names() if towns else {}
        areas = [
            Count(names.get((code, ""), code), count, area=(code, ""))
            for code, count in countries.items()
        ]
        places = [
            Count(name_of(town), count, near=(town.latitude, town.longitude, extent(town)))
            for town, count in towns
            if count
        ]
        return {"countries": _most(areas), "towns": _most(places)}

    def of_notes(self) -> dict[str, Facet]:
        """Keywords, people, stars and labels."""
        return {
            "keywords": self._noted("keywords", _KEYWORDS),
            "people": self._noted("people", (PERSON,)),
            "ratings": self._ratings(),
            "labels": self._noted("labels", (LABEL,), first=True),
        }

    def _noted(self, facet: str, kinds: Collection[str], *, first: bool = False) -> Facet:
        pairs = self._things.noted(kinds, first=first)
        own = zip(pairs.values, pairs.counts(self._without(facet)), strict=True)
        found = _most([Count(name, count) for name, count in own])
        spelled = sqlite_notes.spelled(self._catalog, kinds, [one.value for one in found.counts])
        counts = (replace(one, value=spelled.get(one.value, one.value)) for one in found.counts)
        return replace(found, counts=tuple(counts))

    def _ratings(self) -> Facet:
        """The stars, where any file has some: those without, and those with none, count as 0."""
        pairs = self._things.noted((RATING,), first=True)
        passing = self._without("ratings")
        counts = dict(zip(pairs.values, pairs.counts(passing), strict=True))
        if not any(counts.values()):
            return Facet()
        stars = [str(number) for number in STARS if number != UNRATED]
        other = [code for code, name in enumerate(pairs.values) if name in stars]
        rated = passing.copy()
        rated[pairs.rows[np.isin(pairs.codes, other)]] = False
        counts[str(UNRATED)] = int(rated.sum())
        found = [Count(str(stars), counts.get(str(stars), 0)) for stars in STARS]
        return Facet(tuple(one for one in found if one.count))


def _part(where: Filter, fields: Iterable[str]) -> Filter:
    """What a filter asks in some fields, and nothing else."""
    return replace(EVERYTHING, **{name: getattr(where, name) for name in fields})


def _defaults(fields: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(EVERYTHING, name) for name in fields}


def _day(number: int) -> str | None:
    """The day of a number such as 20240531; None for one that no calendar has."""
    try:
        return date(number // 10_000, number // 100 % 100, number % 100).isoformat()
    except ValueError:
        return None


def _latest(counts: dict[str, int], most: int) -> Facet:
    """Days, months or years in their order; the latest, where there are more."""
    found = [Count(value, counts[value]) for value in sorted(counts)]
    return Facet(tuple(found[-most:]), max(0, len(found) - most))


def _most(counts: Iterable[Count], most: int = MOST_VALUES) -> Facet:
    """The most frequent values; of equally frequent ones the first in the order of their texts."""
    found = sorted(_some(counts), key=lambda one: (-one.count, one.value))
    return Facet(tuple(found[:most]), max(0, len(found) - most))


def _some(counts: Iterable[Count]) -> Iterator[Count]:
    return (one for one in counts if one.count)
