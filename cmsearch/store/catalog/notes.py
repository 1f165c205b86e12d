"""What is noted of files, for those who show it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from cmsearch.common.kinds import SUBJECTS, FileKind
from cmsearch.common.text import caseless as folded
from cmsearch.media.readers import names
from cmsearch.store.catalog import schema, takeout_copies
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.catalog.columns import text_of
from cmsearch.store.catalog.noting import (
    CREATOR,
    KEYWORD,
    LABEL,
    LEVEL,
    PERSON,
    PLACE,
    POSITION,
    RATING,
    TAKEN,
)
from cmsearch.store.catalog.prepared import Prepared, listed, listing
from cmsearch.store.catalog.schema import understood
from cmsearch.store.catalog.skipped_lines import BEGINNING, named
from cmsearch.types import NO_NOTES, Notes, Skipped

MOST = 2**18
"""Notes of hits that are read at once: a store may come from anywhere."""
_FIRST = (RATING, LABEL)
"""Kinds of which only the source counts that comes first."""
_notes, _assets = schema.notes.c, schema.assets.c
_OF = Prepared(
    sa.select(
        _assets.path, _assets.taken_source, _assets.taken_more, _assets.latitude, _assets.longitude,
        _notes.kind, _notes.value, _notes.rank,
    )
    .join(
        schema.notes,
        (_notes.about == _assets.id) & _notes.kind.not_in((LEVEL, TAKEN, POSITION)),
        isouter=True,
    )
    .where(_assets.path.in_(listed("paths", str)))
    .order_by(_assets.id, _notes.rank, _notes.id)
    .limit(MOST)
)  # fmt: skip
_UNNOTED = sa.select(_assets.path).where(
    _assets.taken_source.is_(None), _assets.error.is_(None), _assets.mtime_ns.is_not(None)
)


@dataclass(frozen=True, slots=True)
class Described:
    """What is noted of a file; what says when it was taken, and the fraction of the second and the
    offset from UTC of that, as in `.12+02:00`; and where, in degrees north and east.
    """

    notes: Notes = NO_NOTES
    source: str | None = None
    more: str | None = None
    place: tuple[float, float] | None = None

    def exact(self, taken: datetime | None) -> datetime | None:
        """A time to the second with its fraction."""
        digits = (self.more or "").partition("+")[0].partition("-")[0].removeprefix(".")
        if taken is None or not (digits.isascii() and digits.isdecimal()):
            return taken
        return taken.replace(microsecond=int(digits[:6].ljust(6, "0")))

    @property
    def zone(self) -> str | None:
        """The offset from UTC, as `+02:00`."""
        more = self.more or ""
        at = max(more.find("+"), more.find("-"))
        return more[at:] if at >= 0 else None


NOTHING = Described()


def of_files(catalog: Catalog, paths: Iterable[str]) -> dict[str, Described]:
    """What is noted of the files at some paths."""
    rows: dict[str, list[Sequence[Any]]] = {}
    for row in catalog.run(_OF, paths=listing(set(paths))):
        rows.setdefault(row[0], []).append(row[1:])
    with understood(catalog.path):
        return {path: _described(own) for path, own in rows.items()}


def _described(rows: Sequence[Sequence[Any]]) -> Described:
    source, more, north, east = rows[0][:4]
    values: dict[str, dict[str, str]] = {}
    first: dict[str, int] = {}
    for *_, kind, value, rank in rows:
        if kind is None or (kind in _FIRST and first.setdefault(kind, rank) != rank):
            continue
        text = text_of(value)
        values.setdefault(kind, {}).setdefault(folded(text), text)
    found = {kind: tuple(own.values()) for kind, own in values.items()}
    notes = Notes(
        keywords=found.get(KEYWORD, ()),
        people=found.get(PERSON, ()),
        places=found.get(PLACE, ()),
        rating=int(found[RATING][0]) if RATING in found else None,
        labels=found.get(LABEL, ()),
        creators=found.get(CREATOR, ()),
    )
    return Described(notes, _optional(source), _optional(more), _place(north, east))


def _place(north: Any, east: Any) -> tuple[float, float] | None:
    """A place on earth, in degrees."""
    if north is None or east is None:
        return None
    is_there = abs(float(north)) <= 90 and abs(float(east)) <= 180
    return (float(north), float(east)) if is_there else None


def _optional(value: Any) -> str | None:
    return None if value is None else text_of(value)


def counts(catalog: Catalog) -> dict[str, int]:
    """How many different keywords, people and places there are, and of how many files the rating
    and the colour are noted.
    """
    query = sa.select(
        _notes.kind,
        sa.func.count(_notes.folded.distinct()),
        sa.func.count(_notes.about.distinct()),
    ).group_by(_notes.kind)
    rows = {row[0]: row for row in catalog.rows(query)}
    distinct = {kind: int(rows[kind][1]) for kind in (KEYWORD, PERSON, PLACE) if kind in rows}
    return distinct | {kind: int(rows[kind][2]) for kind in _FIRST if kind in rows}


def taken_by(catalog: Catalog) -> dict[str, int]:
    """Of how many pictures, films and recordings each source says when they were taken."""
    query = sa.select(_assets.taken_source, sa.func.count()).where(
        _assets.kind.in_(names(*SUBJECTS)), _assets.taken_source.is_not(None)
    )
    return {row[0]: row[1] for row in catalog.rows(query.group_by(_assets.taken_source))}


def of_originals(catalog: Catalog, files: Iterable[tuple[str, str]]) -> set[str]:
    """The paths of Takeout's notes of what some files, by their paths and kinds, are copies of."""
    with catalog.connected() as connection:
        return takeout_copies.noted_beside(connection, files)


def unread(catalog: Catalog, most: int) -> list[Skipped]:
    """What is noted in files or beside them and could not be read, of at most so many files."""
    inside = _assets.error.startswith(f"{BEGINNING}metadata", autoescape=True)
    query = (
        sa.select(_assets.path, _assets.error)
        .where(sa.or_(inside, _assets.kind.in_(names(FileKind.SIDECAR))))
        .where(_assets.error.is_not(None))
        .order_by(_assets.path)
        .limit(most)
    )
    with understood(catalog.path):
        return [one for row in catalog.rows(query) for one in named(text_of(row[0]), row[1])]


def unnoted(catalog: Catalog) -> set[str]:
    """The paths of pictures, films and recordings that were read before notes were kept."""
    query = _UNNOTED.where(_assets.kind.in_(names(*SUBJECTS)))
    return {row[0] for row in catalog.rows(query)}
