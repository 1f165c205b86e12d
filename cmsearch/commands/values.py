"""Values that complete what is typed after an option: those that the store at hand has."""

# Tested by tests/unit/cmsearch/commands/test_values.py

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cmsearch.common.text import caseless, printable
from cmsearch.errors import CmsearchError

if TYPE_CHECKING:
    from cmsearch.store.catalog.sqlite_values import Values

_NOTED = {"keywords": ("keyword", "level"), "people": ("person",), "labels": ("label",)}
COMPLETED = frozenset({*_NOTED, "camera", "near"})
"""The options of which values are known."""
_MOST_PLACES = 500
"""Places of which the nearest town is looked up, each in a tenth of a millisecond."""
_MOST_NOTED_PLACES = 20
"""Names of places that are looked up, each in a millisecond."""
Complete = Callable[[click.Context, click.Parameter, str], list[str]]


def complete(option: str) -> Complete:
    """What completes the values of an option, named as the field of `Filter` that it fills.

    Those that were given before aren't given again, and where no index is nothing is.
    """

    def completed(ctx: click.Context, _: click.Parameter, begun: str) -> list[str]:
        store = ctx.params.get("store")
        given = ctx.params.get(option)
        former = map(caseless, given) if isinstance(given, tuple) else ()
        known = {one for one in former if option in _NOTED}
        return [
            value
            for value in values(Path(store).expanduser() if store else Path(), option, begun)
            if caseless(value) not in known
        ]

    return completed


def values(start: Path, option: str, begun: str) -> list[str]:
    """The values for an option that begin so, in any case, of the store at, in, or above `start`;
    nothing where there is none that can be read. What a terminal can't show is left out.
    """
    import sqlite3

    from cmsearch.store import locating, trust
    from cmsearch.store.catalog.sqlite_values import opened

    begun = " ".join(begun.split()) + " " * begun[-1:].isspace()
    try:
        catalog = locating.find(start) / locating.CATALOG
        trust.admit(catalog)
        with opened(catalog) as known:
            found = _found(known, option, begun.lstrip())
    except (CmsearchError, OSError, ValueError, sqlite3.Error):
        return []
    return [one for one in found if one and printable(one) == one]


def _found(known: Values, option: str, begun: str) -> list[str]:
    if option in _NOTED:
        return known.noted(_NOTED[option], begun)
    if option == "camera":
        own = sorted(set(known.cameras()), key=caseless)
        return [name for name in own if caseless(name).startswith(caseless(begun))]
    return _places(known, begun) if option == "near" else []


def _places(known: Values, begun: str) -> list[str]:
    """Towns and countries where something was taken, and places that are noted, if `--near` knows
    them. The names have to be laid out already, which takes seconds.
    """
    from cmsearch.models.areas import area_names, name_of
    from cmsearch.models.gazetteer import laid_out
    from cmsearch.search.query.places import placed

    towns = laid_out()
    if towns is None:
        return []
    found: dict[str, str] = {}
    start = caseless(begun)
    here = dict.fromkeys(
        town for one in known.places(_MOST_PLACES) for town in towns.known_at(*one)
    )
    for town in here:
        whole = name_of(town)
        country = area_names().get((town.country, ""), "")
        for name in (whole, country):
            if caseless(name).startswith(start):
                found.setdefault(caseless(name), name)
    for name in known.noted(("place",), begun)[:_MOST_NOTED_PLACES]:
        if placed(name, towns):
            found.setdefault(caseless(name), name)
    return [found[name] for name in sorted(found)]
