"""Which pictures of a ranking are near-duplicates of an earlier one: copies, crops, bursts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from posixpath import splitext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cmsearch.media import phash
from cmsearch.search.merge.alignment import overlap_correlation
from cmsearch.search.merge.near_hashes import BLOCK, NEAR, Near, NearHashes
from cmsearch.store.catalog import items, samples
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.types import RAW, FloatArray, IdArray

Tell = Callable[[int, int], object]
"""Is told how many are done, of how many."""
Look = Callable[[int, int, int], bool]
"""Whether the pictures at two places show the same, the first turned as `phash.turned` does."""

SAME = 0.97
"""Pairs whose whole hashes correlate as much may be one frame, whatever their vectors say."""
DETAIL = 0.97
"""They are, if their hashes without bars and horizons do as well: what screens of one program and
pages of one form have in common is left out."""
LAID_DETAIL = 0.8
"""As much of the details of a crop at least that is laid over its whole."""
PLAIN = 20
"""Of what fewer frequencies tell the details of a crop have to fit by `PLAIN_DETAIL`, since pages
and screens look like each other's."""
PLAIN_DETAIL = 0.94
FLAT = 60
"""Where fewer frequencies tell a picture it is looked at itself, if it can be: letters and stars
are smaller than what a hash has of them."""
LOOKED = 0.6
"""At those pairs, if the details of their hashes correlate as much."""
OVERLAP = 0.85
"""Of pairs that are laid over each other first; then their vectors have to be near as well."""
UNEXPLAINED = 0.7
"""To lay a crop over its whole leaves at most so much of the difference; pages of text that are
set alike, which fit as they are and differ in the letters, keep nearly all of it."""
_LOOKS = 4  # at so many of the nearest, since each costs milliseconds, and of files tens of them
_ROWS = 512
_SLACK = 1e-4  # of rounding
_PAIRS = 8192  # compared at a time: about 16 MB of hashes
_SHARE = 0.98
_FEWEST = 50
_SAMPLE = 500


def fold(
    hashes: NDArray[np.int8],
    vectors: Callable[[IdArray], FloatArray],
    paths: Sequence[str],
    digests: Sequence[str],
    *,
    least_cosine: Callable[[], float],
    look: Look | None = None,
    tell: Tell = lambda done, total: None,
) -> IdArray:
    """For each of n items, the best first, the place of the one that it is to be folded into.

    That is its own place for one that stays; each of the others is a near-duplicate of the one
    that it is folded into, which stays. A pair is one if

    - the `digests` are equal, which those of equal files are;
    - or the hashes of `cmsearch.media.phash` correlate by `SAME`, however turned or mirrored, and
      their details by `DETAIL`; where one of the two is told by fewer than `FLAT` frequencies and
      there is a `look`, that decides in place of the details, for the nearest few;
    - or they do by `OVERLAP` when one is cropped or turned a little to lie over the other, which
      leaves no more than `UNEXPLAINED` of what 1 lacked before, their details by `LAID_DETAIL`,
      or by `PLAIN_DETAIL` where fewer than `PLAIN` frequencies tell one, and the cosine of
      `vectors (n, dim)` is at least what `least_cosine` gives; both are asked for only where such
      a pair may be (the function of this name computes the second for a store);
    - or the paths differ in nothing but the suffix, one of which is a raw picture's, and the
      hashes are near.

    Without a `look` what `phash.drawn` takes for a page or a screen is folded by its digest, or
    as a raw picture, alone: one digit changes a hash, and a vector, less than encoding does. What
    has no hash, such as a text, is folded by its digest too. The result depends on nothing but the
    arguments.

    `hashes` are as `phash.pack` gives them, and `vectors (n, dim)` are asked for by their places,
    a few at a time. Of more than `near_hashes.EXACT` not all pairs are compared, so that the time
    is as n √n; how few are missed stands in docs/duplicates.md.
    """
    first: dict[str, int] = {}
    found = np.array([first.setdefault(one, place) for place, one in enumerate(digests)], np.int64)
    stays = found == np.arange(len(found))
    seen = np.flatnonzero(stays & hashes[:, 1:].any(1))
    stays[:] = False
    stays[seen] = True
    pairs = _Pairs(hashes, vectors, paths, least_cosine, look)
    done = 0
    for block, near in _blocks(pairs.near, seen, stays):
        into = pairs.matches(near.among(stays[near.other]))
        for place in block.tolist():
            earlier = [one for one in into.get(place, ()) if found[one] == one]
            found[place] = min(earlier, default=place)
        stays[block] = found[block] == block
        done += len(block)
        tell(done, len(seen))
    return found[found]


def _blocks(
    pairs: Callable[[IdArray, NDArray[np.bool_]], Near | None],
    seen: IdArray,
    stays: NDArray[np.bool_],
) -> Iterator[tuple[IdArray, Near]]:
    """The places block by block, with the pairs of each and of what stays before it."""
    waiting = [seen[start : start + BLOCK] for start in range(0, len(seen), BLOCK)][::-1]
    while waiting:
        block = waiting.pop()
        near = pairs(block, stays)
        if near is None:
            half = len(block) // 2
            waiting += [block[half:], block[:half]]
            continue
        for start in range(0, len(block), _ROWS):
            some = block[start : start + _ROWS]
            first, last = np.searchsorted(near.own, (some[0], some[-1] + 1)).tolist()
            yield some, near.among(slice(first, last))


def least_cosine(hashes: Sequence[bytes | None], vectors: FloatArray) -> float:
    """The cosine that copies have and few other pairs of a store do, from a sample `(n, dim)`.

    Of 98 in 100 pairs of pictures whose hashes are not near the cosine is lower. With fewer than
    50 pictures it is -1: chance needs more to make two look alike.
    """
    rows = phash.unpack(hashes)
    known = rows.any((1, 2))
    if known.sum() < _FEWEST:
        return -1.0
    rows, vectors = rows[known], vectors[known]
    low = phash.coarse(rows)
    apart = np.triu(np.ones((len(rows), len(rows)), bool), 1)
    for orientation in range(phash.ORIENTATIONS):
        apart &= phash.coarse(phash.turned(rows, orientation)) @ low.T < NEAR
    cosines = (vectors @ vectors.T)[apart]
    return float(np.quantile(cosines, _SHARE)) if len(cosines) else -1.0


def store_least_cosine(catalog: Catalog, space: int, dim: int, last: int = samples.LAST) -> float:
    """What `fold` needs to know of a store's embeddings up to `last`: see `least_cosine`.

    About 0.1 s.
    """
    ids, vectors = samples.photos(catalog, space, dim, _SAMPLE, last)
    hashes = items.hashes(catalog, ids.tolist())
    return least_cosine([hashes.get(number) for number in ids.tolist()], vectors)


class _Pairs:
    """Decides which pairs of items are near-duplicates."""

    def __init__(
        self,
        hashes: NDArray[np.int8],
        vectors: Callable[[IdArray], FloatArray],
        paths: Sequence[str],
        least: Callable[[], float],
        look: Look | None,
    ) -> None:
        self._hashes = hashes
        self._look = look
        self._vectors = vectors
        self._least = least
        self._paths = paths
        low, self._share = _low(hashes)
        self._near = NearHashes(low)

    @cached_property
    def _names(self) -> tuple[IdArray, NDArray[np.bool_]]:
        """Which paths are equal without suffixes, by a number, and which are raw pictures'."""
        numbers: dict[str, int] = {}
        names = [splitext(path.casefold()) for path in self._paths]
        stems = [numbers.setdefault(stem, len(numbers)) for stem, _ in names]
        return np.array(stems, np.int64), np.array([suffix in RAW for _, suffix in names], bool)

    @cached_property
    def _developed(self) -> tuple[IdArray, IdArray]:
        """The pairs of a raw picture and another of its name, the later one first, in order."""
        stems, is_raw = self._names
        raw: dict[int, list[int]] = {}
        for place in np.flatnonzero(is_raw).tolist():
            raw.setdefault(int(stems[place]), []).append(place)
        others = np.flatnonzero(np.isin(stems, list(raw)) & ~is_raw).tolist()
        pairs = [(one, other) for other in others for one in raw[int(stems[other])]]
        found = np.sort(np.array(pairs, np.int64).reshape(-1, 2))[:, ::-1]
        own, other = found[np.lexsort((found[:, 1], found[:, 0]))].T
        return own, other

    def near(self, block: IdArray, stays: NDArray[np.bool_]) -> Near | None:
        """What `NearHashes.pairs` gives, with those of raw pictures that it may have missed."""
        found = self._near.pairs(block, stays)
        if found is None or self._near.is_exact:
            return found
        own, other = self._developed
        mine = slice(*np.searchsorted(own, (block[0], block[-1] + 1)).tolist())
        own, other = own[mine], other[mine]
        kept = stays[own] & stays[other]
        return found.joined(self._near.of(own[kept], other[kept]))

    def matches(self, near: Near) -> dict[int, list[int]]:
        """For the first ones of pairs those that they are duplicates of."""
        own, other, orientation, low = near
        if not len(own):
            return {}
        plain, details = self._correlations(near)
        alike, is_decided = self._of_one_frame(own, other, orientation, plain, details)
        stems, is_raw = self._names
        alike |= (stems[own] == stems[other]) & (is_raw[own] != is_raw[other])
        open_ = np.flatnonzero(~alike & ~is_decided)
        if len(open_):
            open_ = open_[self._cosines(own[open_], other[open_]) >= self._least()]
        open_ = open_[_nearest(own[open_], low[open_])]
        alike[open_] = self._are_laid(own[open_], other[open_], orientation[open_])
        found: dict[int, list[int]] = {}
        for one, into in zip(own[alike].tolist(), other[alike].tolist(), strict=True):
            found.setdefault(one, []).append(into)
        return found

    def _are_laid(self, own: IdArray, other: IdArray, orientation: IdArray) -> NDArray[np.bool_]:
        """Which pairs `(n,)` are crops of one another, or turned a little."""
        one, two = self._rows(own), self._rows(other)
        turned = phash.turned(one, orientation)
        overlaps, laid = overlap_correlation(turned, two)
        explained = 1 - overlaps <= UNEXPLAINED * (1 - phash.correlations(turned, two))
        told = np.minimum(phash.spread(one), phash.spread(two)) >= PLAIN
        enough = np.where(told, LAID_DETAIL, PLAIN_DETAIL)
        found: NDArray[np.bool_] = explained & (overlaps >= OVERLAP) & (laid >= enough)
        return found

    def _rows(self, places: IdArray) -> FloatArray:
        return phash.unit(self._hashes[places])

    def _each(
        self, of: Callable[[FloatArray], NDArray[Any]], one: IdArray, other: IdArray
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """What a function of hashes gives for both of the pairs; for each place once."""
        places, numbers = np.unique(np.concatenate([one, other]), return_inverse=True)
        found = np.concatenate(
            [
                of(self._rows(places[start : start + _PAIRS]))
                for start in range(0, max(len(places), 1), _PAIRS)
            ]
        )[numbers]
        return found[: len(one)], found[len(one) :]

    def _of_one_frame(
        self,
        own: IdArray,
        other: IdArray,
        orientation: IdArray,
        plain: FloatArray,
        details: FloatArray,
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which pairs `(n,)` show one frame; and those of which it is decided whether they do."""
        if self._look is None:
            drawn = np.logical_or(*self._each(phash.drawn, own, other))
            return (details >= DETAIL) & ~drawn, drawn
        flat = plain >= SAME
        flat[flat] = np.minimum(*self._each(phash.spread, own[flat], other[flat])) < FLAT
        seen = self._seen(own, other, orientation, np.where(flat, details, 0))
        return np.where(flat, seen, details >= DETAIL), flat

    def _seen(
        self, own: IdArray, other: IdArray, orientation: IdArray, details: FloatArray
    ) -> NDArray[np.bool_]:
        """Whether pairs `(n,)` show the same where they are looked at: the nearest few."""
        assert self._look is not None, "it is asked only where there is one"
        found = np.zeros(len(own), bool)
        doubtful = np.flatnonzero(details >= LOOKED)
        for pair in doubtful[_nearest(own[doubtful], details[doubtful])].tolist():
            found[pair] = self._look(int(own[pair]), int(other[pair]), int(orientation[pair]))
        return found

    def _correlations(self, near: Near) -> tuple[FloatArray, FloatArray]:
        """Of the hashes of pairs `(n,)`, of which there may be millions, some at a time, and of
        their details; both are 0 where the hashes can't be those of one frame.
        """
        own, other, orientation, low = near
        found, details = np.zeros((2, len(own)), np.float32)
        one, two = self._share[own], self._share[other]
        most = low * one * two + np.sqrt((1 - one**2) * (1 - two**2))
        maybe = np.flatnonzero(most >= SAME - _SLACK)
        for start in range(0, len(maybe), _PAIRS):
            some = maybe[start : start + _PAIRS]
            turned = phash.turned(self._rows(own[some]), orientation[some])
            others = self._rows(other[some])
            found[some] = phash.correlations(turned, others)
            same = np.flatnonzero(found[some] >= SAME)
            details[some[same]] = phash.correlations(
                phash.detail(turned[same]), phash.detail(others[same])
            )
        return found, details

    def _cosines(self, own: IdArray, other: IdArray) -> FloatArray:
        found = np.zeros(len(own), np.float32)
        for start in range(0, len(own), _PAIRS):
            one, two = own[start : start + _PAIRS], other[start : start + _PAIRS]
            places, numbers = np.unique(np.concatenate([one, two]), return_inverse=True)
            rows = self._vectors(places)
            first, second = rows[numbers[: len(one)]], rows[numbers[len(one) :]]
            found[start : start + _PAIRS] = np.einsum("nd,nd->n", first, second)
        return found


def _low(hashes: NDArray[np.int8]) -> tuple[FloatArray, FloatArray]:
    """The coarse hashes `(n, 64)`, and how much of the whole ones they are `(n,)`, up to 1."""
    low = np.empty((len(hashes), phash.COARSE**2), np.float32)
    share = np.empty(len(hashes), np.float32)
    for start in range(0, len(hashes), _PAIRS):
        some = slice(start, start + _PAIRS)
        rows = phash.unit(hashes[some])
        low[some] = phash.coarse(rows)
        share[some] = np.linalg.norm(rows[:, : phash.COARSE, : phash.COARSE], axis=(1, 2)).clip(
            0, 1
        )
    return low, share


def _nearest(own: IdArray, near: FloatArray) -> IdArray:
    """The places of the nearest few pairs of each item; `own` is in order."""
    order = np.lexsort((-near, own))
    starts = np.searchsorted(own[order], own[order])
    kept: IdArray = np.sort(order[np.arange(len(order)) - starts < _LOOKS])
    return kept
