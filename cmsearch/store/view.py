"""What a store shows at one moment, and how the next moment is made from it."""

# Tested by tests/unit/cmsearch/store/test_store.py

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cmsearch.errors import StoreError
from cmsearch.protocols import VectorIndex
from cmsearch.store import publication, remote
from cmsearch.store.catalog import embeddings, items, samples
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.index import background as chance
from cmsearch.store.index import snapshot
from cmsearch.store.index.manifest import Manifest
from cmsearch.store.tables import Tables
from cmsearch.types import Background, IdArray, Modality, Space

log = logging.getLogger("cmsearch")


class Basis(NamedTuple):
    """Which embeddings statistics are taken of: those up to `last` that are left.

    They are those of the publication `snapshot`, as long as that is most of what there is: then
    nothing needs to be taken again for each picture that comes.
    """

    snapshot: int
    """The number of the publication; 0 where there is none."""
    last: int
    """The highest id."""
    gone: int
    """How many were deleted since."""


@dataclass(frozen=True, slots=True)
class View:
    """What a store shows at one moment."""

    version: int
    """The number of the catalog's state, as `Catalog.version` gives it."""
    space_id: int
    """The number of the space in the catalog."""
    space: Space
    """The space that the vectors are in."""
    indexes: Mapping[Modality, VectorIndex]
    """The index of each modality that there is; all items of one may have been deleted."""
    background: Background
    """What chance does here."""
    basis: Basis
    """The embeddings that statistics of the whole store are taken of."""
    last_embedding: int = 0
    """The highest id that an embedding had."""
    tables: Tables | None = None
    """What of the published rows is asked beside their vectors; None where nothing is published."""
    sounds: View | None = None
    """A view of the sounds, if there are any that have a space of their own: no vector of one is
    compared with one of the other. Sounds of the same space are in `indexes`.
    """


@dataclass(frozen=True, slots=True)
class _Moment:
    """A view, and what the next one is made from.

    It has the embeddings up to `last` but for those that are `dead`, in order. The background of
    its sounds is of `judged` of them.
    """

    view: View
    manifest: Manifest | None
    index: str
    last: int
    dead: IdArray
    judged: int


class _News(NamedTuple):
    """What an index hasn't seen: embeddings of a space after `start`, to `last`, and deletes."""

    space: int
    dim: int
    deletes: IdArray
    start: int
    last: int


class Views:
    """The views of a store, one after the other. Safe from threads."""

    def __init__(self, catalog: Catalog, place: Path, path: Path) -> None:
        """The files beside the catalog are in `place`, which the user calls `path`."""
        self._catalog, self._place, self._path = catalog, place, path
        self._lock = threading.Lock()
        self._newest: _Moment | None = None
        self._own = threading.local()
        self._missing: dict[tuple[int, Modality], int] = {}
        self._judged: dict[Modality, tuple[tuple[int, int, int], chance.Rows]] = {}

    def view(self) -> View:
        """What the store shows now, or in the `reading` that this thread is in."""
        own: View | None = getattr(self._own, "view", None)
        if own is not None:
            return own
        newest = self._newest
        if newest is not None and newest.view.version == self._catalog.version():
            return newest.view
        with self.reading() as view:
            return view

    @contextmanager
    def reading(self) -> Iterator[View]:
        """One state of the catalog for all that this thread reads within, and its view.

        Only the beginning is locked: no state is older than the newest view, and one thread makes
        that of a new state for all. Within another one it is the view of that.
        """
        own: View | None = getattr(self._own, "view", None)
        if own is not None:
            yield own
            return
        with ExitStack() as stack:
            with self._lock:
                version = stack.enter_context(self._catalog.reading())
                if self._newest is None or self._newest.view.version != version:
                    self._newest = self._next(version, self._newest)
                view = self._newest.view
            self._own.view = view
            try:
                yield view
            finally:
                self._own.view = None

    def _next(self, version: int, former: _Moment | None) -> _Moment:
        """The moment of the state that this thread reads."""
        found = self._catalog.space()
        if found is None:
            raise StoreError(
                f"Nothing is indexed in {remote.name_of(self._path)} yet. Run `cmsearch index "
                "FOLDER`."
            )
        number, space = found
        name = publication.index_name(self._catalog)
        known = former.manifest if former else None
        manifest = publication.published(self._catalog, self._place, number, known)
        same = former and (former.view.space_id, former.manifest, former.index)
        if former and same == (number, manifest, name):
            start, indexes, tables = former.last, former.view.indexes, former.view.tables
        else:
            former, start = None, manifest.last_embedding if manifest else 0
            indexes = self._opened(manifest, found)
            tables = Tables(self._place, manifest) if manifest else None
        last, dead = embeddings.last_embedding(self._catalog), self._dead(former)
        deletes = np.setdiff1d(dead, former.dead, assume_unique=True) if former else dead
        news = _News(number, space.dim, deletes, start, last)
        shown = self._shown(news, indexes, is_new=former is None)
        background, basis = self._chance(news, manifest, shown, dead)
        sounds, judged = self._sounds(version, news, former)
        view = View(version, number, space, shown, background, basis, last, tables, sounds)
        return _Moment(view, manifest, name, last, dead, judged)

    def _dead(self, former: _Moment | None) -> IdArray:
        """All that is hidden, in order; while the files are the same that only grows."""
        if former and embeddings.tombstone_count(self._catalog) == len(former.dead):
            return former.dead
        return np.sort(embeddings.tombstones(self._catalog))

    def _shown(
        self, news: _News, indexes: Mapping[Modality, VectorIndex], *, is_new: bool
    ) -> dict[Modality, VectorIndex]:
        """The index of each modality, with what is new in it; those that are open go on."""
        here = set(embeddings.modalities(self._catalog, news.space)) if is_new else set(indexes)
        if not is_new and news.last > news.start:
            here |= set(embeddings.modalities(self._catalog, news.space, news.start))
        shown = {}
        for modality in sorted(here):
            start = news.start if modality in indexes or not is_new else 0
            index = indexes.get(modality)
            if index is None:
                index = publication.make_index(self._catalog, news.dim)
            shown[modality] = self._changed(index, news._replace(start=start), modality)
            if is_new:
                self._tell_missing(news.space, modality, shown[modality])
        return shown

    def _changed(self, index: VectorIndex, news: _News, modality: Modality) -> VectorIndex:
        if news.last <= news.start and not len(news.deletes):
            return index
        newer = items.embeddings(self._catalog, news.space, modality, news.dim, news.start)
        return index.changed(newer, news.deletes)

    def _chance(
        self,
        news: _News,
        manifest: Manifest | None,
        shown: Mapping[Modality, VectorIndex],
        dead: IdArray,
    ) -> tuple[Background, Basis]:
        """What chance does here, and the embeddings that statistics are taken of.

        What the publication doesn't know of is taken of few, since each state has to anew.
        """
        snapshot = manifest.snapshot if manifest else 0
        everything = Basis(snapshot, news.last, len(dead))
        here = list(shown)
        background = manifest.background if manifest else {}
        if manifest is None or not publication.is_judged(self._catalog, news.space, manifest, here):
            content = {one: self._judging(news, manifest, one, len(dead)) for one in here}
            background = publication.background(self._catalog, news.space, content, background)
        else:
            self._judged = {}
        if manifest is None:
            return background, everything
        gone = embeddings.tombstone_count(self._catalog, since=snapshot)
        left = sum(one.rows for one in manifest.indexes) - len(dead)
        is_most = 2 * left >= sum(map(len, shown.values()))
        basis = Basis(snapshot, manifest.last_embedding, gone) if is_most else everything
        return background, basis

    def _judging(
        self, news: _News, manifest: Manifest | None, modality: Modality, deleted: int
    ) -> chance.Rows:
        """What a modality is judged by. Of one that is published that is some of what is, which is
        read once: the next states have it too, as long as nothing more is deleted.
        """
        few = partial(
            publication.judging,
            *(self._catalog, news.space, modality, news.dim, publication.BETWEEN),
        )
        if manifest is None or not manifest.of(modality):
            return few()
        key = (news.space, manifest.snapshot, deleted)
        known = self._judged.get(modality)
        if known is None or known[0] != key:
            known = self._judged[modality] = key, few(manifest.last_embedding)
        return known[1]

    def _sounds(self, version: int, news: _News, former: _Moment | None) -> tuple[View | None, int]:
        """The sounds of another space as they are now. They have no files beside the catalog: what
        is new is read from there, and all of it when the store is opened.
        """
        found = self._catalog.sound_space()
        if found is None:
            return None, 0
        number, space = found
        if number == news.space:
            return None, 0
        own = former.view.sounds if former else None
        if former is None or own is None or (own.space_id, own.space) != found:
            index = publication.make_index(self._catalog, space.dim)
            start, judged = 0, 0
            background: Background = {}
        else:
            index, background = own.indexes[Modality.SOUND], own.background
            start, judged = news.start, former.judged
        news = _News(number, space.dim, news.deletes, start, news.last)
        index = self._changed(index, news, Modality.SOUND)
        if not start:
            self._tell_missing(number, Modality.SOUND, index)
        if not len(index):
            return None, 0
        if len(index) > judged + judged // 20:
            background, judged = self._chance_of_sounds(number, space), len(index)
        basis, indexes = Basis(0, news.last, 0), {Modality.SOUND: index}
        return View(version, number, space, indexes, background, basis, news.last), judged

    def _chance_of_sounds(self, number: int, space: Space) -> Background:
        """Of the bank of captions, in the sounds' own space, for any text."""
        _, sample = samples.sample(
            self._catalog, number, Modality.SOUND, space.dim, publication.SAMPLE
        )
        somebody = np.zeros(len(sample), np.int64)
        bank = publication.bank(self._catalog, number, space.dim)
        best = chance.unrelated(bank, chance.Rows(sample, somebody))
        return {query: {Modality.SOUND: best} for query in (chance.BANK, Modality.TEXT) if best}

    def _opened(
        self, manifest: Manifest | None, served: tuple[int, Space]
    ) -> dict[Modality, VectorIndex]:
        """The indexes of the files that are as they were written."""
        if manifest is None and self._catalog.snapshots():
            log.warning(
                "The files beside the catalog in %s are missing, damaged or of another model. The "
                "catalog is used in their place; `cmsearch doctor --repair` makes them anew.",
                self._path,
            )
        if manifest is None:
            return {}
        empty, opened = publication.laid_out(self._catalog, served), {}
        for modality in dict.fromkeys(one.modality for one in manifest.indexes):
            index = self._open(manifest, modality, empty(modality), served[1].dim)
            if index is not None:
                opened[modality] = index
        return opened

    def _open(
        self, manifest: Manifest, modality: Modality, empty: VectorIndex, dim: int
    ) -> VectorIndex | None:
        """The index of a modality, without what it kept if that is damaged; None without files."""
        instead, told = publication.instead(self._catalog, dim), None
        files = manifest.of(modality)
        bare = [replace(one, kept=None) for one in files]
        is_own = manifest.index == publication.index_name(self._catalog)
        for some in (files, bare) if is_own and files != bare else (bare,):
            try:
                index = snapshot.open_index(self._place, some, dim, empty, instead)
            except StoreError as error:
                told = error
                continue
            if told is not None:
                log.warning(
                    "%s Every vector is compared in its place; `cmsearch doctor --repair` mends "
                    "it.",
                    told,
                )
            return index
        log.warning(
            "%s The catalog is used in its place; `cmsearch doctor --repair` mends it.", told
        )
        return None

    def _tell_missing(self, space: int, modality: Modality, index: VectorIndex) -> None:
        """Say how many vectors aren't searched, since they aren't ones that a model gives."""
        held = embeddings.count(self._catalog, space, modality)
        missing = held - len(index)
        if missing > 0 and self._missing.get((space, modality)) != missing:
            log.warning(
                "%d of %d %s vectors in %s are damaged and aren't searched: `cmsearch doctor "
                "--repair` makes them anew.",
                *(missing, held, modality, self._path),
            )
        self._missing[space, modality] = missing
