"""The near-duplicates of a whole store, in groups."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from cmsearch.common.text import native
from cmsearch.errors import MediaError
from cmsearch.media import phash
from cmsearch.media.headers import Header, read_header
from cmsearch.media.thumbnails import picture
from cmsearch.search.merge.details import SIDE, grey, same
from cmsearch.search.merge.near_duplicates import Look, fold, store_least_cosine
from cmsearch.search.merge.originals import Rank, rank, reason
from cmsearch.store.catalog import items, pairs
from cmsearch.store.store import Store
from cmsearch.types import FloatArray, IdArray, Modality

if TYPE_CHECKING:
    from PIL.Image import Image

_READERS = 4
_KEPT = 64  # small grey pictures, of a megabyte at most


@dataclass(frozen=True, slots=True)
class Copy:
    """A picture of a group: where it is, how many bytes it takes, and how many pixels it has.

    `width` and `height` are of the upright picture, None where its file can't be read. `reason`
    says why it isn't the best of its group; of the best it is empty.
    """

    path: Path
    bytes: int
    width: int | None = None
    height: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Near-duplicates: the original, as `cmsearch.search.merge.originals` finds it, and the others
    by path.

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

    The files of what may be in a group are read, for their sizes and where a hash can't tell; what
    can't be read is no duplicate where that has to be looked at. Raises `StoreError` for paths that
    leave the store's root. See `cmsearch.search.merge.near_duplicates` for what a near-duplicate
    is; docs/duplicates.md has how long it takes.
    """
    with store.catalog.reading():
        found = store.catalog.space()
        number, dim = (0, 1) if found is None else (found[0], found[1].dim)
        rows = pairs.pictures(store.catalog, number)
        ids, vectors = items.embeddings(store.catalog, number, Modality.IMAGE, dim)
        hashes = items.hashes(store.catalog, (row[0] for row in rows))
        least = store_least_cosine(store.catalog, number, dim)
    place = within and within.resolve()
    root = store.root.resolve()
    chosen = [row for row in rows if place is None or _is_below(root / native(row[1]), place)]
    chosen.sort(key=lambda row: (-row[2], row[1]))
    numbers = np.array([row[0] for row in chosen], np.int64)
    pictures = _Pictures(
        chosen,
        [store.absolute(row[1]) for row in chosen],
        [hashes.get(row[0]) for row in chosen],
        _aligned(numbers, ids, vectors),
        least,
    )
    unhashed = sum(row[0] not in hashes for row in chosen)
    return Found(pictures.groups(), len(chosen), unhashed)


class _Pictures:
    """The pictures among which there may be near-duplicates: n rows of a catalog."""

    def __init__(
        self,
        rows: Sequence[tuple[int, str, int, str]],
        files: Sequence[Path],
        hashes: Sequence[bytes | None],
        vectors: FloatArray,
        least: float,
    ) -> None:
        self._rows, self._files, self._hashes = rows, files, hashes
        self._vectors, self._least = vectors, least

    def groups(self) -> tuple[Group, ...]:
        """The groups, by the path of their best.

        Only files that may be in one are read: by the hashes alone all are folded first, and what
        was is folded again, the originals before their copies, with a look at what is flat.
        """
        maybe = self._folded(np.arange(len(self._rows)), lambda *_: True)
        copies = np.flatnonzero(maybe != np.arange(len(maybe)))
        inside = np.union1d(copies, maybe[copies])
        if not len(inside):
            return ()
        ranks, headers = self._ranks(inside, maybe)
        inside = np.array(sorted(inside.tolist(), key=ranks.__getitem__), np.int64)
        look = _Looks([self._files[one] for one in inside.tolist()])
        into = inside[self._folded(inside, look)]
        members: dict[int, list[Copy]] = {}
        best = {one: self._copy(one, headers[one]) for one in set(into.tolist())}
        for one, first in zip(inside.tolist(), into.tolist(), strict=True):
            if one != first:
                why = self._reason(ranks[first], ranks[one], first, one)
                members.setdefault(first, []).append(self._copy(one, headers[one], why))
        groups = [
            Group(best[first], tuple(sorted(others, key=lambda copy: copy.path)))
            for first, others in members.items()
        ]
        return tuple(sorted(groups, key=lambda group: group.best.path))

    def _folded(self, places: IdArray, look: Look) -> IdArray:
        chosen = places.tolist()
        return fold(
            [self._hashes[one] for one in chosen],
            lambda: self._vectors[places],
            [self._rows[one][1] for one in chosen],
            [self._rows[one][3] for one in chosen],
            least_cosine=lambda: self._least,
            look=look,
        )

    def _ranks(
        self, inside: IdArray, maybe: IdArray
    ) -> tuple[dict[int, Rank], dict[int, Header | None]]:
        """How good each copy is among those that it may be one of, and what its file says."""
        places = inside.tolist()
        with ThreadPoolExecutor(_READERS) as pool:
            found = pool.map(read_header, [self._files[one] for one in places])
            headers = dict(zip(places, found, strict=True))
        spreads = phash.spread(phash.unpack([self._hashes[one] for one in places])).tolist()
        stems: dict[int, set[str]] = {}
        for one in places:
            stem = PurePosixPath(self._rows[one][1]).stem.casefold()
            stems.setdefault(int(maybe[one]), set()).add(stem)
        ranks = {
            one: rank(
                self._rows[one][1], self._rows[one][2], headers[one], spread, stems[int(maybe[one])]
            )
            for one, spread in zip(places, spreads, strict=True)
        }
        return ranks, headers

    def _copy(self, one: int, header: Header | None, why: str = "") -> Copy:
        width, height = (header.width, header.height) if header else (None, None)
        return Copy(self._files[one], self._rows[one][2], width, height, why)

    def _reason(self, best: Rank, own: Rank, first: int, one: int) -> str:
        if self._rows[first][3] == self._rows[one][3]:
            return "the same bytes"
        return reason(best, own)


class _Looks:
    """Looks at files, given by their places; one that can't be read is like no other."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files
        self._grey = lru_cache(_KEPT)(self._read)

    def __call__(self, one: int, other: int, orientation: int) -> bool:
        first, second = self._grey(one), self._grey(other)
        return first is not None and second is not None and same(first, second, orientation)

    def _read(self, one: int) -> Image | None:
        try:
            return grey(picture(self._files[one], SIDE))
        except MediaError:
            return None


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
