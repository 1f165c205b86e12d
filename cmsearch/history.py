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
from cmsearch.types import Hit, Modality, Place, Query, QueryPart

MOST = 1000
"""Hits of a search that are kept."""
NONE = "There is no last search to go on with. Search first: cmsearch search TEXT."
PRIVATE = 0o600
"""The permissions of what is kept: it says what somebody searched for."""
_NAME = "last.json"
_LARGEST = 100_000_000


@dataclass(frozen=True, slots=True)
class Search:
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


def keep(search: Search) -> None:
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


def last() -> Search:
    """The last search. Raises `QueryError` if there is none."""
    try:
        fields = json.loads(read_file(folder() / _NAME, _LARGEST))
        query = Query(*(tuple(map(_read, fields[name])) for name in ("parts", "without")))
        hits, seen = (
            [_known(rank, one) for rank, one in enumerate(fields[name], 1)]
            for name in ("hits", "seen")
        )
        return Search(Path(fields["store"]), query, dict(fields["options"]), hits, seen)
    except (OSError, ValueError, LookupError, TypeError, ArithmeticError, RecursionError) as error:
        raise QueryError(NONE) from error


def _written(part: QueryPart) -> dict[str, Any]:
    is_text = part.modality is Modality.TEXT
    fields = {"modality": part.modality, "weight": part.weight}
    if isinstance(part.content, Place):
        path = os.fsdecode(part.content.path.absolute())
        return {**fields, "content": path, "locator": part.content.locator}
    content = part.content if is_text else os.fsdecode(Path(part.content).absolute())
    return {**fields, "content": content}


def _read(fields: Mapping[str, Any]) -> QueryPart:
    modality, content = Modality(fields["modality"]), str(fields["content"])
    where: Any = content if modality is Modality.TEXT else Path(content)
    if fields.get("locator"):
        where = Place(Path(content), str(fields["locator"]))
    return QueryPart(where, modality, float(fields["weight"]))


def _hit(hit: Hit) -> dict[str, Any]:
    return {
        "path": os.fsdecode(hit.path),
        "source": hit.source,
        "modality": hit.modality,
        "kind": hit.kind,
        "text": hit.text,
        "score": hit.score,
        "relevance": hit.relevance,
        "copies": [os.fsdecode(path) for path in hit.copies],
        "start": hit.start,
        "end": hit.end,
        "page": hit.page,
    }


def _known(rank: int, fields: Mapping[str, Any]) -> Hit:
    """A hit as far as it was kept."""
    return Hit(
        rank=rank,
        score=float(fields["score"]),
        path=Path(fields["path"]),
        source=str(fields["source"]),
        modality=Modality(fields["modality"]),
        kind=str(fields["kind"]),
        text=fields["text"] and str(fields["text"]),
        relevance=fields["relevance"] and float(fields["relevance"]),
        copies=tuple(map(Path, fields["copies"])),
        start=_seconds(fields.get("start")),
        end=_seconds(fields.get("end")),
        page=fields.get("page") and int(fields["page"]),
    )


def _seconds(value: Any) -> float | None:
    return None if value is None else float(value)
