"""What of a query is understood as a filter, and saying so."""

# Tested by tests/unit/cmsearch/commands/test_search.py

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from cmsearch.search.wire import where
from cmsearch.types import Applied, Query

if TYPE_CHECKING:
    from cmsearch.search.engine import Engine
    from cmsearch.search.federated import FederatedEngine
    from cmsearch.search.query.understanding import Understood

LITERALLY = "To search for the words, put them in quotes, or give --literal."
FIRST_YEAR, LAST_YEAR = 1827, 9999
"""Before and from which a span of days is open."""


def asked(engine: Engine | FederatedEngine, query: Query, options: Mapping[str, Any]) -> Understood:
    """A query with a command's options: what of its words is a filter, and the filters given."""
    from cmsearch.search.query.understanding import Understood

    given = where(options)
    if options.get("literal"):
        return Understood(query, given, ())
    return engine.understand(query, given)


def in_words(applied: Sequence[Applied]) -> str:
    """What was understood: days, of which those that come every year are the last, and places."""
    return ", ".join(f"{_meant(one)} ({one.words})" for one in applied)


def _meant(one: Applied) -> str:
    if one.days:
        return _days(one.days)
    return f"{one.place} and {one.near[2]:g} km around" if one.near else one.place


def _days(spans: Sequence[tuple[date, date]]) -> str:
    shown = [_span(*one) for one in spans[-2:]]
    return f"… {' and '.join(shown)}" if len(spans) > 2 else " and ".join(shown)


def _span(first: date, last: date) -> str:
    if first == last:
        return f"{first}"
    if first.year < FIRST_YEAR:
        return f"up to {last}"
    return f"{first} to {last}" if last.year < LAST_YEAR else f"from {first} on"
