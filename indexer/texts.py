"""Text in pictures while a folder is indexed: a second pass, after all else can be searched."""

# Tested by tests/unit/indexer/test_texts.py

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from math import inf
from pathlib import Path

from cmsearch.common import locators
from cmsearch.common.kinds import PICTURES
from cmsearch.common.processors import cpu_count, threads
from cmsearch.common.text import native
from cmsearch.media.readers import names
from cmsearch.models.ocr import choices, rapid
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
from indexer.sources import opened
from indexer.text_estimates import Expected, expected, new_scanned, scanned
from indexer.text_units import PDF, ReadUnit, Unit, UnitReader, pages, pictures

AT_ONCE = 32
"""Pictures that are written at once, or those of so many seconds:"""
SECONDS = 5.0

log = logging.getLogger("cmsearch")


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

        What is done is kept after each few pictures and each page, so that the next run goes on
        where this one was interrupted. Raises `ModelError`.
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
        self._tell(store, waiting, choice)
        write = partial(_encode, store, encoder(), found[0])
        write(None)
        skipped: list[Skipped] = []
        left = len(waiting)
        counter = Counter(left, lambda *event: tell(Progress("read text", *event)))
        with counter:
            for some in _read(store, waiting, choice == choices.ALL, end, counter):
                write([one.unit.file.digest for one in some])
                skipped += [left for one in some for left in one.skipped]
                counter.advance(len(some))
                left -= sum(one.unit.is_last for one in some)
        store.publish()
        return skipped, left

    def _tell(self, store: Store, waiting: Sequence[ReadFile], choice: str) -> None:
        """Say how long it takes, unless it only goes on."""
        if len(waiting) > self._left:
            pictures = sum(file.kind != PDF for file in waiting)
            found = expected(pictures, scanned(store, waiting), choice)
            if found.files:
                log.info("Text is looked for in %s. All else can be searched.", found.told())
        self._left = len(waiting)

    def planned(
        self, folder: Path, store: Store | None, new: Iterable[Found], gone: Collection[str]
    ) -> Expected:
        """What would be read, with `new` files and without those at `gone` paths. Copies among the
        new ones are not known yet, and not more than some of the documents among them are opened.
        """
        choice = choices.chosen(self._asked, store.catalog.ocr() if store else None)
        if choice == choices.NONE:
            return Expected()
        waiting = [one for one in self.unread(store) if one.path not in gone] if store else []
        own = [one for one in new if one.kind in _kinds()]
        kinds = [*(one.kind for one in own), *(one.kind for one in waiting)]
        pictures = sum(kind != PDF for kind in kinds)
        documents = new_scanned([folder / native(one.path) for one in own if one.kind == PDF])
        return expected(pictures, [*documents, *(scanned(store, waiting) if store else ())], choice)

    def unread(self, store: Store) -> list[ReadFile]:
        """The files that are still to be read; of copies one."""
        choice = choices.chosen(self._asked, store.catalog.ocr())
        if choice == choices.NONE:
            return []
        return readings.unread(store.catalog, _kinds(), rapid.NAME, choice == choices.ALL)


def _kinds() -> tuple[str, ...]:
    return (*names(*PICTURES), PDF)


def _read(
    store: Store, files: Sequence[ReadFile], every: bool, end: float, counter: Counter
) -> Iterator[list[ReadUnit]]:
    """Read pictures, and then pages, and keep what was read.

    No more pages are begun than there are processors: those are lost if it is interrupted.
    """
    keeping = _Keeping(store, every=every)
    with opened(store.root) as source, threads() as pool:
        reader = UnitReader(store, source, rapid.load(), every=every)
        documents = pages(store, source, files)
        for units, ahead in (
            (pictures(source, files), 2 * cpu_count()),
            (_counted(documents, counter), cpu_count() - 1),
        ):
            found = ordered_map(reader, _in_time(units, end), pool, ahead=ahead)
            for some in _gathered(found):
                keeping.keep(some)
                yield some


def _counted(units: Iterable[Unit], counter: Counter) -> Iterator[Unit]:
    """Pages, of which more than one a document are counted as they are found."""
    for unit in units:
        counter.found(not unit.is_last)
        yield unit


def _in_time(units: Iterable[Unit], end: float) -> Iterator[Unit]:
    """Units up to a time, of which whatever begins ends too; one at least."""
    for unit in units:
        yield unit
        if time.monotonic() >= end:
            return


def _gathered(found: Iterable[ReadUnit]) -> Iterator[list[ReadUnit]]:
    """As many as are written at once; a page takes long enough to be written by itself."""
    some: list[ReadUnit] = []
    due = time.monotonic() + SECONDS
    for one in found:
        some.append(one)
        if len(some) >= AT_ONCE or one.unit.page or time.monotonic() >= due:
            yield some
            some, due = [], time.monotonic() + SECONDS
    if some:
        yield some


class _Keeping:
    """Keeps what was read. Of a document of which a page is to be tried again no further one is."""

    def __init__(self, store: Store, *, every: bool) -> None:
        self._store = store
        self._every = every
        self._ended: set[str] = set()

    def keep(self, found: Sequence[ReadUnit]) -> None:
        """Add what was read in units of files, which come in order."""
        known: dict[str, Reading] = {}
        for one in found:
            digest = one.unit.file.digest
            if one.blocks is not None and digest not in self._ended:
                former = known[digest].blocks if digest in known else self._former(one)
                page = 0 if one.is_whole else one.unit.page
                every = self._every or one.unit.file.kind == PDF  # pages are looked at closely
                known[digest] = Reading(rapid.NAME, every, [*former, *one.blocks], page)
            if one.blocks is None or (one.is_whole and not one.unit.is_last):
                self._ended.add(digest)
        with self._store.catalog.writing() as writer:
            for digest, own in known.items():
                writer.put_reading(digest, own)

    def _former(self, one: ReadUnit) -> list[list[TextLine]]:
        """The blocks of the pages before."""
        if one.unit.file.kind != PDF:
            return []
        known = readings.reading(self._store.catalog, one.unit.file.digest)
        return known.blocks if known and known.reader == rapid.NAME and known.page else []


def _encode(store: Store, encoder: Encoder, space: int, digests: Sequence[str] | None) -> None:
    """Make items of the blocks that have none yet, or no embedding in a space."""
    for file in readings.unencoded(store.catalog, space, digests):
        known = readings.reading(store.catalog, file.digest)
        done = readings.encoded(store.catalog, space, file.asset)
        parts = _parts(file, known.blocks if known else [])
        items = [
            prepared(encoder, part, None, digest) for part, digest in parts if digest not in done
        ]
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
