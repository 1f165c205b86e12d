"""The indexer: brings a store up to date with its folder."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from cmsearch.encoders.onnx import cpu_count
from cmsearch.errors import StoreError, StoreMismatchError
from cmsearch.models import choose
from cmsearch.registry import load_encoder, model_name
from cmsearch.store import CATALOG, DIRECTORY, Store
from cmsearch.types import Asset, Encoder, Skipped, Space
from indexer.changes import Changes, compare, find_moved
from indexer.load import Loader
from indexer.pipeline import Clock, Counter, ordered_map
from indexer.scan import Found, scan
from indexer.stages import Stages, batched, units

log = logging.getLogger("cmsearch")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stage is: `done` of `total` items (of files, before they are read)."""

    stage: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did: numbers of files, the items now in the store by kind, and the time.

    A file that could not be read is only among the `skipped`.

    `seconds` has the wall time by stage, added up over threads for `read` and `encode`.
    """

    model: str
    store: Path
    added: int
    changed: int
    unchanged: int
    moved: int
    removed: int
    skipped: tuple[Skipped, ...]
    items: dict[str, int]
    seconds: dict[str, float]


class Indexer:
    """Indexes a folder into its store, `FOLDER/.cmsearch` unless another is given.

    `model` is a name as `cmsearch models` lists them; None or `auto` takes the store's own, or
    chooses one. Raises `StoreError`, `ModelError`.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        store: str | Path | None = None,
        model: str | None = None,
        device: str | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.store = self.folder / DIRECTORY if store is None else Path(store)
        self._model = model
        self._device = device
        self._clock = Clock()
        self._encoder: Encoder | None = None

    def run(self, progress: Callable[[Progress], object] | None = None) -> Report:
        """Index what is new or changed, forget what is gone, and say what was done."""
        self._clock = Clock()
        tell = progress or (lambda event: None)
        with self._clock("scan"):
            files, skipped = scan(self.folder)
        name = None if (self.store / CATALOG).exists() else self._started(tell)
        with Store(self.store, self.folder) as store, store.locked():
            self._check_root(store)
            if name is None or store.space is not None:  # another run may have been faster
                name = self._chosen(store.space)
            changes = self._settled(store, files, skipped)
            skipped += self._index(store, name, changes, files, tell)
            with self._clock("publish"):
                tell(Progress("publish", 0, 1))
                store.publish()
                tell(Progress("publish", 1, 1))
            return Report(
                model=name,
                store=store.path,
                added=_read(changes.added, skipped),
                changed=_read(changes.changed, skipped),
                unchanged=changes.unchanged,
                moved=len(changes.moved),
                removed=len(changes.removed),
                skipped=(*skipped, *changes.skipped),
                items=store.catalog.counts(),
                seconds=dict(self._clock.seconds),
            )

    def _check_root(self, store: Store) -> None:
        if store.root.resolve() != self.folder.resolve():
            raise StoreMismatchError(
                f"{store.path} is the index of {store.root}, not of {self.folder}. Name another "
                "place with --store DIR."
            )

    def _started(self, tell: Callable[[Progress], object]) -> str:
        """Load the model of a store that isn't there yet, so that a mistake leaves none behind."""
        name = self._chosen(None)
        self._load(name, None, tell)
        return name

    def _chosen(self, space: Space | None) -> str:
        choice = choose(self._model, space)
        log.info("Model %s: %s.", choice.name, choice.reason)
        if space is not None and choice.name != model_name(space):
            raise StoreMismatchError(
                f"{self.store} was made with {model_name(space)}, and vectors of two models "
                f"can't be compared. Index without --model to go on with it, or make another "
                f"index: --store DIR --model {self._model}."
            )
        return choice.name

    def _settled(self, store: Store, files: Sequence[Found], unread: Sequence[Skipped]) -> Changes:
        """What is to be read, after the catalog has followed what was moved or is gone."""
        assets = store.catalog.assets()
        first = compare(files, assets, unread)
        if not first.removed:
            return first
        if not files:
            raise StoreError(
                f"None of the {len(assets)} files that were indexed is in {self.folder} any more. "
                "If its drive is not mounted, mount it and run the command again; if they were "
                f"deleted, delete the index too: {store.path}."
            )
        moved = find_moved(self.folder, first, assets)
        removed = [path for path in first.removed if path not in moved]
        snapshot = store.snapshot()
        with store.catalog.writing() as writer:
            for path, file in moved.items():
                writer.move_asset(path, _moved_asset(assets[path], file, moved))
            for path in removed:
                writer.remove_asset(path, snapshot)
        again = compare(files, store.catalog.assets(), unread)
        read = {file.path for file in again.changed}
        kept = [file for file in moved.values() if file.path not in read]
        unchanged = again.unchanged - len(kept)
        return replace(again, unchanged=unchanged, removed=removed, moved=moved)

    def _index(
        self,
        store: Store,
        name: str,
        changes: Changes,
        files: Sequence[Found],
        tell: Callable[[Progress], object],
    ) -> list[Skipped]:
        """Read, batch, encode and write what is new or changed; returns what was left out."""
        work = sorted([*changes.added, *changes.changed], key=lambda file: file.order)
        if not work:
            return []
        encoder = self._served(store, name, tell)
        pictures = frozenset(file.path for file in files if file.kind == "image")
        loader = Loader(self.folder, encoder, pictures)
        stages = Stages(store, encoder, loader, self._clock)
        size, workers = encoder.capabilities.batch_size, encoder.capabilities.workers
        counter = Counter(len(work), lambda done, total: tell(Progress("index", done, total)))
        skipped: list[Skipped] = []
        with ThreadPoolExecutor(cpu_count()) as pool:
            loaded = ordered_map(stages.read, work, pool, ahead=4 * size)
            batches = batched(units(loaded, counter), size)
            for batch in ordered_map(stages.encode, batches, pool, ahead=workers):
                skipped += stages.write(batch)
                counter.advance(len(batch))
        return skipped

    def _served(self, store: Store, name: str, tell: Callable[[Progress], object]) -> Encoder:
        """The model, and its space as the one that the store serves."""
        encoder = self._load(name, store.space, tell)
        if store.space is None:
            with store.catalog.writing() as writer:
                writer.add_generation(encoder.space, encoder.capabilities.runtime)
        return encoder

    def _load(self, name: str, space: Space | None, tell: Callable[[Progress], object]) -> Encoder:
        if self._encoder is None:
            tell(Progress("load the model", 0, 1))
            with self._clock("load the model"):
                self._encoder = load_encoder(name, device=self._device, space=space, download=True)
            tell(Progress("load the model", 1, 1))
        return self._encoder


def _moved_asset(asset: Asset, file: Found, moved: Mapping[str, Found]) -> Asset:
    """The asset at its new place, to be read again where its captions may be of other pictures."""
    picture = moved.get(asset.about or "")
    parted = file.about is not None and (picture is None or picture.path != file.about)
    mtime_ns = None if file.kind == "captions" or parted else file.mtime_ns
    return replace(asset, path=file.path, mtime_ns=mtime_ns, about=file.about)


def _read(files: Sequence[Found], skipped: Sequence[Skipped]) -> int:
    """How many of the files could be read, if perhaps not every line of them."""
    failed = {one.path for one in skipped if not one.locator}
    return sum(file.path not in failed for file in files)
