"""The stages of indexing: read files, encode batches of their items, write them."""

# Tested by tests/unit/indexer/test_indexer.py

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from cmsearch.protocols import Encoder
from cmsearch.store.catalog import files as indexed
from cmsearch.store.catalog.rows import NewItem
from cmsearch.store.catalog.writer import Writer
from cmsearch.store.store import Store
from cmsearch.types import TOWER, Asset, Encoding, Modality, Skipped
from indexer import adopting
from indexer.encode import encode_items
from indexer.pipeline import Clock, Counter
from indexer.prepare import PreparedItem
from indexer.read import Loaded, Loader
from indexer.scan import Found


@dataclass(frozen=True, slots=True)
class Unit:
    """One new item of a file, or none; the last unit of a file closes it."""

    loaded: Loaded
    item: PreparedItem | None
    first: bool
    last: bool


class Spaces(NamedTuple):
    """The numbers of the spaces that items are encoded in: all but sounds, and these, if at all."""

    own: int
    sounds: int | None = None


Encoded = list[tuple[Unit, Encoding | None]]


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

    def read(self, file: Found) -> Loaded:
        """Read one file; on a reading thread."""
        with self._clock("read"):
            known = file.path in self._known
            digests = frozenset[str]()
            if known:
                digests = indexed.item_digests(self._catalog, file.path, self._spaces.own)
                if self._spaces.sounds is not None:
                    digests |= indexed.item_digests(self._catalog, file.path, self._spaces.sounds)
                if adopted := adopting.digests(self._catalog, self._folder, file):
                    digests = (digests - adopted.keys()) | {*adopted.values()}
                    return replace(self._loader.load(file, digests), adopted=adopted)
            return self._loader.load(file, digests)

    def encode(self, batch: list[Unit]) -> Encoded:
        """Encode the items of a batch, which are of one modality; on an encoding thread."""
        with self._clock("encode"):
            items = [unit.item for unit in batch if unit.item is not None]
            encodings = iter(encode_items(self._encoder, items))
            return [(unit, None if unit.item is None else next(encodings)) for unit in batch]

    def write(self, batch: Encoded) -> list[Skipped]:
        """Write a batch in one transaction; returns what was left out of the files it closes."""
        skipped: list[Skipped] = []
        with self._clock("write"), self._catalog.writing() as writer:
            for unit, encoding in batch:
                self._write(writer, unit, encoding)
                if unit.last:
                    skipped += _left_out(unit.loaded)
        return skipped

    def _write(self, writer: Writer, unit: Unit, encoding: Encoding | None) -> None:
        loaded, item = unit.loaded, unit.item
        file = loaded.file
        whole = unit.last and loaded.final
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
        number = writer.put_asset(asset)
        if item is not None and encoding is not None:
            new = NewItem(item.part, item.about, item.digest, encoding)
            is_sound = item.part.modality is Modality.SOUND
            space = self._spaces.sounds if is_sound else self._spaces.own
            assert space is not None, "there are sounds only where they have a space"
            writer.add_item(number, space, new)
        # What can't be read at the moment keeps its items.
        was_read = loaded.digest is not None or loaded.final
        if unit.last and was_read and file.path in self._known:
            writer.adopt(number, loaded.adopted)
            writer.keep_items(number, loaded.locators, self._snapshot)
        if unit.last:
            writer.put_hashes(number, loaded.hashes)


def units(files: Iterable[Loaded], counter: Counter) -> Iterator[Unit]:
    """The new items of files one by one, with one unit for a file that has none."""
    for loaded in files:
        items: Sequence[PreparedItem | None] = loaded.new or [None]
        counter.found(len(items) - 1)
        for place, item in enumerate(items):
            yield Unit(loaded, item, place == 0, place == len(items) - 1)


def batched(found: Iterable[Unit], size: int) -> Iterator[list[Unit]]:
    """Units in batches of at most `size`, each for one tower, in order."""
    batch: list[Unit] = []
    modality: Modality | None = None
    for unit in found:
        own = TOWER[unit.item.part.modality] if unit.item else modality
        if batch and (len(batch) >= size or (modality is not None and own is not modality)):
            yield batch
            batch = []
        modality = own
        batch.append(unit)
    if batch:
        yield batch


def _left_out(loaded: Loaded) -> list[Skipped]:
    if loaded.error is not None:
        return [Skipped(loaded.file.path, loaded.error)]
    return loaded.skipped
