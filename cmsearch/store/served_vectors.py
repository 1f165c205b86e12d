"""A store's vectors on a server: what lies there, and how the catalog brings it up to date.

Each space and modality has a collection, whose mark says of which store it is, up to which
embedding it has all rows, and a token that only the catalog which wrote it knows. Searches never
write there: what a collection lacks they take from beside the catalog.
"""

# Tested by tests/unit/cmsearch/store/test_served_vectors.py

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from uuid import uuid4

import numpy as np

from cmsearch.errors import StoreError
from cmsearch.models.spaces import described
from cmsearch.protocols import VectorCollection, VectorIndex, VectorRows
from cmsearch.store import contacts
from cmsearch.store.catalog import embeddings
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.index import plugins, snapshot
from cmsearch.store.index.address import Address
from cmsearch.store.index.manifest import Manifest
from cmsearch.store.index.served import ServedIndex, fill
from cmsearch.store.index.servers import connected
from cmsearch.types import IdArray, Modality, Space

_WINDOW = 100_000
"""Ids whose rows are looked for together where it isn't known which of them a server has."""
_SEEN, _PAUSE = 10.0, 0.2
_NONE = np.empty(0, np.int64)

log = logging.getLogger("cmsearch")


@dataclass(frozen=True, slots=True)
class Mark:
    """What a collection says of itself: it has all rows of a space up to the embedding `last`, as
    the publication `snapshot` of a `store` had them, which are so many.
    """

    store: str
    token: str
    space: str
    last: int
    snapshot: int
    rows: int


def laid_out(
    catalog: Catalog, address: Address, served: tuple[int, Space]
) -> Callable[[Modality], VectorIndex]:
    """What gives the index of a modality, to be opened with the rows beside the catalog.

    Where the server is none that the user named, which is told, or has nothing of this catalog, all
    rows are compared here. Raises `StoreError` without the server, and for a collection of another
    store.
    """
    if contacts.may_contact(address):
        return partial(_index, catalog, address, served)
    log.warning(
        "This index says that its vectors are searched at %s, which isn't contacted, since "
        "you didn't name it; they are compared here. %s",
        *(address, contacts.how(address)),
    )
    return lambda modality: plugins.empty_index(plugins.DEFAULT, served[1].dim)


def _index(
    catalog: Catalog, address: Address, served: tuple[int, Space], modality: Modality
) -> VectorIndex:
    number, space = served
    collection = connected(address)(collection_name(address, number, modality))
    mark = _own_mark(catalog, collection, address, space)
    if mark is None or collection.count() < mark.rows:
        log.warning(
            "The %s vectors at %s aren't, or not yet, all of this catalog's. They are compared "
            "here in their place; `cmsearch index` sends what lacks.",
            *(modality, address),
        )
        return plugins.empty_index(plugins.DEFAULT, space.dim)
    return ServedIndex(space.dim, collection, mark.last)


def collection_name(address: Address, space: int, modality: Modality) -> str:
    """What the collection of a space's modality is called."""
    return f"{address.collection}_{space}_{modality}"


def bring_up(
    catalog: Catalog,
    place: Path,
    address: Address,
    space: Space,
    manifest: Manifest,
    instead: snapshot.Instead,
) -> None:
    """Send what a publication has and its collections lack, and delete there what is gone.

    What was sent before isn't sent again; what is damaged in a file is had `instead`. Raises
    `StoreError` without the server, which loses nothing: the next time goes on from there.
    """
    if not contacts.may_contact(address):
        log.warning(
            "The vectors at %s aren't brought up to date, since you didn't name that server. %s",
            *(address, contacts.how(address)),
        )
        return
    collections = _collections(catalog, address, space, manifest)
    due = {
        one: (collection, mark)
        for one, (collection, mark) in collections.items()
        if mark is None or _is_behind(catalog, mark, manifest)
    }
    if not due:
        return
    own = _next_mark(catalog, space, manifest, [mark for _, mark in collections.values() if mark])
    written = []
    for (_, modality), (collection, mark) in due.items():
        ids, rows = snapshot.open_rows(place, manifest.of(modality), instead)
        whole = replace(own, rows=_send(catalog, collection, mark, (ids, rows), own))
        collection.settle()
        _mark_as(collection, whole, rows.size[1])
        written.append((collection, whole))
    _await(written)
    _drop_others(catalog, address, own.store, {number for number, _ in collections})


def _collections(
    catalog: Catalog, address: Address, space: Space, manifest: Manifest
) -> dict[tuple[int, Modality], tuple[VectorCollection, Mark | None]]:
    """The collections of a publication, with what they say of themselves if they are of use."""
    found = {}
    for one in dict.fromkeys((files.space, files.modality) for files in manifest.indexes):
        collection = connected(address)(collection_name(address, *one))
        mark = _own_mark(catalog, collection, address, space)
        if mark is not None and collection.count() < mark.rows:
            mark = replace(mark, snapshot=-1)  # some are lost: all are compared
        found[one] = collection, mark
    return found


def _next_mark(catalog: Catalog, space: Space, manifest: Manifest, known: list[Mark]) -> Mark:
    """The mark of what is about to be sent, which the catalog knows from now on beside others."""
    store, token = (catalog.served_vectors() or [uuid4().hex])[0], uuid4().hex
    with catalog.writing() as writer:
        writer.put_served_vectors([store, *{mark.token for mark in known}, token])
    digest = _digest(space)
    return Mark(store, token, digest, manifest.last_embedding, manifest.snapshot, 0)


def _is_behind(catalog: Catalog, mark: Mark, manifest: Manifest) -> bool:
    """Whether a collection lacks a publication; where several machines publish it may be past."""
    if catalog.url is not None:
        return mark.snapshot < manifest.snapshot
    return (mark.last, mark.snapshot) != (manifest.last_embedding, manifest.snapshot)


def _send(
    catalog: Catalog,
    collection: VectorCollection,
    mark: Mark | None,
    laid: tuple[IdArray, VectorRows],
    own: Mark,
) -> int:
    """Bring one collection to the state of its `own` new mark; returns how many rows that has."""
    ids, rows = laid
    dead = embeddings.tombstones(catalog)
    alive = np.flatnonzero(~np.isin(ids, dead))
    dim, is_shared = rows.size[1], catalog.url is not None
    if mark is None:
        collection.begin(dim)
        _mark_as(collection, replace(own, last=0), dim)
        fill(collection, laid, alive)
        return len(alive)
    # By it a catalog that is restored from a copy knows that what is sent now isn't its own.
    _mark_as(collection, replace(mark, token=own.token), dim)
    first = mark.last + 1
    if mark.snapshot < (0 if is_shared else own.snapshot - 1):
        first = 1  # some dead between are forgotten
    else:
        gone = embeddings.tombstones(catalog, since=mark.snapshot)
        collection.write(_NONE, np.empty((0, dim), np.float32), gone)
    _compare(collection, laid, alive, (first, own.last))
    if is_shared and collection.count() > len(alive):  # who compacted didn't tell the server
        _compare(collection, laid, alive, (1, own.last))
    return len(alive)


def _mark_as(collection: VectorCollection, mark: Mark, dim: int) -> None:
    collection.write(_NONE, np.empty((0, dim), np.float32), _NONE, json.dumps(asdict(mark)))


def _await(written: list[tuple[VectorCollection, Mark]]) -> None:
    """Wait some seconds until searches see marks: an older one is right too, but has them compare
    here what came after it.
    """
    end = time.monotonic() + _SEEN
    for collection, mark in written:
        while _is_older(_mark(collection), mark) and time.monotonic() < end:
            time.sleep(_PAUSE)


def _is_older(seen: Mark | None, mark: Mark) -> bool:
    return seen is None or (seen.snapshot, seen.last) < (mark.snapshot, mark.last)


def _compare(
    collection: VectorCollection,
    laid: tuple[IdArray, VectorRows],
    alive: IdArray,
    span: tuple[int, int],
) -> None:
    """Delete what a collection has in a span of ids and shouldn't, and send what it lacks.

    Nothing that is there is sent: Milvus would keep both in its graph, of which it shows one, and
    misses some of what is near among rows and their copies.
    """
    ids = laid[0][alive]
    empty = np.empty((0, laid[1].size[1]), np.float32)
    for start in range(span[0], span[1] + 1, _WINDOW):
        end = min(start + _WINDOW, span[1] + 1)
        there, here = collection.ids(start, end), slice(*np.searchsorted(ids, (start, end)))
        gone = np.setdiff1d(there, ids[here])
        if len(gone):
            collection.write(_NONE, empty, gone)
        fill(collection, laid, alive[here][~np.isin(ids[here], there)])


def _drop_others(catalog: Catalog, address: Address, store: str, kept: set[int]) -> None:
    """Delete the collections of this store's former spaces."""
    numbers = {one.space_id for one in catalog.generations()} - kept
    for number in sorted(numbers):
        for modality in Modality:
            collection = connected(address)(collection_name(address, number, modality))
            mark = _mark(collection)
            if mark is not None and mark.store == store:
                collection.drop()


def _own_mark(
    catalog: Catalog, collection: VectorCollection, address: Address, space: Space
) -> Mark | None:
    """The mark of a collection that this catalog wrote; None where it has to be made anew.

    Raises `StoreError` for one that is not this store's.
    """
    said = collection.mark()
    if said is None:
        return None
    mark, known = _read(said), catalog.served_vectors()
    if mark is None or (mark.store not in known[:1]):
        raise StoreError(
            f"{address} has vectors of another index, or of another program, which are left as "
            "they are. Name another collection with `cmsearch index FOLDER --vectors ADDRESS`, or "
            "delete that one if nothing needs it."
        )
    is_known = mark.token in known[1:] and mark.space == _digest(space)
    return mark if is_known else None


def _mark(collection: VectorCollection) -> Mark | None:
    said = collection.mark()
    return None if said is None else _read(said)


def _read(said: str) -> Mark | None:
    """What a mark says; None for what is none."""
    try:
        values = json.loads(said)
        mark = Mark(**values)
        texts, numbers = (mark.store, mark.token, mark.space), (mark.last, mark.snapshot, mark.rows)
    except (ValueError, TypeError, RecursionError):
        return None
    is_one = all(isinstance(one, str) for one in texts) and all(type(one) is int for one in numbers)
    return mark if is_one else None


def _digest(space: Space) -> str:
    """What tells a space from others, whatever its number is."""
    return hashlib.sha256(described(space).encode()).hexdigest()
