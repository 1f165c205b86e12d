"""Which pictures of a ranking are near-duplicates of an earlier one: copies, crops, bursts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, cached_property
from posixpath import splitext

import numpy as np
from numpy.typing import NDArray

from cmsearch.media import phash
from cmsearch.search.merge.alignment import overlap_correlation
from cmsearch.store.catalog import items
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.types import RAW, FloatArray, IdArray

Look = Callable[[int, int, int], bool]
"""Whether the pictures at two places show the same, the first turned as `phash.turned` does."""

NEAR = 0.7
"""Pairs whose coarse hashes correlate less, however turned, are not looked at any further."""
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
_BLOCK = 512
_PAIRS = 8192  # compared at a time: about 16 MB of hashes
_SHARE = 0.98
_FEWEST = 50
_SAMPLE = 500


def fold(
    hashes: Sequence[bytes | None],
    vectors: Callable[[], FloatArray],
    paths: Sequence[str],
    digests: Sequence[str],
    *,
    least_cosine: Callable[[], float],
    look: Look | None = None,
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
    """
    first: dict[str, int] = {}
    found = np.array([first.setdefault(one, place) for place, one in enumerate(digests)], np.int64)
    rows = phash.unpack(hashes)
    stays = found == np.arange(len(found))
    seen = np.flatnonzero(stays & rows.any((1, 2)))
    pairs = _Pairs(rows, vectors, paths, least_cosine, look)
    heads = np.zeros(0, np.int64)
    for start in range(0, len(seen), _BLOCK):
        block = seen[start : start + _BLOCK]
        into = pairs.matches(block, np.concatenate([heads, block]))
        for place in block.tolist():
            earlier = [one for one in into.get(place, ()) if found[one] == one]
            found[place] = min(earlier, default=place)
        heads = np.concatenate([heads, block[found[block] == block]])
    return found[found]


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


def store_least_cosine(catalog: Catalog, space: int, dim: int, last: int = items.LAST) -> float:
    """What `fold` needs to know of a store's embeddings up to `last`: see `least_cosine`.

    About 0.1 s.
    """
    ids, vectors = items.photos(catalog, space, dim, _SAMPLE, last)
    hashes = items.hashes(catalog, ids.tolist())
    return least_cosine([hashes.get(number) for number in ids.tolist()], vectors)


class _Pairs:
    """Decides which pairs of items are near-duplicates."""

    def __init__(
        self,
        rows: FloatArray,
        vectors: Callable[[], FloatArray],
        paths: Sequence[str],
        least: Callable[[], float],
        look: Look | None,
    ) -> None:
        self._rows = rows
        self._low = phash.coarse(rows)
        self._look = look
        self._vectors = cache(vectors)
        self._least = least
        self._paths = paths

    @cached_property
    def _spread(self) -> FloatArray:
        return phash.spread(self._rows)

    @cached_property
    def _drawn(self) -> NDArray[np.bool_]:
        return phash.drawn(self._rows)

    @cached_property
    def _names(self) -> tuple[NDArray[np.object_], NDArray[np.bool_]]:
        """The paths without suffixes, and which of these are those of raw pictures."""
        names = [splitext(path.casefold()) for path in self._paths]
        stems = np.array([stem for stem, _ in names], object)
        return stems, np.array([suffix in RAW for _, suffix in names], bool)

    def matches(self, block: IdArray, earlier: IdArray) -> dict[int, list[int]]:
        """For items of `block` those among the ones before them that they are duplicates of."""
        own, other, orientation, near = self._near(block, earlier)
        if not len(own):
            return {}
        plain, details = self._correlations(own, other, orientation)
        alike, is_decided = self._of_one_frame(own, other, orientation, plain, details)
        stems, is_raw = self._names
        alike |= (stems[own] == stems[other]) & (is_raw[own] != is_raw[other])
        open_ = np.flatnonzero(~alike & ~is_decided)
        if len(open_):
            open_ = open_[self._cosines(own[open_], other[open_]) >= self._least()]
        open_ = open_[_nearest(own[open_], near[open_])]
        turned = phash.turned(self._rows[own[open_]], orientation[open_])
        overlaps, laid = overlap_correlation(turned, self._rows[other[open_]])
        explained = 1 - overlaps <= UNEXPLAINED * (1 - plain[open_])
        told = np.minimum(self._spread[own[open_]], self._spread[other[open_]]) >= PLAIN
        enough = np.where(told, LAID_DETAIL, PLAIN_DETAIL)
        alike[open_] = explained & (overlaps >= OVERLAP) & (laid >= enough)
        found: dict[int, list[int]] = {}
        for one, into in zip(own[alike].tolist(), other[alike].tolist(), strict=True):
            found.setdefault(one, []).append(into)
        return found

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
            drawn = self._drawn[own] | self._drawn[other]
            return (details >= DETAIL) & ~drawn, drawn
        flat = np.minimum(self._spread[own], self._spread[other]) < FLAT
        flat &= plain >= SAME
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

    def _correlations(
        self, own: IdArray, other: IdArray, orientation: IdArray
    ) -> tuple[FloatArray, FloatArray]:
        """Of the hashes of pairs `(n,)`, of which there may be millions, some at a time; and of
        their details, 0 where the hashes are not those of one frame.
        """
        found, details = np.zeros((2, len(own)), np.float32)
        for start in range(0, len(own), _PAIRS):
            some = slice(start, start + _PAIRS)
            turned, others = (
                phash.turned(self._rows[own[some]], orientation[some]),
                self._rows[other[some]],
            )
            found[some] = phash.correlations(turned, others)
            same = np.flatnonzero(found[some] >= SAME)
            details[start + same] = phash.correlations(
                phash.detail(turned[same]), phash.detail(others[same])
            )
        return found, details

    def _cosines(self, own: IdArray, other: IdArray) -> FloatArray:
        found = np.zeros(len(own), np.float32)
        for start in range(0, len(own), _PAIRS):
            some = slice(start, start + _PAIRS)
            one, two = self._vectors()[own[some]], self._vectors()[other[some]]
            found[some] = np.einsum("nd,nd->n", one, two)
        return found

    def _near(
        self, block: IdArray, earlier: IdArray
    ) -> tuple[IdArray, IdArray, IdArray, FloatArray]:
        """Pairs of an item and an earlier one, how the first has to be turned, and how near."""
        targets, found = self._low[earlier].T, []
        low = self._low[block].reshape(-1, phash.COARSE, phash.COARSE)
        for orientation in range(phash.ORIENTATIONS):
            scores = phash.turned(low, orientation).reshape(len(low), -1) @ targets
            one, two = np.nonzero(scores >= NEAR)
            own, other = block[one], earlier[two]
            kept = other < own
            turns = np.full(kept.sum(), orientation)
            found.append((own[kept], other[kept], turns, scores[one, two][kept]))
        own, other, turns, near = (np.concatenate(column) for column in zip(*found, strict=True))
        order = np.lexsort((turns, -near, other, own))
        own, other = own[order], other[order]
        best = np.ones(len(order), bool)
        best[1:] = (own[1:] != own[:-1]) | (other[1:] != other[:-1])
        return own[best], other[best], turns[order][best], near[order][best]


def _nearest(own: IdArray, near: FloatArray) -> IdArray:
    """The places of the nearest few pairs of each item; `own` is in order."""
    order = np.lexsort((-near, own))
    starts = np.searchsorted(own[order], own[order])
    kept: IdArray = np.sort(order[np.arange(len(order)) - starts < _LOOKS])
    return kept
