"""Writing what is noted of files: each row says in which file it stands, and what it is about.

Of several files that say when or where something was, the first in the order of
`cmsearch.media.moments.SOURCES` counts. What a picture itself says is kept then, and counts again
when the other file is gone.
"""

# Tested by tests/unit/cmsearch/store/catalog/test_notes.py

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from cmsearch.common.kinds import NOTED
from cmsearch.common.text import caseless as folded
from cmsearch.media.moments import FILE, SOURCES
from cmsearch.store.catalog import databases, schema, takeout_copies
from cmsearch.store.catalog.rows import capture_row
from cmsearch.store.catalog.schema import chunks
from cmsearch.types import Noted, Notes

KEYWORD, LEVEL, PERSON, PLACE = "keyword", "level", "person", "place"
RATING, LABEL, CREATOR, TAKEN, POSITION = "rating", "label", "creator", "taken", "position"
_OWN = NOTED.index("embedded")
_SEPARATOR = "|"

_notes, _assets = schema.notes.c, schema.assets.c
_COLUMNS = (_notes.kind, _notes.value, _notes.rank, _notes.about)
_OF_FILE = sa.select(*_COLUMNS).where(_notes.asset == sa.bindparam("asset")).order_by(_notes.id)
_CORRECTED = _notes.kind.in_((TAKEN, POSITION))
_CORRECTIONS = sa.select(_notes.asset, _notes.kind, _notes.value, _notes.rank).where(
    _notes.about == sa.bindparam("about"), _CORRECTED
)
_DELETE = sa.delete(schema.notes).where(_notes.asset == sa.bindparam("of"))
_DELETE_SAVED = sa.delete(schema.notes).where(
    _notes.asset == sa.bindparam("of"), _notes.about == sa.bindparam("of"), _CORRECTED
)
_INSERT = sa.insert(schema.notes)
_CAPTURED = ("taken", "taken_source", "taken_more", "latitude", "longitude")
_OWN_CAPTURE = sa.select(*(_assets[name] for name in _CAPTURED)).where(
    _assets.id == sa.bindparam("about")
)


class Row(NamedTuple):
    """A note without the file that it stands in: its kind, its text, and the place of its source
    in `NOTED`.
    """

    kind: str
    value: str
    rank: int
    about: int


def put(
    connection: sa.Connection, asset: int, about: int | None, found: Sequence[Noted]
) -> set[int]:
    """Let a file note this, and nothing else, about itself or what it lies beside, and Takeout's
    about the copies of that; of what isn't here nothing. Gives the files of which that changed when
    or where they were taken.
    """
    if about is None:
        about, found = asset, ()
    rows = list(dict.fromkeys(row for noted in found for row in _rows(noted, about)))
    exported = [noted for noted in found if noted.source == "takeout"]
    for copy in takeout_copies.of(connection, about, asset) if exported else ():
        rows += dict.fromkeys(row for noted in exported for row in _rows(noted, copy))
    former = [Row(*row) for row in connection.execute(_OF_FILE, {"asset": asset})]
    saved = [row for row in former if row.about == asset and row.kind in (TAKEN, POSITION)]
    if [row for row in former if row not in saved] != rows:
        connection.execute(_DELETE, {"of": asset})
        insert(connection, asset, rows)
        for number in {about, *(row.about for row in former)}:
            databases.words(connection).refill_named(connection, number)
    elif saved:
        connection.execute(_DELETE_SAVED, {"of": asset})  # the file was read, and says it anew
    corrected = {row.about for row in (*former, *rows) if row.kind in (TAKEN, POSITION)}
    corrected |= {about} if about == asset else set()
    return {number for number in corrected if settle(connection, number)}


def insert(connection: sa.Connection, asset: int, rows: Sequence[Row]) -> None:
    """Add notes of a file."""
    if rows:
        added = [{"asset": asset, "folded": folded(row.value), **row._asdict()} for row in rows]
        connection.execute(_INSERT, added)


def remove(connection: sa.Connection, asset: int) -> tuple[set[int], set[int]]:
    """Delete what is noted in a file and about it; the files whose notes were about it, which are
    to be read again, and those of which that changed when or where they were taken.
    """
    former = [Row(*row) for row in connection.execute(_OF_FILE, {"asset": asset})]
    query = sa.select(_notes.asset).where(_notes.about == asset, _notes.asset != asset).distinct()
    others = {row[0] for row in connection.execute(query)}
    connection.execute(_DELETE, {"of": asset})
    connection.execute(sa.delete(schema.notes).where(_notes.about == asset))
    subjects = {row.about for row in former} - {asset}
    for number in subjects:
        databases.words(connection).refill_named(connection, number)
    return others, {number for number in subjects if settle(connection, number)}


def settle(connection: sa.Connection, about: int) -> bool:
    """Let a file have been taken when and where that says which counts most; whether there is
    something to say so.
    """
    rows = connection.execute(_CORRECTIONS, {"about": about}).fetchall()
    if not rows:
        return False
    others = [row for row in rows if row[0] != about]
    saved = {row[1]: row[2] for row in rows if row[0] == about}
    if not saved:
        own = connection.execute(_OWN_CAPTURE, {"about": about}).first()
        if own is None:
            return False
        saved = {TAKEN: json.dumps([*own[:3]]), POSITION: json.dumps([*own[3:]])}
        insert(connection, about, [Row(kind, value, _OWN, about) for kind, value in saved.items()])
    times = [_listed(row[2], 3) for row in others if row[1] == TAKEN]
    places = [(row[3], _listed(row[2], 2)) for row in others if row[1] == POSITION]
    times.append(_listed(saved.get(TAKEN, ""), 3))
    places.append((_OWN, _listed(saved.get(POSITION, ""), 2)))
    taken = min(times, key=lambda one: _rank(one[1]))
    known = [place for place in places if None not in place[1]]
    place = min(known, key=lambda one: one[0])[1] if known else [None, None]
    values = dict(zip(_CAPTURED, (*taken, *place), strict=True))
    connection.execute(sa.update(schema.assets).where(_assets.id == about).values(values))
    if not others:
        connection.execute(_DELETE_SAVED, {"of": about})
    return True


def read_again(connection: sa.Connection, assets: Iterable[int]) -> frozenset[str]:
    """Let the next run read files again; their paths."""
    paths: set[str] = set()
    for chunk in chunks(sorted(assets)):
        stale = sa.update(schema.assets).where(_assets.id.in_(chunk)).values(mtime_ns=None)
        paths |= {row[0] for row in connection.execute(stale.returning(_assets.path))}
    return frozenset(paths)


def _rows(noted: Noted, about: int) -> Iterator[Row]:
    rank = NOTED.index(noted.source) if noted.source in NOTED else _OWN
    for kind, value in _values(noted.notes):
        yield Row(kind, value, rank, about)
    row = capture_row(noted.capture)
    if row["taken"] is not None:
        taken = [row["taken"], row["taken_source"], row["taken_more"]]
        yield Row(TAKEN, json.dumps(taken), rank, about)
    if row["latitude"] is not None and row["longitude"] is not None:
        yield Row(POSITION, json.dumps([row["latitude"], row["longitude"]]), rank, about)


def _values(notes: Notes) -> Iterator[tuple[str, str]]:
    for keyword in notes.keywords:
        yield KEYWORD, keyword
        yield from ((LEVEL, level) for level in _levels(keyword))
    for kind, values in (
        (PERSON, notes.people), (PLACE, notes.places), (LABEL, notes.labels),
        (CREATOR, notes.creators),
    ):  # fmt: skip
        yield from ((kind, value) for value in values)
    if notes.rating is not None:
        yield RATING, str(notes.rating)


def _levels(keyword: str) -> list[str]:
    """The levels of a keyword, and those that it has from the widest one on."""
    levels = keyword.split(_SEPARATOR)
    if len(levels) == 1:
        return []
    begun = [_SEPARATOR.join(levels[:count]) for count in range(2, len(levels))]
    return list(dict.fromkeys([*levels, *begun]))


def _listed(text: Any, length: int) -> list[Any]:
    """A list of JSON; one of nothing for what this module didn't write."""
    try:
        found = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        found = None
    is_own = isinstance(found, list) and len(found) == length
    return found if is_own and all(_is_plain(one) for one in found) else [None] * length


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)


def _rank(source: Any) -> int:
    return SOURCES.index(source if source in SOURCES else FILE)
