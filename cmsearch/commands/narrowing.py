"""The filters of a session: each is a command that sets it, or alone takes it back."""

# Tested by tests/unit/cmsearch/commands/test_shell.py

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time
from typing import Any

from cmsearch.errors import QueryError

FILTERS = {
    "path": "path", "since": "since", "until": "until", "camera": "camera", "near": "near",
    "keyword": "keywords", "person": "people", "rating": "rating", "label": "labels",
}  # fmt: skip
"""By the command that sets it the option of a search."""
SEVERAL = frozenset({"keywords", "people", "labels"})


def narrowed(name: str, given: str, options: Mapping[str, Any]) -> Any:
    """The value that the filter of a command has once `given` was typed after it.

    Words, names and labels are added to those that are there; nothing takes all of them back.
    Raises `QueryError` for what can't be meant.
    """
    option = FILTERS[name]
    if option in SEVERAL:
        former = tuple(options.get(option) or ())
        return tuple(dict.fromkeys((*former, given))) if given else ()
    try:
        return _value(option, given) if given else None
    except ValueError as error:
        raise QueryError(str(error)) from error


def _value(option: str, given: str) -> Any:
    from cmsearch.search.query.written import day, place, stars

    match option:
        case "since" | "until":
            return datetime.combine(day(given, last=option == "until"), time())
        case "rating":
            return stars(given)
        case "near":
            return place(given)
    return given
