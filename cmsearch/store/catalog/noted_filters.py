"""What a filter asks of keywords, people, stars and colours, in a form that an index answers."""

# Tested by tests/unit/cmsearch/store/catalog/test_noted_filters.py

from __future__ import annotations

from collections.abc import Collection, Iterator

import sqlalchemy as sa

from cmsearch.common.text import caseless as folded
from cmsearch.store.catalog import schema
from cmsearch.store.catalog.noting import KEYWORD, LABEL, LEVEL, PERSON, RATING
from cmsearch.types import Filter

STARS = range(-1, 6)
UNRATED = 0
"""The stars that one without any counts as."""
_notes = schema.notes.alias()
_before = schema.notes.alias()


def noted(wanted: Filter) -> Filter:
    """What of a filter is about notes."""
    return Filter(
        keywords=wanted.keywords, people=wanted.people, rating=wanted.rating, labels=wanted.labels
    )


def note_conditions(wanted: Filter) -> Iterator[sa.ColumnElement[bool]]:
    """What of a filter is about notes as conditions on the asset that these are about."""
    number = schema.assets.c.id
    for keyword in wanted.keywords:
        yield number.in_(_with((KEYWORD, LEVEL), [_name(keyword)]))
    for person in wanted.people:
        yield number.in_(_with((PERSON,), [_name(person)]))
    if wanted.labels:
        yield number.in_(_counting(LABEL, [_name(label) for label in wanted.labels]))
    if wanted.rating is not None:
        least, most = wanted.rating
        inside = [str(stars) for stars in STARS if least <= stars <= most]
        outside = [str(stars) for stars in STARS if not least <= stars <= most]
        if least <= UNRATED <= most:
            yield number.not_in(_counting(RATING, outside))
        else:
            yield number.in_(_counting(RATING, inside))


def _with(kinds: Collection[str], values: Collection[str]) -> sa.Select[tuple[int]]:
    """The assets that have a note of some kinds with one of these values."""
    return sa.select(_notes.c.about).where(_notes.c.kind.in_(kinds), _notes.c.folded.in_(values))


def _counting(kind: str, values: Collection[str]) -> sa.Select[tuple[int]]:
    """The same, where no source has one that counts before."""
    earlier = sa.select(_before.c.id).where(
        _before.c.about == _notes.c.about, _before.c.kind == kind, _before.c.rank < _notes.c.rank
    )
    return _with((kind,), values).where(~earlier.exists())


def _name(value: str) -> str:
    return folded(" ".join(value.split()))
