"""A store: the catalog of a folder, and the indexes that are derived from it."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from uuid import uuid4

import numpy as np

from cmsearch.common.arguments import checked_path
from cmsearch.common.text import native, storable
from cmsearch.errors import StoreError, StoreNotFoundError, StoreReadOnlyError
from cmsearch.protocols import VectorIndex
from cmsearch.store import making, trust
from cmsearch.store.catalog import embeddings, items, pairs
from cmsearch.store.catalog.blobs import unpack
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.index import background as chance
from cmsearch.store.index import snapshot as vectors
from cmsearch.store.index.faiss_index import FaissIndex
from cmsearch.store.lock import lock
from cmsearch.types import Background, FloatArray, IdArray, Modality, Space

DIRECTORY = ".cmsearch"
CATALOG = making.CATALOG
_LONGEST_TOKENS = 10_000
_SAMPLE = 50_000
"""Vectors that are compared to know what chance does."""

log = logging.getLogger("cmsearch")


@dataclass(frozen=True, slots=True)
class View:
    """What a store shows at one moment: a space, an index for each modality, the background.

    `sounds` are a view of their own, of another space: no vector of one is compared with one of the
    other. It is None where there are none.
    """

    version: int
    space_id: int
    space: Space | None
    indexes: Mapping[Modality, VectorIndex]
    background: Background
    sounds: View | None = None


@dataclass(slots=True)
class _Sounds:
    """The sounds of a store in memory; `judged` counts those that the background is of."""

    of: tuple[int, Space]
    index: FaissIndex
    background: Background = field(default_factory=dict)
    judged: int = 0


class Store:
    """An open store. Reading is safe from threads; `close` it, or use it in a `with` block.

    One that `is_beside` lies in the folder that it is of; any other only says which that is. One of
    another user is only read, unless it is `trusted`; see `trust.admit`.
    """

    def __init__(
        self,
        path: Path,
        root: Path | None = None,
        *,
        trusted: bool = False,
        is_found: bool = False,
    ) -> None:
        """Open the store in the directory `path`, making one for the folder `root` if given."""
        self.path = path
        if not os.path.lexists(path / CATALOG):
            if root is None:
                raise _not_found(path)
            trust.admit_place(path, trusted=trusted)
            making.make(path, root)
        self._strange = trust.admit(path / CATALOG, trusted=trusted, is_found=is_found)
        self.read_only = self._strange is not None or not os.access(path, os.W_OK)
        # It makes none: another process may be about to put the whole one in this place.
        self.catalog = Catalog(path / CATALOG, read_only=self.read_only, make=False)
        self._place = path.resolve()  # the process may go to another folder
        self.is_beside = self._place.name == DIRECTORY
        self.root = self._place.parent if self.is_beside else self._recorded_root()
        self._lock = threading.Lock()
        self._manifest: vectors.Manifest | None = None
        self._version: int | None = None
        self._mains: dict[Modality, FaissIndex] = {}
        self._sounds: _Sounds | None = None
        self._missing: dict[tuple[int, Modality], int] = {}
        self._view = View(0, 0, None, {}, {})

    @property
    def space(self) -> Space | None:
        """The space that it serves; None while nothing was indexed."""
        found = self.catalog.space()
        return found and found[1]

    def close(self) -> None:
        """Release the files."""
        self.catalog.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def absolute(self, path: str) -> Path:
        """Where an asset is; raises `StoreError` for a path that leaves the root."""
        relative = PurePosixPath(native(path))
        if relative.is_absolute() or ".." in relative.parts:
            raise StoreError(f"The store {self.path} names a file outside its folder: {path!r}.")
        return self.root / relative

    def names_of(self, path: str | Path) -> list[str]:
        """What the catalog may call a file or folder: as it was named, or with links followed."""
        place = Path(path)
        found = []
        for candidate in (place.absolute(), place.parent.resolve() / place.name, place.resolve()):
            for root in (self.root, self.root.resolve()):
                if candidate.is_relative_to(root):
                    with suppress(ValueError):  # a name that was not indexed either
                        found.append(storable(candidate.relative_to(root).as_posix()))
        return list(dict.fromkeys(found))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only writer; raises `StoreLockedError` where another process is.

        The operating system frees the lock of a process that has died.
        """
        if self.read_only:
            raise StoreReadOnlyError(self.path, self._strange)
        with lock(self._place, timeout=0):
            yield

    def view(self) -> View:
        """The current state, brought up to date if anything was committed since the last call."""
        with self._lock:
            if self.catalog.version() != self._version:
                with self.catalog.reading() as version:
                    self._refresh(version)
                    self._version = version
            return self._view

    @contextmanager
    def still(self) -> Iterator[View]:
        """The current state, which stays as it is within: other threads' views wait.

        Without it a search may find what is deleted before it is looked up.
        """
        with self._lock, self.catalog.reading() as version:
            if version != self._version:
                self._refresh(version)
                self._version = version
            yield self._view

    def is_current(self, view: View) -> bool:
        """Whether nothing was committed since the view was taken."""
        with self._lock:
            return view.version == self._version == self.catalog.version()

    def snapshot(self) -> int:
        """The number of the newest publication; 0 before the first."""
        manifest = vectors.newest(self._place)
        return manifest.snapshot if manifest else 0

    def disown_files(self) -> None:
        """Let the derived files count as those of another catalog, so that they are made anew."""
        with self.catalog.writing() as writer:
            writer.set("snapshots", "[]")

    def _tokens(self) -> list[str]:
        """The tokens of the last two publications, of which the last may not have come about."""
        kept = self.catalog.setting("snapshots") or "[]"
        try:
            tokens = json.loads(kept[:_LONGEST_TOKENS])
        except (ValueError, TypeError, RecursionError):
            return []
        return tokens if isinstance(tokens, list) else []

    def published(self, space: int) -> vectors.Manifest | None:
        """The newest manifest, if it is of this space of this catalog.

        There may be files of a catalog that was here before, or of the space served before.
        """
        manifest = vectors.newest(self._place)
        if manifest is None or manifest.token not in self._tokens():
            return None
        rows = sum(one.rows for one in manifest.indexes)
        if rows > embeddings.count(self.catalog, space) + embeddings.tombstone_count(self.catalog):
            return None  # each row is an embedding that is there or has a tombstone
        return manifest if all(one.space == space for one in manifest.indexes) else None

    def publish(self) -> None:
        """Lay the catalog's vectors out in files, unless few rows changed since the last time."""
        found = self.catalog.space()
        if found is None:
            return
        number, space = found
        manifest = self.published(number)
        if manifest and self._is_judged(number, manifest) and not self._is_due(manifest):
            return
        last = embeddings.last_embedding(self.catalog)
        content = {
            modality: items.embeddings(self.catalog, number, modality, space.dim)
            for modality in embeddings.modalities(self.catalog, number)
        }
        snapshot, token = vectors.next_snapshot(self._place), uuid4().hex
        with self.catalog.writing() as writer:
            writer.set("snapshots", json.dumps([*self._tokens()[-1:], token]))
        background = self._background(number, content)
        rows = {(number, modality): found for modality, found in content.items()}
        vectors.publish(self._place, snapshot, token, last, rows, background)
        with self.catalog.writing() as writer:
            writer.forget_tombstones(snapshot - 1)

    def _is_due(self, manifest: vectors.Manifest) -> bool:
        if not vectors.are_whole(self._place, manifest):
            return True
        rows = sum(index.rows for index in manifest.indexes)
        changed = embeddings.last_embedding(self.catalog) - manifest.last_embedding
        changed += len(embeddings.tombstones(self.catalog, since=manifest.snapshot))
        return changed > rows // 20

    def _is_judged(self, space: int, manifest: vectors.Manifest) -> bool:
        """Whether a background knows what texts find by chance in each modality of now.

        One that was published knows no modality that came since, and that of an older cmsearch
        none of few items.
        """
        if self.catalog.setting(f"bank {space}") is None:
            return True
        here, known = set(embeddings.modalities(self.catalog, space)), manifest.background
        asking = (chance.BANK, Modality.TEXT) if len(here) > 1 else (chance.BANK,)
        return all(known.get(one, {}).keys() >= here for one in asking)

    def _background(
        self, space: int, content: Mapping[Modality, tuple[IdArray, FloatArray]]
    ) -> Background:
        """What chance does among `content`, also with the bank of captions in place of queries."""
        dim = next((rows[1].shape[1] for rows in content.values()), 1)
        kept = unpack(self.catalog.setting(f"bank {space}") or "", dim)
        rows_of = {
            modality: chance.Rows(
                rows[1], _aligned(rows[0], *pairs.subjects(self.catalog, space, modality))
            )
            for modality, rows in content.items()
        }
        return chance.background(rows_of, chance.banked(kept))

    def _refresh(self, version: int) -> None:
        found = self.catalog.space()
        if found is None:
            return
        number, space = found
        manifest = self.published(number)
        if manifest is None or manifest != self._manifest:
            self._manifest, self._mains = manifest, self._open_indexes(manifest, space.dim)
            self._sounds = None  # tombstones that it hasn't seen may be gone
        deletes = embeddings.tombstones(self.catalog)
        shown: dict[Modality, VectorIndex] = {}
        for modality in embeddings.modalities(self.catalog, number):
            index = self._mains.setdefault(modality, FaissIndex(space.dim))
            newer = items.embeddings(self.catalog, number, modality, space.dim, index.last)
            index.sync(newer, deletes, manifest.snapshot if manifest else 0)
            shown[modality] = index
            self._tell_missing(number, modality, index)
        if manifest is not None and self._is_judged(number, manifest):
            background = manifest.background
        else:
            background = self._background(number, self._samples(number, space.dim))
        sounds = self._refreshed_sounds(version, deletes)
        self._view = View(version, number, space, shown, background, sounds)

    def _samples(self, number: int, dim: int) -> dict[Modality, tuple[IdArray, FloatArray]]:
        modalities = embeddings.modalities(self.catalog, number)
        return {one: items.sample(self.catalog, number, one, dim, _SAMPLE) for one in modalities}

    def _refreshed_sounds(self, version: int, deletes: IdArray) -> View | None:
        """The sounds as they are now. They have no files beside the catalog: what is new is read
        from there, and all of it when the store is opened.
        """
        found = self.catalog.sound_space()
        if found is None:
            return None
        number, space = found
        if self._sounds is None or self._sounds.of != found:
            self._sounds = _Sounds(found, FaissIndex(space.dim))
        own = self._sounds
        newer = items.embeddings(self.catalog, number, Modality.SOUND, space.dim, own.index.last)
        own.index.sync(newer, deletes, 0)
        if len(own.index) > own.judged + own.judged // 20:
            own.background = self._background_of_sounds(number, space)
            own.judged = len(own.index)
        self._tell_missing(number, Modality.SOUND, own.index)
        if not len(own.index):
            return None
        return View(version, number, space, {Modality.SOUND: own.index}, own.background)

    def _tell_missing(self, space: int, modality: Modality, index: FaissIndex) -> None:
        """Say how many vectors aren't searched, since they aren't ones that a model gives."""
        held = embeddings.count(self.catalog, space, modality)
        missing = held - len(index)
        if missing > 0 and self._missing.get((space, modality)) != missing:
            log.warning(
                "%d of %d %s vectors in %s are damaged and aren't searched: `cmsearch doctor "
                "--repair` makes them anew.",
                *(missing, held, modality, self.path),
            )
        self._missing[space, modality] = missing

    def _background_of_sounds(self, number: int, space: Space) -> Background:
        """Of the bank of captions, in the sounds' own space, for any text."""
        kept = unpack(self.catalog.setting(f"bank {number}") or "", space.dim)
        _, sample = items.sample(self.catalog, number, Modality.SOUND, space.dim, _SAMPLE)
        somebody = np.zeros(len(sample), np.int64)
        best = chance.unrelated_best(chance.banked(kept), chance.Rows(sample, somebody))
        return {query: {Modality.SOUND: best} for query in (chance.BANK, Modality.TEXT) if best}

    def _open_indexes(
        self, manifest: vectors.Manifest | None, dim: int
    ) -> dict[Modality, FaissIndex]:
        if manifest is None and self._tokens():
            log.warning(
                "The files beside the catalog in %s are missing, damaged or of another model. The "
                "catalog is used in their place; `cmsearch doctor --repair` makes them anew.",
                self.path,
            )
        opened = {}
        for files in manifest.indexes if manifest else ():
            try:
                opened[files.modality] = vectors.open_index(self._place, files, dim)
            except StoreError as error:
                log.warning(
                    "%s The catalog is used in its place; `cmsearch doctor --repair` mends it.",
                    error,
                )
        return opened

    def _recorded_root(self) -> Path:
        root = self.catalog.setting("root")
        if root is None:
            raise StoreError(f"The store {self.path} doesn't say which folder it is of.")
        return Path(native(root))


def open_at(start: Path, *, trusted: bool = False) -> Store:
    """The store that is at, in, or above `start`; `trusted` as in `Store`."""
    place = find(start)
    return Store(place, trusted=trusted, is_found=place not in (start / DIRECTORY, start))


def find(start: Path) -> Path:
    """The directory of the store that is at, in, or above `start`."""
    checked_path(start, "The place of an index")
    try:
        for folder in (start, *start.resolve().parents):
            if os.path.lexists(folder / DIRECTORY / CATALOG):
                return folder / DIRECTORY
            if (folder / CATALOG).is_file():  # another program may have a folder of that name
                return folder
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links
        reason = getattr(error, "strerror", None) or "it is a loop of links"
        raise StoreError(
            f"{start} can't be looked into: {reason}. Name the index with --store DIR."
        ) from error
    raise _not_found(f"{start} or above it")


def _not_found(place: object) -> StoreNotFoundError:
    return StoreNotFoundError(
        f"There is no index in {place}. Make one with `cmsearch index FOLDER`."
    )


def _aligned(ids: IdArray, known: IdArray, subjects: IdArray) -> IdArray:
    """The subjects of `ids`; 0 for one that was deleted meanwhile."""
    places = np.searchsorted(known, ids).clip(max=max(len(known) - 1, 0))
    if not len(known):
        return np.zeros_like(ids)
    found: IdArray = np.where(known[places] == ids, subjects[places], 0)
    return found
