"""Merging the segments of a store, and freeing what is dead."""

# Tested by tests/unit/cmsearch/store/test_compaction.py

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cmsearch.errors import StoreError
from cmsearch.store import publication
from cmsearch.store.catalog import embeddings, health
from cmsearch.store.index import manifest as manifests
from cmsearch.store.index import segments
from cmsearch.store.store import Store
from cmsearch.types import Progress

_FREE = 20
"""The catalog is written anew when one of so many of its bytes is free."""

log = logging.getLogger("cmsearch")


@dataclass(frozen=True, slots=True)
class Apart:
    """What of a store's vectors lies apart from where it is searched best.

    `rows` is how many there are in files, in so many `segments` of as many `indexes`; `later` of
    them are in others than the first, `dead` are deleted, and `new` ones are in no file.
    """

    rows: int
    segments: int
    indexes: int
    later: int
    dead: int
    new: int

    def is_any(self) -> bool:
        """Whether there is anything to merge or to free."""
        return bool(self.segments > self.indexes or self.dead or self.new)


@dataclass(frozen=True, slots=True)
class Compacted:
    """What a compaction did: segments before and after, dead vectors that were freed, new ones
    that were laid out, and the bytes of the whole store before and after.
    """

    segments_before: int
    segments_after: int
    freed: int
    added: int
    bytes_before: int
    bytes_after: int


def apart(store: Store) -> Apart:
    """What lies apart in a store."""
    served = store.catalog.space()
    manifest = None if served is None else store.published(served[0])
    if served is None:
        return Apart(0, 0, 0, 0, 0, 0)
    rows = sum(one.rows for one in manifest.indexes) if manifest else 0
    firsts = {one.modality: one.rows for one in reversed(manifest.indexes)} if manifest else {}
    gone = np.sort(embeddings.tombstones(store.catalog))
    return Apart(
        rows=rows,
        segments=len(manifest.indexes) if manifest else 0,
        indexes=len(firsts),
        later=rows - sum(firsts.values()),
        dead=int(segments.are_in(store.path, manifest, gone).sum()) if manifest else 0,
        new=embeddings.count(
            store.catalog, served[0], after=manifest.last_embedding if manifest else 0
        ),
    )


def compact(store: Store, tell: Callable[[Progress], object] = lambda event: None) -> Compacted:
    """Merge what is apart, and give the room of what is dead back to the disk.

    Searches go on meanwhile. Raises `StoreLockedError` where another process is writing.
    """
    with store.alone(), store.publishing():
        before, size = apart(store), _bytes(store)
        if before.is_any() or _are_kept_for_others(store):
            _merge(store, tell)
            store.send()
        if _FREE * health.free_bytes(store.catalog) > store.catalog.stamp()[0]:
            try:
                health.shrink(store.catalog)
            except StoreError as error:
                log.warning("The file stays as large as it is for now: %s", error)
        after = apart(store)
        return Compacted(
            segments_before=before.segments,
            segments_after=after.segments,
            freed=before.dead - after.dead,
            added=before.new - after.new,
            bytes_before=size,
            bytes_after=_bytes(store),
        )


def _are_kept_for_others(store: Store) -> bool:
    """Whether it is noted what was deleted for other machines, which may have files with that."""
    return store.is_remote and embeddings.tombstone_count(store.catalog) > 0


def _merge(store: Store, tell: Callable[[Progress], object]) -> None:
    served = store.catalog.space()
    if served is None:
        return
    former = store.published(served[0])
    written = publication.counting("compact", store.catalog, served[0], tell)
    publication.write(store.catalog, store.path, served, former, whole=True, tell=written)


def _bytes(store: Store) -> int:
    return store.catalog.stamp()[0] + manifests.derived_bytes(store.path)
