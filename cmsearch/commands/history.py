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
from cmsearch.search.wire import hit_as_json, hit_from_json, part_as_json, part_from_json
from cmsearch.types import Hit, Query

MOST = 1000
"""Hits of a search that are kept."""
NONE = "There is no last search to go on with. Search first: cmsearch search TEXT."
PRIVATE = 0o600
"""The permissions of what is kept: it says what somebody searched for."""
_NAME = "last.json"
_LARGEST = 100_000_000
_UNREADABLE = (
    *(OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError),
    RecursionError,
)
"""What a file of the state that something else wrote leads to."""


@dataclass(frozen=True, slots=True)
class LastSearch:
    """What was asked of some stores, with which options of the command, and what was found.

    `seen` are the hits that led to the query, and aren't among its own.
    """

    stores: Sequence[Path]
    query: Query
    options: Mapping[str, Any]
    hits: Sequence[Hit]
    seen: Sequence[Hit] = ()

    @property
    def store(self) -> Path | list[Path]:
        """The one store, or all, as the option `--store` has them."""
        return list(self.stores) if len(self.stores) > 1 else self.stores[0]

    def at(self, rank: int) -> Hit:
        """The hit at a rank, from 1. Raises `QueryError` where there is none."""
        if rank > len(self.hits):
            raise QueryError(
                f"There is no hit {rank}: of the last search {len(self.hits)} are known."
            )
        return self.hits[rank - 1]


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
        "stores": [os.fsdecode(own.absolute()) for own in search.stores],
        "parts": [part_as_json(part) for part in search.query.parts],
        "without": [part_as_json(part) for part in search.query.without],
        "options": dict(search.options),
        "hits": [hit_as_json(hit) for hit in search.hits[:MOST]],
        "seen": [hit_as_json(hit) for hit in search.seen],
    }
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        written = json.dumps(fields).encode("ascii")  # whatever the names are
        replace_file(place, written, PRIVATE)


def last() -> LastSearch:
    """The last search. Raises `QueryError` if there is none."""
    try:
        fields = json.loads(read_file(folder() / _NAME, _LARGEST))
        parts, without = (tuple(map(part_from_json, fields[name])) for name in ("parts", "without"))
        hits, seen = (list(map(hit_from_json, fields[name])) for name in ("hits", "seen"))
        stores = list(map(Path, fields["stores"]))
        if not stores:
            raise ValueError("A search is of a store.")
        return LastSearch(stores, Query(parts, without), dict(fields["options"]), hits, seen)
    except _UNREADABLE as error:
        raise QueryError(NONE) from error
