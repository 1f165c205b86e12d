"""What text is read in at once: a picture, or a page of a document; and reading it."""

# Tested by tests/unit/indexer/test_texts.py

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from cmsearch.common import locators
from cmsearch.common.digest import file_digest
from cmsearch.common.text import passages
from cmsearch.errors import MediaError
from cmsearch.media import thumbnails
from cmsearch.models.ocr import rapid
from cmsearch.models.ocr.reading import PictureText, read_picture
from cmsearch.models.ocr.words import blocks
from cmsearch.store.catalog import readings
from cmsearch.store.catalog.readings import ReadFile
from cmsearch.store.store import Store
from cmsearch.types import Skipped, TextLine
from indexer.sources import Source

PDF = "pdf"
"""The kind of documents of which pages without text are read as pictures."""
PAGE_SIZE = 1440
"""The short side in pixels of the picture of a page: letters of 8 points are 20 pixels high."""
MOST_PAGES = 300
"""Pages of a file at most that are read."""
_Stamp = tuple[Path, int, int]


class Unit(NamedTuple):
    """A picture, or a page of a document, or one without pages to read; whether a file ends so."""

    file: ReadFile
    page: int = 0
    is_last: bool = True


class ReadUnit(NamedTuple):
    """The blocks of lines in a unit, and what was left out; no blocks where it is to be tried
    again, and with `is_whole` nothing more can be read in its file.
    """

    unit: Unit
    blocks: list[list[TextLine]] | None
    skipped: list[Skipped]
    is_whole: bool


def pictures(source: Source, files: Iterable[ReadFile]) -> Iterator[Unit]:
    """The pictures among files, each of which is on its way here."""
    for file in files:
        if file.kind != PDF:
            source.begin(file.path)
            yield Unit(file)


def pages(store: Store, source: Source, files: Iterable[ReadFile]) -> Iterator[Unit]:
    """The pages of the documents among files that are still to be read, in order.

    A document stays here while its pages are read.
    """
    for file in files:
        left = unread_pages(store, file) if file.kind == PDF else []
        if left:
            with ExitStack() as held:
                with suppress(OSError):  # whoever reads a page says so
                    held.enter_context(source.here(file.path))
                yield from (Unit(file, page, page == left[-1]) for page in left)
        elif file.kind == PDF:
            yield Unit(file)


def unread_pages(store: Store, file: ReadFile) -> list[int]:
    """The pages of a document that have no text of their own, and weren't read yet."""
    seen, written = readings.pages(store.catalog, file.asset)
    blank = sorted(seen - written)[:MOST_PAGES]
    known = readings.reading(store.catalog, file.digest) if blank else None
    is_begun = known is not None and known.reader == rapid.NAME
    return [page for page in blank if not (is_begun and known and page <= known.page)]


class UnitReader:
    """Reads units of a store; threads may share it."""

    def __init__(
        self, store: Store, source: Source, model: rapid.TextModel, *, every: bool
    ) -> None:
        self._store, self._source = store, source
        self._model = model
        self._every = every
        self._digests: dict[_Stamp, str] = {}

    def __call__(self, unit: Unit) -> ReadUnit:
        """What is written in a unit, as long as its file is the one that was indexed."""
        file = unit.file
        self._store.check(file.path)
        try:
            with self._source.here(file.path) as path:
                if not self._is_indexed(unit, path):
                    return ReadUnit(unit, None, [], False)
                found, left_out = self._read(unit, path)
        except OSError as error:
            reason = f"its text can't be read: {error.strerror}"
            return ReadUnit(unit, None, [Skipped(file.path, reason)], False)
        except MediaError as error:  # it would be so the next time
            reason = f"its text can't be read: {error}"
            return ReadUnit(unit, [], [Skipped(file.path, reason)], True)
        return ReadUnit(unit, found, left_out, unit.is_last)

    def _is_indexed(self, unit: Unit, path: Path) -> bool:
        """Whether a file has its digest; one of many pages isn't read through for each."""
        if not unit.page:
            return file_digest(path) == unit.file.digest
        status = path.stat()
        stamp = path, status.st_size, status.st_mtime_ns
        if stamp not in self._digests:
            self._digests[stamp] = file_digest(path)
        return self._digests[stamp] == unit.file.digest

    def _read(self, unit: Unit, path: Path) -> tuple[list[list[TextLine]], list[Skipped]]:
        if unit.page:
            found, own = read_page(path, unit.page, self._model)
            return found, _left_out(unit, own)
        if unit.file.kind == PDF:
            return [], []
        own = read_picture(partial(thumbnails.picture, path), self._model, every=self._every)
        return blocks(own.lines, own.shape), _left_out(unit, own)


def read_page(
    path: Path, number: int, model: rapid.TextModel
) -> tuple[list[list[TextLine]], PictureText]:
    """The passages of a page as blocks of lines; it is looked at closely."""
    from cmsearch.media import pdfium

    found: list[list[TextLine]] = []
    own = PictureText([], (1, 1))
    for page in pdfium.pictures(path, number, number, PAGE_SIZE):
        if page.picture is None:
            continue
        own = read_picture(partial(_given, page.picture), model, every=True, page=number)
        lines: list[TextLine | None] = []
        for block in blocks(own.lines, own.shape):
            lines += [*block, None]
        for first, last, _ in passages(line.text if line else "" for line in lines):
            found.append([line for line in lines[first - 1 : last] if line is not None])
    return found, own


def _given(picture: Image.Image, size: int) -> Image.Image:
    return picture


def _left_out(unit: Unit, read: PictureText) -> list[Skipped]:
    place = locators.pages(unit.page) if unit.page else "text"
    reasons = (
        (read.left_out, "are left out"),
        (read.untried, "that are read badly aren't tried upside down"),
    )
    return [
        Skipped(
            unit.file.path,
            f"of the text in it {count:,} lines {what}, since there are so many",
            place,
        )
        for count, what in reasons
        if count
    ]
