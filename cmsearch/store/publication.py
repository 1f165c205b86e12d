"""Publications of a catalog's vectors as files beside it, from which searches open quickly."""

# Tested by tests/unit/cmsearch/store/test_store.py

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

import numpy as np

from cmsearch.errors import StoreError
from cmsearch.protocols import VectorIndex
from cmsearch.store.catalog import embeddings, items, pairs
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.index import background as chance
from cmsearch.store.index import plugins
from cmsearch.store.index import snapshot as vectors
from cmsearch.types import Background, FloatArray, IdArray, Modality

_SHOWN = 80


def index_name(catalog: Catalog) -> str:
    """The name of the index that a store searches its vectors with."""
    return catalog.index() or plugins.DEFAULT


def choose_index(catalog: Catalog, name: str | None) -> None:
    """Let the store use the index `name` from now on, or the one that it has if that is here.

    Raises `StoreError` for a store whose own isn't.
    """
    if name is None:
        make_index(catalog, 1)  # only to raise
    elif name != index_name(catalog):
        with catalog.writing() as writer:
            writer.put_index(name)


def make_index(catalog: Catalog, dim: int) -> VectorIndex:
    """An empty index of the kind that the store uses; raises `StoreError` where that isn't here."""
    name = index_name(catalog)
    try:
        return plugins.empty_index(name, dim)
    except (KeyError, ImportError) as error:
        folder = catalog.path.parent
        raise StoreError(
            f"The index {folder} is searched with {name[:_SHOWN]!r}, which isn't installed here. "
            "Install the package that brings it, or choose another with `cmsearch index FOLDER "
            f"--vectors {plugins.DEFAULT}`."
        ) from error


def published(
    catalog: Catalog, place: Path, space: int, known: vectors.Manifest | None = None
) -> vectors.Manifest | None:
    """The newest manifest in a place, if it is of this space of this catalog.

    There may be files of a catalog that was here before, or of the space served before. One that
    is `known` to have no rows too many isn't looked at again for that.
    """
    manifest = vectors.newest(place)
    if manifest is None or manifest.token not in catalog.snapshots():
        return None
    if any(one.space != space for one in manifest.indexes):
        return None
    rows = sum(one.rows for one in manifest.indexes)
    if manifest != known and rows > embeddings.count(catalog, space) + embeddings.tombstone_count(
        catalog
    ):
        return None  # each row is an embedding that is there or has a tombstone
    return manifest


def publish(catalog: Catalog, place: Path) -> None:
    """Lay the catalog's vectors out in files, unless few rows changed since the last time."""
    found = catalog.space()
    if found is None:
        return
    number, space = found
    manifest = published(catalog, place, number)
    if manifest and not _is_due(catalog, place, manifest, number):
        return
    last = embeddings.last_embedding(catalog)
    content = {
        modality: items.embeddings(catalog, number, modality, space.dim)
        for modality in embeddings.modalities(catalog, number)
    }
    snapshot, token = vectors.next_snapshot(place), uuid4().hex
    index = make_index(catalog, space.dim)
    with catalog.writing() as writer:
        writer.put_snapshots([*catalog.snapshots()[-1:], token])
    known = background(catalog, number, content)
    head = vectors.Manifest(snapshot, token, last, index_name(catalog), known, [])
    rows = {(number, modality): found for modality, found in content.items()}
    vectors.publish(place, head, rows, index)
    with catalog.writing() as writer:
        writer.forget_tombstones(snapshot - 1)


def _is_due(catalog: Catalog, place: Path, manifest: vectors.Manifest, space: int) -> bool:
    if manifest.index != index_name(catalog) or not vectors.are_whole(place, manifest):
        return True
    if not is_judged(catalog, space, manifest, embeddings.modalities(catalog, space)):
        return True
    rows = sum(index.rows for index in manifest.indexes)
    changed = embeddings.last_embedding(catalog) - manifest.last_embedding
    changed += len(embeddings.tombstones(catalog, since=manifest.snapshot))
    return changed > rows // 20


def is_judged(
    catalog: Catalog, space: int, manifest: vectors.Manifest, here: list[Modality]
) -> bool:
    """Whether a background knows what texts find by chance in each modality that is `here`.

    One that was published knows no modality that came since, and that of an older cmsearch
    none of few items.
    """
    if not catalog.has_bank(space):
        return True
    known = manifest.background
    asking = (chance.BANK, Modality.TEXT) if len(here) > 1 else (chance.BANK,)
    return all(known.get(one, {}).keys() >= set(here) for one in asking)


def background(
    catalog: Catalog, space: int, content: Mapping[Modality, tuple[IdArray, FloatArray]]
) -> Background:
    """What chance does among `content`, also with the bank of captions in place of queries."""
    dim = next((rows[1].shape[1] for rows in content.values()), 1)
    rows_of = {
        modality: chance.Rows(rows[1], _aligned(rows[0], *pairs.subjects(catalog, space, modality)))
        for modality, rows in content.items()
    }
    return chance.background(rows_of, bank(catalog, space, dim))


def bank(catalog: Catalog, space: int, dim: int) -> chance.Rows:
    """The captions that a space has in place of queries; none where it was never indexed whole."""
    return chance.banked(catalog.bank(space, dim))


def _aligned(ids: IdArray, known: IdArray, subjects: IdArray) -> IdArray:
    """The subjects of `ids`; 0 for one that has none."""
    places = np.searchsorted(known, ids).clip(max=max(len(known) - 1, 0))
    if not len(known):
        return np.zeros_like(ids)
    found: IdArray = np.where(known[places] == ids, subjects[places], 0)
    return found
