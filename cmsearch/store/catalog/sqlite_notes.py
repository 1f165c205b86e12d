"""Notes by their values, as SQLite groups them: which files each keyword is noted of."""

# Tested by tests/unit/cmsearch/store/test_things.py

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
import sqlalchemy as sa

from cmsearch.store.catalog import postgres_notes
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.catalog.columns import text_of
from cmsearch.store.catalog.prepared import Prepared, given, listed, listing
from cmsearch.store.catalog.schema import notes, understood
from cmsearch.types import IdArray

_IS_FIRST = (
    "NOT EXISTS (SELECT 1 FROM notes AS earlier WHERE earlier.about = notes.about"
    " AND earlier.kind = notes.kind AND earlier.rank < notes.rank)"
)
_GROUPS = "SELECT folded, group_concat(DISTINCT about) FROM notes WHERE kind = :kind{} GROUP BY 1"
_ALL, _COUNTING = (
    Prepared(sa.text(_GROUPS.format(first)), sa.text(postgres_notes.GROUPS.format(first)))
    for first in ("", f" AND {_IS_FIRST}")
)
_abouts = sa.func.count(notes.c.about.distinct())
_frequent = (
    sa.select(notes.c.folded, _abouts)
    .where(notes.c.kind.in_(listed("kinds", str)))
    .group_by(notes.c.folded)
    .order_by(_abouts.desc(), notes.c.folded)
    .limit(given("most"))
)
_FREQUENT, _FREQUENT_FIRST = Prepared(_frequent), Prepared(_frequent.where(sa.text(_IS_FIRST)))
_SPELLED = Prepared(
    sa.text(
        "SELECT asked.value, (SELECT notes.value FROM notes"
        " WHERE notes.kind = :kind AND notes.folded = asked.value LIMIT 1)"
        " FROM json_each(:values) AS asked"
    ),
    postgres_notes.SPELLED,
)


class Values(NamedTuple):
    """The values of some kinds of notes, and of n pairs of a value and an asset both."""

    names: Sequence[str]
    """The values without case."""
    codes: IdArray
    """The place of the value among these `(n,)`."""
    abouts: IdArray
    """The asset that it is noted of `(n,)`."""


def values(catalog: Catalog, kinds: Collection[str], *, first: bool = False) -> Values:
    """All values of some kinds; with `first` those alone of the source that comes first."""
    statement = _COUNTING if first else _ALL
    rows = [row for kind in kinds for row in catalog.run(statement, kind=kind)]
    places: dict[str, int] = {}
    codes, abouts = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    with understood(catalog.path):
        for folded, joined in rows:
            own = np.array([int(one) for one in text_of(joined).split(",")], np.int64)
            code = places.setdefault(text_of(folded), len(places))
            codes.append(np.full(len(own), code, np.int64))
            abouts.append(own)
    return Values(list(places), np.concatenate(codes), np.concatenate(abouts))


def frequent(
    catalog: Catalog, kinds: Collection[str], most: int, *, first: bool = False
) -> dict[str, int]:
    """Of how many files each of the most frequent values of some kinds is noted, the most first;
    with `first` counts that of the source alone that comes first.
    """
    statement = _FREQUENT_FIRST if first else _FREQUENT
    rows = catalog.run(statement, kinds=listing(kinds), most=most)
    with understood(catalog.path):
        counts = {text_of(row[0]): int(row[1]) for row in rows}
    names = spelled(catalog, kinds, counts)
    return {names.get(name, name): count for name, count in counts.items()}


def spelled(catalog: Catalog, kinds: Collection[str], names: Collection[str]) -> dict[str, str]:
    """Values without case as one note of the first of these kinds that has each writes it."""
    found: dict[str, str] = {}
    for kind in kinds:
        left = [name for name in names if name not in found]
        rows = catalog.run(_SPELLED, kind=kind, values=listing(left)) if left else []
        with understood(catalog.path):
            found |= {text_of(row[0]): text_of(row[1]) for row in rows if row[1] is not None}
    return found
