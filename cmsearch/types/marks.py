"""What people said of hits: right or wrong for a query."""

# Tested by tests/meta/test_docstrings.py

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from cmsearch.types.search import Query


@dataclass(frozen=True, slots=True)
class Mark:
    """A thing that somebody said is right or wrong for a query."""

    query: str
    """What was asked, as `cmsearch.parse` reads it; a picture by the beginning of its digest."""
    target: str
    """What was searched for, as `Engine.search` takes it."""
    right: bool
    """Whether it is right for the query, or wrong."""
    path: Path
    """The absolute path of the file; of a caption that of its picture; of a file that isn't there
    the one that it had.
    """
    source: str
    """The same relative to the indexed folder, with the place in it, unless it is a caption."""
    kind: str
    """The kind of the item, such as `photo`, `caption` or `shot`."""
    locator: str
    """The place of the item in its file, as in `Hit.locator`."""
    day: date
    """When it was marked, in UTC."""
    items: tuple[int, ...]
    """The numbers that it has as an item, as in `Hit.item`; none where it isn't there."""
    asked: Query | None
    """What was asked, to ask it again; None where a picture of it isn't in the index any more, or
    the files of that aren't read, since it is from elsewhere.
    """
