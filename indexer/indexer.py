"""The indexer: brings a store up to date with its folder."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Container, Iterable
from contextlib import suppress
from dataclasses import replace
from itertools import chain
from math import inf
from pathlib import Path

from cmsearch.common.processors import cpu_count, threads
from cmsearch.errors import QueryError
from cmsearch.models import adapters
from cmsearch.models.choices import choose, was_meant
from cmsearch.models.encoders.adapted import Adapted
from cmsearch.protocols import Encoder
from cmsearch.search.own_models import load_own
from cmsearch.search.query import background_captions
from cmsearch.store import publication
from cmsearch.store.catalog import files as indexed
from cmsearch.store.index.plugins import checked_name
from cmsearch.store.object_places import folder_of, url_of
from cmsearch.store.remote import as_place
from cmsearch.store.store import CATALOG, DIRECTORY, Store
from cmsearch.types import Generation, Progress, Skipped, Space
from indexer.asked import Asked
from indexer.changes import Changes
from indexer.cluster import FILES, Cluster, working
from indexer.follow import Seen, compared, settled
from indexer.parts import Unclear
from indexer.pipeline import Clock, Counter, ordered_map
from indexer.read import Loader
from indexer.report import Plan, Report, planned, reported
from indexer.scan import Found, Scan, in_order, in_turn
from indexer.sounds import Sounds
from indexer.sources import Folder, Source, opened
from indexer.speech import Speech
from indexer.stages import IndexStages, Spaces, batched, gathered, units
from indexer.subjects import FolderSubjects
from indexer.texts import Texts

log = logging.getLogger("cmsearch")


class Indexer:
    """Indexes a folder into its store, `FOLDER/.cmsearch` unless another is given.

    >>> indexer = Indexer("sample_data", model="lite")
    >>> indexer.plan().added
    ()

    `model` is a name as `cmsearch models` lists them; None or `auto` takes the store's own, or
    chooses one. `asr` names what writes speech down, as `--asr` does; None takes the store's own,
    or tiny.en; `sound` names a model of sound that isn't speech, as `--sound` does, and None takes
    the store's own, or the model itself if it hears; `vectors` names the index that the store is
    searched with from now on, None leaves it as it is; `ocr` says in which pictures text is read,
    as `--ocr` does: `usual` takes what the store has, or auto with the extra, as the command line
    does, None what the store has, or none; a `cluster` reads and encodes what can be read by
    itself; `precision` is what the model computes in: fp32, int8, or auto, which is int8 where that
    pays; None is what the store has, or fp32. Raises `StoreError`, `ModelError`, `QueryError`.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        store: str | Path | None = None,
        model: str | None = None,
        device: str | None = None,
        asr: str | None = None,
        sound: str | None = None,
        vectors: str | None = None,
        ocr: str | None = None,
        cluster: Cluster | None = None,
        precision: str | None = None,
    ) -> None:
        self.folder = folder_of(folder)
        self.store = _beside(self.folder) if store is None else Path(as_place(store))
        self._asked = Asked(model, device, precision)
        self._speech = Speech(asr, device)
        self._sounds = Sounds(sound, device)
        self._vectors = vectors and checked_name(vectors)
        self._texts = Texts(ocr)
        self._cluster = cluster
        self._clock = Clock()
        self._source: Source = Folder(self.folder)
        self._encoder: Encoder | None = None
        self._told = ""

    def run(
        self,
        progress: Callable[[Progress], object] | None = None,
        changed: Collection[str] | None = None,
        text_seconds: float = inf,
    ) -> Report:
        """Index what is new or changed, forget what is gone, and say what was done.

        >>> report = Indexer("sample_data").run()
        >>> report.model, report.items["photo"]
        ('lite', 23)

        It can be run again, and keeps its model loaded. A model that the store doesn't serve yet
        encodes everything beside what there is, and serves when that is whole. With the paths that
        have `changed`, as a `Report` has paths, it looks only at their folders, where that is
        enough: at some thousand files rather than at a million. Text in pictures is read for so
        many seconds at most; the next run goes on with it.
        """
        self._clock = Clock()
        tell = progress or (lambda event: None)
        scan, files = self._scanned(changed)
        if not (self.store / CATALOG).exists():
            files = list(files)
            self._try(scan.kinds, tell)
        made = Store(self.store, self.folder)
        with made as store, store.locked(), opened(self.folder) as self._source:
            store.check_root(self.folder)
            publication.choose_index(store.catalog, self._vectors)
            name = self._chosen(store.space)
            changes = self._followed(store, name, scan, files, tell)
            skipped = self._index(store, name, changes, tell)
            waiting = self._switch(store, name, tell)
            with self._clock("publish"):
                tell(Progress("publish", 0, 1))
                store.publish()
                tell(Progress("publish", 1, 1))
            unreadable, texts_left = self._read_texts(store, tell, text_seconds)
            report = reported(name, store.path, scan, changes, [*skipped, *unreadable])
            return replace(
                report,
                waiting=waiting,
                texts_waiting=texts_left,
                items=indexed.counts(store.catalog),
                seconds=dict(self._clock.seconds),
                cpu=dict(self._clock.cpu),
                rates=self._clock.rates(cpu_count()),
                bound=self._clock.bound(cpu_count()),
            )

    def _followed(
        self,
        store: Store,
        name: str,
        scan: Scan,
        files: Iterable[Found],
        tell: Callable[[Progress], object],
    ) -> Changes:
        """What is to be read, after the catalog has followed what was moved or is gone."""
        target = self._target(store, name, tell)
        own = self._load(name, store, tell) if self._sounds.is_own else self._encoder
        self._sounds.settle(store, own)
        seen = Seen(self._source, scan, files, self._speech.outdated(store.catalog))
        found = compared(store, target, seen)
        self._speech.settle(store, scan.kinds)
        return settled(store, seen, found)

    def _read_texts(
        self, store: Store, tell: Callable[[Progress], object], seconds: float
    ) -> tuple[list[Skipped], int]:
        """Read text in pictures, now that all else is searched."""
        self._texts.settle(store)
        space = store.space
        if space is None:
            return [], 0
        ready = self._encoder if self._encoder and self._encoder.space == space else None

        def encoder() -> Encoder:
            return ready or load_own(store, space, device=self._asked.device, download=True)

        with self._clock("read text"):
            return self._texts.read(store, encoder, tell, seconds)

    def plan(self) -> Plan:
        """Say what `run` would do, as far as files tell without being read through or encoded."""
        scan = Scan(self.folder)
        if not (self.store / CATALOG).exists():
            name, new = self._chosen(None, ask=False), list(scan)
            texts = self._texts.planned(self.folder, None, new, ())
            return planned(name, self.store, scan, Changes(new, (), 0, (), ()), texts)
        with Store(self.store) as store, opened(self.folder) as source:
            store.check_root(self.folder)
            name = self._chosen(store.space, ask=False)
            outdated = self._sounds.outdated(store.catalog) | self._speech.outdated(store.catalog)
            seen = Seen(source, scan, scan, outdated)
            changes = compared(store, self._asked.generation(store, name), seen).changes
            new = [*changes.added, *changes.changed]
            gone = {*changes.removed, *(file.path for file in changes.changed)}
            texts = self._texts.planned(self.folder, store, new, gone)
            return planned(name, store.path, scan, changes, texts)

    def _scanned(self, changed: Collection[str] | None) -> tuple[Scan, Iterable[Found]]:
        """A scan of the folder and its files, all unless those near what changed are enough."""
        if changed is not None and (self.store / CATALOG).exists():
            scan = Scan(self.folder, self._clock, changed)
            with suppress(Unclear):
                return scan, list(scan)
        scan = Scan(self.folder, self._clock)
        return scan, scan

    def _try(self, kinds: Container[str], tell: Callable[[Progress], object]) -> None:
        """Load the models before there is a store, so that a mistake leaves none behind."""
        self._load(self._chosen(None), None, tell)
        self._speech.settle(None, kinds)
        self._sounds.settle(None, self._encoder)

    def _chosen(self, space: Space | None, *, ask: bool = True) -> str:
        choice = choose(self._asked.model, space, ask=ask)
        if was_meant(self._asked.model, choice.name):
            self._asked = replace(self._asked, model=None)  # the index's own, whatever it is called
        if choice.name != self._told:
            log.info("Model %s: %s.", choice.name, choice.reason)
            self._told = choice.name
        return choice.name

    def _target(
        self, store: Store, name: str, tell: Callable[[Progress], object]
    ) -> Generation | None:
        """The generation to bring up to date; None if it is still to be made.

        A model that was asked for by name is loaded first: its weights may have changed.
        """
        if not self._asked.is_named:
            return self._asked.generation(store, name)
        space = self._load(name, store, tell).space
        return next((one for one in store.catalog.generations() if one.space == space), None)

    def _index(
        self,
        store: Store,
        name: str,
        changes: Changes,
        tell: Callable[[Progress], object],
    ) -> list[Skipped]:
        """Read, batch, encode and write what is new or changed; returns what was left out."""
        work = in_order((*changes.added, *changes.changed, *changes.lacking, *changes.unhashed))
        target = self._asked.generation(store, name)
        is_ready = target is None or store.catalog.has_bank(target.space_id)
        if not work and is_ready:
            return []
        encoder, space = self._ready(store, name, tell)
        subjects = FolderSubjects(store.catalog, work)
        counter = Counter(len(work), lambda *event: tell(Progress("index", *event)))
        speech, sounds = (
            self._speech.listener(store.catalog, work, counter.note),
            self._sounds.listener(store.catalog, work, counter.note, encoder),
        )
        loader = Loader(self._source, encoder, subjects, speech, sounds)
        own = store.catalog.sound_space()
        spaces = Spaces(space, own[0] if own else None)
        known = {file.path for file in work} - {file.path for file in changes.added}
        stages = IndexStages(store, spaces, encoder, loader, self._clock, known)
        size, workers = encoder.capabilities.batch_size, encoder.capabilities.workers
        skipped: list[Skipped] = []
        elsewhere = working(self._cluster, self.folder, encoder, self._asked.device)
        with elsewhere as there, threads() as pool, threads(1) as writing, counter:
            for some, is_long in in_turn(work):
                ahead = 1 if is_long else 4 * size
                sent, here = there.parted(some)
                returned = there.rows(map(stages.given, sent), FILES * size, counter)
                loaded = ordered_map(stages.read, map(loader.begin, here), pool, ahead=ahead)
                batches = batched(units(loaded, counter), encoder)
                encoded = ordered_map(stages.encode, batches, pool, ahead=workers)
                rows = gathered(chain(returned, encoded))
                for done, left_out in ordered_map(stages.write, rows, writing, ahead=1):
                    skipped += left_out
                    counter.advance(done)
        return skipped

    def _ready(
        self, store: Store, name: str, tell: Callable[[Progress], object]
    ) -> tuple[Encoder, int]:
        """The model, and the number of its space; the first one of a store serves at once.

        The captions that stand for any text come before all else: a run that is killed then has
        either work left, or all that its answers depend on.
        """
        encoder = self._load(name, store, tell)
        with store.catalog.writing() as writer:
            space = writer.put_space(encoder.space, encoder.capabilities.runtime)
            if isinstance(encoder, Adapted):  # its file need not be where the store is searched
                adapter = encoder.adapter
                writer.put_adapter(adapter.digest, adapters.pack(adapter))
        if not store.catalog.has_bank(space):
            vectors = background_captions.encoded(encoder)
            with store.catalog.writing() as writer:
                writer.put_bank(space, vectors)
        if store.space is None:
            self._switch(store, name, tell)
        return encoder, space

    def _switch(self, store: Store, name: str, tell: Callable[[Progress], object]) -> int:
        """Let the model serve if all items are encoded with it, or none serves yet.

        Returns the number of files that it has still to encode.
        """
        target = self._target(store, name, tell)
        if target is None or target.space == store.space:
            return 0
        waiting = len(indexed.lacking(store.catalog, target.space_id))
        if not waiting or store.space is None:
            with store.catalog.writing() as writer:
                writer.serve(target.id)
        return waiting

    def _load(self, name: str, store: Store | None, tell: Callable[[Progress], object]) -> Encoder:
        """The model, as the store knows it, loaded once."""
        known = self._asked.generation(store, name) if store else None
        loaded = self._encoder
        if loaded is not None and (
            self._asked.is_named or not known or known.space == loaded.space
        ):
            return loaded  # else another generation serves by now
        tell(Progress("load the model", 0, 1))
        with self._clock("load the model"):
            self._encoder = loaded = self._asked.load(name, store, known)
        tell(Progress("load the model", 1, 1))
        return loaded


def _beside(folder: Path) -> Path:
    """Where the index of a folder is if nobody says. Raises `QueryError` for object storage."""
    url = url_of(folder)
    if url is not None:
        raise QueryError(
            f"Nothing is written to object storage. Say where the index of {url} is to be kept, "
            "with --store DIR."
        )
    return folder / DIRECTORY
