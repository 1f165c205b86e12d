"""The stages of indexing: read files, encode batches of their items, write them."""

# Tested by tests/unit/indexer/test_indexer.py

from __future__ import annotations

import logging
import time
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from cmsearch.errors import StoreUnavailableError
from cmsearch.protocols import Encoder
from cmsearch.store.catalog import files as indexed
from cmsearch.store.catalog.rows import NewItem
from cmsearch.store.catalog.writer import Writer
from cmsearch.store.store import Store
from cmsearch.types import Asset, Encoding, Modality, Skipped
from indexer import adopting
from indexer.encode import encode_items
from indexer.pipeline import Clock, Counter
from indexer.prepare import PreparedItem, tower
from indexer.read import Loaded, Loader
from indexer.scan import Found

MOST_ROWS = 256
"""Rows that are written at once."""
MOST_BYTES = 2**26
"""Bytes of encodings that wait to be written."""
SECONDS = 1.0
"""How long a row waits to be written, as long as others come."""
WAITS = (1.0, 2.0, 4.0)
"""Seconds between tries to write to a server that doesn't answer."""
log = logging.getLogger("cmsearch")


@dataclass(frozen=True, slots=True)
class Unit:
    """One new item of a file, or none; the last unit of a file closes it."""

    loaded: Loaded
    item: PreparedItem | None
    last: bool


class Spaces(NamedTuple):
    """The numbers of the spaces that items are encoded in: all but sounds, and these, if at all,
    which may be the same.
    """

    own: int
    sounds: int | None = None


class Given(NamedTuple):
    """A file that is to be read, with the digests of its items that are `known`, and of those that
    were imported, by the digests that they had until now.
    """

    file: Found
    known: frozenset[str]
    adopted: Mapping[str, str]


class Row(NamedTuple):
    """What is written of a unit: its file, a new item of it or none, and of the last unit of a file
    all of it. It holds nothing of what was decoded or prepared.
    """

    asset: Asset
    item: NewItem | None
    closed: Loaded | None


class IndexStages:
    """What happens to each file and batch on its way from the folder into the store."""

    def __init__(
        self,
        store: Store,
        spaces: Spaces,
        encoder: Encoder,
        loader: Loader,
        clock: Clock,
        known: Container[str],
    ) -> None:
        """`known` are the paths of files that the catalog has already."""
        self._catalog, self._folder = store.catalog, store.root
        self._encoder = encoder
        self._loader = loader
        self._clock = clock
        self._spaces = spaces
        self._snapshot = store.snapshot()
        self._known = known

    def given(self, file: Found) -> Given:
        """A file with what the catalog has of it already."""
        if file.path not in self._known:
            return Given(file, frozenset(), {})
        digests = indexed.item_digests(self._catalog, file.path, self._spaces.own)
        if self._spaces.sounds is not None:
            digests |= indexed.item_digests(self._catalog, file.path, self._spaces.sounds)
        adopted = adopting.digests(self._catalog, self._folder, file)
        return Given(file, (digests - adopted.keys()) | {*adopted.values()}, adopted)

    def read(self, file: Found) -> Loaded:
        """Read one file; on a reading thread."""
        with self._clock("read", 1):
            return loaded(self._loader, self.given(file))

    def encode(self, batch: list[Unit]) -> list[Row]:
        """Encode the items of a batch, which are of one modality; on an encoding thread."""
        with self._clock("encode", sum(unit.item is not None for unit in batch)):
            return encoded(self._encoder, batch)

    def write(self, rows: list[Row]) -> tuple[int, list[Skipped]]:
        """Write rows in one transaction, again if a server was away; on the writing thread.

        Returns their number, and what was left out of the files that they close.
        """
        for wait in WAITS:
            try:
                return self._write(rows)
            except StoreUnavailableError as error:
                log.warning("%s It is tried again.", error)
                time.sleep(wait)
        return self._write(rows)

    def _write(self, rows: list[Row]) -> tuple[int, list[Skipped]]:
        with self._clock("write", len(rows)), self._catalog.writing() as writer:
            assets = {row.asset.path: row.asset for row in rows}
            numbers = writer.put_assets(list(assets.values()))
            closed = [row.closed for row in rows if row.closed is not None]
            for loaded in closed:  # before the items, so that their words are written once
                if loaded.notes or (loaded.file.path in self._known and loaded.was_read):
                    own = numbers[loaded.file.path]
                    writer.put_notes(own, loaded.file.about, loaded.notes)
            writer.add_items(
                [
                    (numbers[row.asset.path], self._space(row.item), row.item)
                    for row in rows
                    if row.item is not None
                ]
            )
            for loaded in closed:
                if loaded.file.path in self._known:
                    self._close(writer, numbers[loaded.file.path], loaded)
        return len(rows), [one for loaded in closed for one in _left_out(loaded)]

    def _close(self, writer: Writer, number: int, loaded: Loaded) -> None:
        """Let go of what a file that was known hasn't any more."""
        if loaded.was_read:
            writer.adopt(number, loaded.adopted)
            writer.keep_items(number, loaded.locators, self._snapshot)
        writer.put_hashes(number, loaded.hashes)

    def _space(self, item: NewItem) -> int:
        is_sound = item.part.modality is Modality.SOUND
        space = self._spaces.sounds if is_sound else self._spaces.own
        assert space is not None, "there are sounds only where they have a space"
        return space


def loaded(loader: Loader, given: Given) -> Loaded:
    """A file as it is read, without what the catalog has of it."""
    found = loader.load(given.file, given.known)
    return replace(found, adopted=dict(given.adopted)) if given.adopted else found


def encoded(encoder: Encoder, batch: Sequence[Unit]) -> list[Row]:
    """What is to be written of a batch."""
    items = [unit.item for unit in batch if unit.item is not None]
    encodings = iter(encode_items(encoder, items))
    return [_row(unit, next(encodings) if unit.item else None) for unit in batch]


def failed(file: Found, reason: str) -> Row:
    """What is to be written of a file that couldn't be read at the moment."""
    return _row(Unit(Loaded(file, None, error=reason, final=False), None, last=True), None)


def units(files: Iterable[Loaded], counter: Counter) -> Iterator[Unit]:
    """The new items of files one by one, with one unit for a file that has none."""
    for loaded in files:
        items: Sequence[PreparedItem | None] = loaded.new or [None]
        counter.found(len(items) - 1)
        for place, item in enumerate(items):
            yield Unit(loaded, item, place == len(items) - 1)


def batched(found: Iterable[Unit], encoder: Encoder) -> Iterator[list[Unit]]:
    """Units in batches as large as an encoder likes, each for one tower of it, in order."""
    size = encoder.capabilities.batch_size
    batch: list[Unit] = []
    modality: Modality | None = None
    for unit in found:
        own = tower(encoder, unit.item.part.modality) if unit.item else modality
        if batch and (len(batch) >= size or (modality is not None and own is not modality)):
            yield batch
            batch = []
        modality = own
        batch.append(unit)
    if batch:
        yield batch


def gathered(batches: Iterable[list[Row]]) -> Iterator[list[Row]]:
    """Rows in as many as are written at once: what a second brings, or sooner where it is much.

    To commit takes as long for one row as for some hundred. Batches that take longer to encode are
    written one by one.
    """
    found: list[Row] = []
    size, due = 0, time.monotonic() + SECONDS
    for batch in batches:
        found += batch
        size += sum(_bytes(row) for row in batch)
        if len(found) >= MOST_ROWS or size >= MOST_BYTES or time.monotonic() >= due:
            yield found
            found, size, due = [], 0, time.monotonic() + SECONDS
    if found:
        yield found


def _row(unit: Unit, encoding: Encoding | None) -> Row:
    loaded, item = unit.loaded, unit.item
    file, whole = loaded.file, unit.last and loaded.final
    asset = Asset(
        file.path,
        file.kind,
        file.size,
        file.mtime_ns if whole else None,
        loaded.digest,
        loaded.noted,
        file.about,
        loaded.capture,
    )
    new = None
    if item is not None and encoding is not None:
        phash = loaded.hashes.get(item.digest)
        new = NewItem(item.part, item.about, item.digest, encoding, phash)
    return Row(asset, new, replace(loaded, new=[]) if unit.last else None)


def _bytes(row: Row) -> int:
    """The memory that the encoding of a row takes."""
    if row.item is None:
        return 0
    arrays = (row.item.encoding.vectors, row.item.encoding.tokens, row.item.encoding.features)
    return sum(one.nbytes for one in arrays if one is not None)


def _left_out(loaded: Loaded) -> list[Skipped]:
    if loaded.error is not None:
        return [Skipped(loaded.file.path, loaded.error)]
    return loaded.skipped
