"""The near-duplicates of a whole store, in groups."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cmsearch.catalog import Catalog
from cmsearch.folding import fold, least_cosine
from cmsearch.store import Store
from cmsearch.text import native
from cmsearch.types import FloatArray, IdArray, Modality

_SAMPLE = 500


@dataclass(frozen=True, slots=True)
class Copy:
    """A picture of a group: where it is, and how many bytes it takes."""

    path: Path
    bytes: int


@dataclass(frozen=True, slots=True)
class Group:
    """Near-duplicates: the one with the most bytes, and the others by their paths.

    Each of the others is a near-duplicate of the `best`, not only of one another.
    """

    best: Copy
    others: tuple[Copy, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """The groups, by the path of their best; `unhashed` files could be compared only by bytes."""

    groups: tuple[Group, ...]
    pictures: int
    unhashed: int


def find_duplicates(store: Store, within: Path | None = None) -> Found:
    """The groups of near-duplicates among the pictures of a store, or of those below a folder.

    Raises `StoreError` for paths that leave the store's root. See `cmsearch.folding` for what a
    near-duplicate is; docs/duplicates.md has how long it takes.
    """
    with store.still() as view:
        rows = store.catalog.pictures(view.space_id)
        dim = view.space.dim if view.space else 1
        ids, vectors = store.catalog.embeddings(view.space_id, Modality.IMAGE, dim)
        hashes = store.catalog.hashes(row[0] for row in rows)
        least = store_least_cosine(store.catalog, view.space_id, dim)
    place = within and within.resolve()
    root = store.root.resolve()
    chosen = [row for row in rows if place is None or _is_below(root / native(row[1]), place)]
    chosen.sort(key=lambda row: (-row[2], row[1]))
    into = fold(
        [hashes.get(row[0]) for row in chosen],
        _aligned(np.array([row[0] for row in chosen], np.int64), ids, vectors),
        [row[1] for row in chosen],
        [row[3] for row in chosen],
        least_cosine=lambda: least,
    )
    copies = [Copy(store.absolute(row[1]), row[2]) for row in chosen]
    unhashed = sum(row[0] not in hashes for row in chosen)
    return Found(_groups(copies, into), len(chosen), unhashed)


def store_least_cosine(catalog: Catalog, space: int, dim: int) -> float:
    """What `fold` needs to know of a store: see `folding.least_cosine`. About 0.1 s."""
    ids, vectors = catalog.photos(space, dim, _SAMPLE)
    hashes = catalog.hashes(ids.tolist())
    return least_cosine([hashes.get(number) for number in ids.tolist()], vectors)


def _groups(copies: list[Copy], into: IdArray) -> tuple[Group, ...]:
    members: dict[int, list[Copy]] = {}
    for place in np.flatnonzero(into != np.arange(len(into))).tolist():
        members.setdefault(int(into[place]), []).append(copies[place])
    groups = [
        Group(copies[best], tuple(sorted(others, key=lambda copy: copy.path)))
        for best, others in members.items()
    ]
    return tuple(sorted(groups, key=lambda group: group.best.path))


def _aligned(wanted: IdArray, ids: IdArray, vectors: FloatArray) -> FloatArray:
    """The vectors of the wanted ids; 0 for those that are missing, which are damaged."""
    found = np.zeros((len(wanted), vectors.shape[1]), np.float32)
    if len(ids):
        places = np.searchsorted(ids, wanted).clip(max=len(ids) - 1)
        there = ids[places] == wanted
        found[there] = vectors[places[there]]
    return found


def _is_below(path: Path, place: Path) -> bool:
    return path == place or place in path.parents
