"""The last search of the command line, kept so that another can refine it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from cmsearch.common.files import read_file, replace_file
from cmsearch.errors import QueryError
from cmsearch.search.wire import _hit, _known, _read, _written
from cmsearch.types import Hit, Query

MOST = 1000
"""Hits of a search that are kept."""
NONE = "There is no last search to go on with. Search first: cmsearch search TEXT."
PRIVATE = 0o600
"""The permissions of what is kept: it says what somebody searched for."""
_NAME = "last.json"
_LARGEST = 100_000_000


@dataclass(frozen=True, slots=True)
class LastSearch:
    """What was asked of a store, with which options of the command, and what was found.

    `seen` are the hits that led to the query, and aren't among its own.
    """

    store: Path
    query: Query
    options: Mapping[str, Any]
    hits: Sequence[Hit]
    seen: Sequence[Hit] = ()


def folder() -> Path:
    """Where the state of the command line is kept between calls."""
    return Path(os.environ.get("CMSEARCH_STATE") or platformdirs.user_state_dir("cmsearch"))


def keep(search: LastSearch) -> None:
    """Remember a search in place of the last one.

    One with a picture that has no path can't be asked again and isn't kept; and where nothing can
    be written, as in a read-only home, there is no last search.
    """
    parts = (*search.query.parts, *search.query.without)
    place = folder() / _NAME
    if any(isinstance(part.content, bytes) for part in parts):
        with suppress(OSError):
            place.unlink(missing_ok=True)
        return
    fields = {
        "store": os.fsdecode(search.store.absolute()),
        "parts": [_written(part) for part in search.query.parts],
        "without": [_written(part) for part in search.query.without],
        "options": dict(search.options),
        "hits": [_hit(hit) for hit in search.hits[:MOST]],
        "seen": [_hit(hit) for hit in search.seen],
    }
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        written = json.dumps(fields).encode("ascii")  # whatever the names are
        replace_file(place, written, PRIVATE)


def last() -> LastSearch:
    """The last search. Raises `QueryError` if there is none."""
    try:
        fields = json.loads(read_file(folder() / _NAME, _LARGEST))
        query = Query(*(tuple(map(_read, fields[name])) for name in ("parts", "without")))
        hits, seen = (
            [_known(rank, one) for rank, one in enumerate(fields[name], 1)]
            for name in ("hits", "seen")
        )
        return LastSearch(Path(fields["store"]), query, dict(fields["options"]), hits, seen)
    except (OSError, ValueError, LookupError, TypeError, ArithmeticError, RecursionError) as error:
        raise QueryError(NONE) from error
