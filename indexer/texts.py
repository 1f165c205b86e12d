"""Text in pictures while a folder is indexed: a second pass, after all else can be searched."""

# Tested by tests/unit/indexer/test_texts.py

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from math import inf
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from cmsearch.common import locators
from cmsearch.common.digest import file_digest
from cmsearch.common.kinds import PICTURES
from cmsearch.common.processors import cpu_count, threads
from cmsearch.common.text import passages
from cmsearch.errors import MediaError
from cmsearch.media import thumbnails
from cmsearch.media.readers import names
from cmsearch.models.ocr import choices, rapid
from cmsearch.models.ocr.reading import read_picture
from cmsearch.models.ocr.words import blocks
from cmsearch.protocols import Encoder
from cmsearch.store.catalog import readings
from cmsearch.store.catalog.reading_rows import Reading, item_digest
from cmsearch.store.catalog.readings import ReadFile
from cmsearch.store.catalog.rows import NewItem
from cmsearch.store.store import Store
from cmsearch.types import Modality, Part, Progress, Skipped, TextLine
from indexer.encode import encode_items
from indexer.pipeline import Counter, ordered_map
from indexer.prepare import prepared
from indexer.scan import Found

PDF = "pdf"
"""The kind of documents of which pages without text are read as pictures."""
PAGE_SIZE = 1440
"""The short side in pixels of the picture of a page: letters of 8 points are 20 pixels high."""
MOST_PAGES = 300
"""Pages of a file at most that are read."""
AT_ONCE = 32
"""Files that are written at once, or those of so many seconds:"""
SECONDS = 5.0
COST = {choices.AUTO: 0.2, choices.ALL: 0.4}
"""Seconds of a processor that a picture takes on average, of which a part has text; a page of small
print takes some seconds.
"""

log = logging.getLogger("cmsearch")


class _Read(NamedTuple):
    """What was read in a file; no reading where it is to be tried again."""

    file: ReadFile
    reading: Reading | None
    skipped: list[Skipped]


class Texts:
    """Which pictures of a folder text is read in, and reading it.

    `asked` is what `--ocr` takes, `usual` as the command line has it without that, or None for what
    the store has. Raises `UnknownModelError`, and
    `ModelUnavailableError` without the extra.
    """

    def __init__(self, asked: str | None) -> None:
        self._asked = choices.checked(asked)
        self._left = 0

    def settle(self, store: Store) -> None:
        """Let the store keep what was asked for; with `none`, what was read is deleted."""
        kept = store.catalog.ocr()
        wanted = choices.to_keep(self._asked, kept)
        if wanted is None:
            return
        is_forgotten = wanted == choices.NONE and kept is not None
        snapshot = store.snapshot()
        with store.catalog.writing() as writer:
            writer.put_ocr(wanted)
            if is_forgotten:
                writer.drop_readings(snapshot)
        if is_forgotten:
            store.publish()

    def read(
        self,
        store: Store,
        encoder: Callable[[], Encoder],
        tell: Callable[[Progress], object],
        seconds: float = inf,
    ) -> tuple[list[Skipped], int]:
        """Read what wasn't read before, and encode it, for so many seconds; returns what was left
        out, and the number of files that are still to be read.

        What is done is kept after each few files, so that the next run goes on where this one was
        interrupted. Raises `ModelError`.
        """
        end = time.monotonic() + seconds
        choice = choices.chosen(self._asked, store.catalog.ocr())
        if choice == choices.NONE:
            return [], 0
        with store.catalog.writing() as writer:
            writer.forget_readings()
        waiting = self.unread(store)
        found = store.catalog.space()
        if found is None or not (waiting or readings.unencoded(store.catalog, found[0])):
            return [], 0
        self._tell(len(waiting), choice)
        write = partial(_encode, store, encoder(), found[0])
        write(None)
        skipped: list[Skipped] = []
        left = len(waiting)
        counter = Counter(left, lambda *event: tell(Progress("read text", *event)))
        with threads() as pool, counter:
            read = partial(_read, store, rapid.load(), choice == choices.ALL)
            for some in _gathered(ordered_map(read, waiting, pool, ahead=2 * cpu_count())):
                _keep(store, some)
                write([one.file.digest for one in some])
                skipped += [left for one in some for left in one.skipped]
                counter.advance(len(some))
                left -= len(some)
                if time.monotonic() >= end:
                    break
        store.publish()
        return skipped, left

    def _tell(self, files: int, choice: str) -> None:
        """Say how long it takes, unless it only goes on."""
        if files > self._left:
            log.info(
                "Text is looked for in %s. All else can be searched.",
                told(files, lasting(files, choice)),
            )
        self._left = files

    def planned(
        self, store: Store | None, new: Iterable[Found], gone: Collection[str]
    ) -> tuple[int, float]:
        """How many files would be read, with `new` ones and without those at `gone` paths, and
        about how many seconds that takes. Copies among the new ones are not known yet.
        """
        choice = choices.chosen(self._asked, store.catalog.ocr() if store else None)
        if choice == choices.NONE:
            return 0, 0.0
        waiting = self.unread(store) if store else []
        files = sum(file.kind in _kinds() for file in new)
        files += sum(file.path not in gone for file in waiting)
        return files, round(lasting(files, choice), 1)

    def unread(self, store: Store) -> list[ReadFile]:
        """The files that are still to be read; of copies one."""
        choice = choices.chosen(self._asked, store.catalog.ocr())
        if choice == choices.NONE:
            return []
        return readings.unread(store.catalog, _kinds(), rapid.NAME, choice == choices.ALL)


def _kinds() -> tuple[str, ...]:
    return (*names(*PICTURES), PDF)


def lasting(files: int, choice: str) -> float:
    """About how many seconds it takes here to read so many files."""
    return files * COST[choice] / cpu_count()


def told(files: int, seconds: float) -> str:
    """How many files are to be read, and how long that takes."""
    length = f"{seconds / 60:.0f} min" if seconds >= 100 else f"{max(seconds, 1):.0f} s"
    return f"{files:,} file{'' if files == 1 else 's'}, which takes about {length}"


def _read(store: Store, model: rapid.TextModel, every: bool, file: ReadFile) -> _Read:
    """What is written in a file, as long as it is the one that was indexed."""
    path = store.absolute(file.path)
    try:
        if file_digest(path) != file.digest:
            return _Read(file, None, [])
        pages = _pages if file.kind == PDF else _picture
        found, skipped = pages(store, model, every, file, path)
    except OSError as error:
        reason = f"its text can't be read: {error.strerror}"
        return _Read(file, None, [Skipped(file.path, reason)])
    except MediaError as error:  # it would be so the next time
        found, skipped = [], [Skipped(file.path, f"its text can't be read: {error}")]
    return _Read(file, Reading(rapid.NAME, every, found), skipped)


_Found = tuple[list[list[TextLine]], list[Skipped]]


def _picture(
    store: Store, model: rapid.TextModel, every: bool, file: ReadFile, path: Path
) -> _Found:
    found = read_picture(partial(thumbnails.picture, path), model, every=every)
    return blocks(found.lines, found.shape), _left_out(file, len(found.lines), found.left_out, "")


def _pages(store: Store, model: rapid.TextModel, every: bool, file: ReadFile, path: Path) -> _Found:
    """The passages of the pages without text; each of them is looked at closely."""
    from cmsearch.media import pdfium

    wanted, written = readings.pages(store.catalog, file.asset)
    blank = sorted(wanted - written)[:MOST_PAGES]
    found: list[list[TextLine]] = []
    skipped: list[Skipped] = []
    if not blank:
        return found, skipped
    passed = set(range(1, blank[-1] + 1)).difference(blank)
    for page in pdfium.pictures(path, blank[0], blank[-1], PAGE_SIZE, passed):
        if page.picture is None:
            continue
        own = read_picture(partial(_given, page.picture), model, every=True, page=page.number)
        lines: list[TextLine | None] = []
        for block in blocks(own.lines, own.shape):
            lines += [*block, None]
        for first, last, _ in passages(line.text if line else "" for line in lines):
            found.append([line for line in lines[first - 1 : last] if line is not None])
        place = locators.pages(page.number)
        skipped += _left_out(file, len(own.lines), own.left_out, place)
    return found, skipped


def _given(picture: Image.Image, size: int) -> Image.Image:
    return picture


def _left_out(file: ReadFile, read: int, left_out: int, place: str) -> list[Skipped]:
    if not left_out:
        return []
    reason = f"of the text in it {left_out:,} lines are left out, since there are so many"
    return [Skipped(file.path, reason, place or "text")]


def _gathered(found: Iterable[_Read]) -> Iterator[list[_Read]]:
    """As many as are written at once."""
    some: list[_Read] = []
    due = time.monotonic() + SECONDS
    for one in found:
        some.append(one)
        if len(some) >= AT_ONCE or time.monotonic() >= due:
            yield some
            some, due = [], time.monotonic() + SECONDS
    if some:
        yield some


def _keep(store: Store, found: Sequence[_Read]) -> None:
    with store.catalog.writing() as writer:
        for one in found:
            if one.reading is not None:
                writer.put_reading(one.file.digest, one.reading)


def _encode(store: Store, encoder: Encoder, space: int, digests: Sequence[str] | None) -> None:
    """Make items of the blocks that have none yet, or no embedding in a space."""
    for file in readings.unencoded(store.catalog, space, digests):
        known = readings.reading(store.catalog, file.digest)
        parts = _parts(file, known.blocks if known else [])
        items = [prepared(encoder, part, None, digest) for part, digest in parts]
        encodings = encode_items(encoder, items)
        rows = [
            (file.asset, space, NewItem(item.part, None, item.digest, encoding))
            for item, encoding in zip(items, encodings, strict=True)
        ]
        with store.catalog.writing() as writer:
            writer.add_items(rows)


def _parts(file: ReadFile, found: Sequence[Sequence[TextLine]]) -> Iterator[tuple[Part, str]]:
    """The blocks of a file as what becomes items, with the digests of these."""
    for number, lines in enumerate(found, 1):
        text = " ".join(line.text for line in lines)
        digest = item_digest(file.digest, number)
        if file.kind == PDF:
            locator = locators.pages(lines[0].page, number)
            yield Part(Modality.TEXT, "passage", text, locator=locator), digest
        else:
            yield Part(Modality.TEXT, "ocr", text, locator=locators.block(number)), digest
