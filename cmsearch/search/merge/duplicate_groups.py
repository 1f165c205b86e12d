"""The near-duplicates of a whole store, in groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cmsearch.common.text import native
from cmsearch.errors import MediaError
from cmsearch.media import phash
from cmsearch.media.headers import Header, read_header
from cmsearch.media.thumbnails import picture
from cmsearch.search.merge.details import SIDE, grey, same
from cmsearch.search.merge.near_duplicates import Look, Tell, fold, store_least_cosine
from cmsearch.search.merge.originals import Rank, rank, reason
from cmsearch.store.catalog import items, pairs
from cmsearch.store.store import Store
from cmsearch.types import FloatArray, IdArray

if TYPE_CHECKING:
    from PIL.Image import Image

Report = Callable[[str, int, int], object]
"""Is told how many are done in a stage, of how many."""
_PAGE = 1_000
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


def find_duplicates(
    store: Store, within: Path | None = None, report: Report = lambda stage, done, total: None
) -> Found:
    """The groups of near-duplicates among the pictures of a store, or of those below a folder.

    The files of what may be in a group are read, for their sizes and where a hash can't tell; what
    can't be read is no duplicate where that has to be looked at. `report` is told how far each
    stage is. Raises `StoreError` for paths that leave the store's root. See
    `cmsearch.search.merge.near_duplicates` for what a near-duplicate is; docs/duplicates.md has how
    long it takes, and how much memory.
    """
    with store.catalog.reading():
        found = store.catalog.space()
        number, dim = (0, 1) if found is None else (found[0], found[1].dim)
        chosen, hashes = _chosen(store, number, within)
        least = store_least_cosine(store.catalog, number, dim)
    pictures = _Pictures(store, chosen, hashes, _Vectors(store, chosen, dim), least)
    unhashed = sum(not one.is_hashed for one in chosen)
    return Found(pictures.groups(report), len(chosen), unhashed)


class _Picture(NamedTuple):
    embedding: int
    path: str
    size: int
    digest: str
    is_hashed: bool


def _chosen(
    store: Store, space: int, within: Path | None
) -> tuple[list[_Picture], NDArray[np.int8]]:
    """The pictures of a store, or of those below a folder, the largest first, and their hashes."""
    place, root = within and within.resolve(), store.root.resolve()
    pictures, hashes = list[_Picture](), list[NDArray[np.int8]]()
    rows = pairs.pictures(store.catalog, space)
    while page := list(islice(rows, _PAGE)):
        for one in page:
            store.check(one.path)
        page = [one for one in page if place is None or _is_below(root / native(one.path), place)]
        hashes.append(phash.pack([one.hash for one in page]))
        pictures += [_Picture(*one[:4], one.hash is not None) for one in page]
    order = sorted(range(len(pictures)), key=lambda one: (-pictures[one].size, pictures[one].path))
    packed = np.concatenate([phash.pack([]), *hashes])[order]
    return [pictures[one] for one in order], packed


class _Vectors:
    """The vectors of pictures by their places; 0 for those that are gone or damaged."""

    def __init__(self, store: Store, pictures: Sequence[_Picture], dim: int) -> None:
        self._catalog, self._dim = store.catalog, dim
        self._ids = np.array([one.embedding for one in pictures], np.int64)

    def __call__(self, places: IdArray) -> FloatArray:
        wanted = self._ids[places].tolist()
        known = items.vectors(self._catalog, wanted, self._dim)
        none = np.zeros(self._dim, np.float32)
        return np.stack([known.get(one, none) for one in wanted])


class _Pictures:
    """The pictures among which there may be near-duplicates: n rows of a catalog."""

    def __init__(
        self,
        store: Store,
        rows: Sequence[_Picture],
        hashes: NDArray[np.int8],
        vectors: _Vectors,
        least: float,
    ) -> None:
        self._store, self._rows, self._hashes = store, rows, hashes
        self._vectors, self._least = vectors, least

    def groups(self, report: Report) -> tuple[Group, ...]:
        """The groups, by the path of their best.

        Only files that may be in one are read: by the hashes alone all are folded first, and what
        was is folded again, the originals before their copies, with a look at what is flat.
        """
        maybe = self._folded(
            np.arange(len(self._rows)), lambda *_: True, partial(report, "comparing")
        )
        copies = np.flatnonzero(maybe != np.arange(len(maybe)))
        inside = np.union1d(copies, maybe[copies])
        if not len(inside):
            return ()
        ranks, headers = self._ranks(inside, maybe, partial(report, "reading files"))
        inside = np.array(sorted(inside.tolist(), key=ranks.__getitem__), np.int64)
        look = _Looks([self._file(one) for one in inside.tolist()])
        into = inside[self._folded(inside, look, partial(report, "looking"))]
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

    def _folded(self, places: IdArray, look: Look, tell: Tell) -> IdArray:
        chosen = places.tolist()
        return fold(
            self._hashes[places],
            lambda own: self._vectors(places[own]),
            [self._rows[one].path for one in chosen],
            [self._rows[one].digest for one in chosen],
            least_cosine=lambda: self._least,
            look=look,
            tell=tell,
        )

    def _file(self, one: int) -> Path:
        return self._store.absolute(self._rows[one].path)

    def _ranks(
        self, inside: IdArray, maybe: IdArray, tell: Tell
    ) -> tuple[dict[int, Rank], dict[int, Header | None]]:
        """How good each copy is among those that it may be one of, and what its file says."""
        places = inside.tolist()
        headers: dict[int, Header | None] = {}
        with ThreadPoolExecutor(_READERS) as pool:
            for start in range(0, len(places), _PAGE):
                some = places[start : start + _PAGE]
                found = pool.map(read_header, [self._file(one) for one in some])
                headers |= dict(zip(some, found, strict=True))
                tell(len(headers), len(places))
        stems: dict[int, set[str]] = {}
        for one in places:
            stem = PurePosixPath(self._rows[one].path).stem.casefold()
            stems.setdefault(int(maybe[one]), set()).add(stem)
        ranks: dict[int, Rank] = {}
        for start in range(0, len(places), _PAGE):
            some = places[start : start + _PAGE]
            spreads = phash.spread(phash.unit(self._hashes[some])).tolist()
            for one, spread in zip(some, spreads, strict=True):
                row, others = self._rows[one], stems[int(maybe[one])]
                ranks[one] = rank(row.path, row.size, headers[one], spread, others)
        return ranks, headers

    def _copy(self, one: int, header: Header | None, why: str = "") -> Copy:
        width, height = (header.width, header.height) if header else (None, None)
        return Copy(self._file(one), self._rows[one].size, width, height, why)

    def _reason(self, best: Rank, own: Rank, first: int, one: int) -> str:
        if self._rows[first].digest == self._rows[one].digest:
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


def _is_below(path: Path, place: Path) -> bool:
    return path == place or place in path.parents
