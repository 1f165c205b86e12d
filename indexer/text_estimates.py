"""How much text in pictures there is to be read, and about how long that takes."""

# Tested by tests/unit/indexer/test_texts.py

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from cmsearch.common.processors import cpu_count
from cmsearch.errors import MediaError
from cmsearch.models.ocr import choices
from cmsearch.store.catalog.readings import ReadFile
from cmsearch.store.store import Store
from indexer.text_units import MOST_PAGES, PDF, unread_pages

COST = {choices.AUTO: 0.2, choices.ALL: 0.4}
"""Seconds of a processor that a picture takes on average, of which a part has text."""
PAGE_COST = 3.0
"""Seconds of a processor that a scanned page takes."""
_LOOKED_INTO = 20
"""New documents that are looked into; the others are taken to be like these."""
_FIRST = 3
"""Pages of each of these that are looked at."""


class Expected(NamedTuple):
    """How many files are to be read, how many scanned pages they have, and about how many seconds
    that takes here.
    """

    files: int = 0
    pages: int = 0
    seconds: float = 0.0

    def told(self) -> str:
        """The same in words."""
        length = f"{self.seconds / 60:.0f} min"
        if self.seconds < 100:
            length = f"{max(self.seconds, 1):.0f} s"
        pages = ""
        if self.pages:
            pages = f" with {self.pages:,} scanned page{'' if self.pages == 1 else 's'}"
        files = f"{self.files:,} file{'' if self.files == 1 else 's'}"
        return f"{files}{pages}, which takes about {length}"


def expected(pictures: int, documents: Sequence[int], choice: str) -> Expected:
    """What it takes to read pictures, and documents of so many scanned pages each."""
    pages = sum(documents)
    seconds = (pictures * COST[choice] + pages * PAGE_COST) / cpu_count()
    return Expected(pictures + sum(map(bool, documents)), pages, round(seconds, 1))


def scanned(store: Store, files: Iterable[ReadFile]) -> list[int]:
    """How many pages are to be read of each document among indexed files."""
    return [len(unread_pages(store, file)) for file in files if file.kind == PDF]


def new_scanned(paths: Sequence[Path]) -> list[int]:
    """About the same of documents that aren't indexed yet, of which some are looked into."""
    found = [_scanned(path) for path in paths[:_LOOKED_INTO]]
    mean = round(sum(found) / len(found)) if found else 0
    return found + [mean] * (len(paths) - len(found))


def _scanned(path: Path) -> int:
    """How many pages of a document seem to have no text, by its first ones."""
    from cmsearch.media import pdfium

    try:
        first = [page for page in pdfium.texts(path, 1, _FIRST) if page.problem is None]
    except MediaError:
        return 0
    if not first:
        return 0
    share = sum(not page.text.strip() for page in first) / len(first)
    return min(round(share * first[0].pages), MOST_PAGES)
