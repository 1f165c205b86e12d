"""What every source of vectors gives: rows that say what each vector is of, and the vectors."""

# Tested by tests/unit/indexer/importing/test_importer.py

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from cmsearch.errors import CmsearchError
from cmsearch.types import FloatArray, Space

PAGE = 2_000
"""Rows of a page at most, so that memory doesn't grow with a source."""
PATHS = ("image_path", "path", "file", "filepath", "file_path", "filename", "file_name")
"""What a column with paths may be called, the first that is there being it."""


class Row(NamedTuple):
    """What a vector is of, as its source says: names are not looked at yet."""

    path: str
    """The file that it stands in."""
    kind: str = "photo"
    locator: str = ""
    text: str | None = None
    about: str | None = None
    """The picture that a text is about."""
    size: int | None = None
    """The bytes that the file had when it was encoded, where a source knows."""
    modified: float | None = None
    """Likewise the seconds at which it was last changed."""
    problem: str = ""
    """Why there is nothing to take over."""


class Page(NamedTuple):
    """Some rows, and the vectors `(n, dim)` of all, each having as many as `counts` says."""

    rows: Sequence[Row]
    vectors: FloatArray
    counts: Sequence[int] | None = None
    """None where each has one."""


@dataclass(frozen=True, slots=True)
class Source:
    """Vectors of one model, with what they are of."""

    form: str
    """What it is, as a noun for messages."""
    rows: int
    """How many vectors there are."""
    dim: int
    pages: Callable[[], Iterator[Page]]
    """Reads them from the beginning, each time anew."""
    model: str | None = None
    """The name of the model, where the source says it."""
    space: Space | None = None
    """The space that they are in, where the source says it."""
    is_of_many: bool = False
    """Whether it has the pictures of other folders too."""
    left_out: tuple[str, ...] = ()
    """What else is in it that isn't taken over, as sentences."""


Records = Mapping[str, Sequence[Any]]
"""Some rows, as the values of each column; None where a row has none, or none of a text."""


@dataclass(frozen=True, slots=True)
class Table:
    """The names of its columns, how many rows it has, and what reads some columns of them."""

    path: Path
    columns: tuple[str, ...]
    rows: int
    read: Callable[[Sequence[str]], Iterator[Records]]

    def paths(self) -> str:
        """The column with paths; raises `CmsearchError` where none is."""
        for name in PATHS:
            if name in self.columns:
                return name
        raise CmsearchError(
            f"{self.path} has no column with paths, but {', '.join(self.columns[:20]) or 'none'}. "
            f"Call it one of {', '.join(PATHS)}."
        )
