"""Which pictures of a ranking are near-duplicates of an earlier one: copies, crops, bursts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from posixpath import splitext

import numpy as np

from cmsearch import phash
from cmsearch.registration import overlap_correlation
from cmsearch.types import FloatArray, IdArray

NEAR = 0.7
"""Pairs whose coarse hashes correlate less, however turned, are not looked at any further."""
SAME = 0.97
"""Pairs whose whole hashes correlate as much are one frame, whatever their vectors say."""
OVERLAP = 0.85
"""Of pairs that are laid over each other first; then their vectors have to be near as well."""
UNEXPLAINED = 0.7
"""To lay a crop over its whole leaves at most so much of the difference; pages of text that are
set alike, which fit as they are and differ in the letters, keep nearly all of it."""
_LOOKS = 4  # at so many of the nearest, since each costs milliseconds
_BLOCK = 512
_PAIRS = 8192  # compared at a time: about 16 MB of hashes
_SHARE = 0.98
_FEWEST = 50


def fold(
    hashes: Sequence[bytes | None],
    vectors: FloatArray,
    paths: Sequence[str],
    digests: Sequence[str],
    *,
    least_cosine: Callable[[], float],
) -> IdArray:
    """For each of n items, the best first, the place of the one that it is to be folded into.

    That is its own place for one that stays; each of the others is a near-duplicate of the one
    that it is folded into, which stays. A pair is one if

    - the `digests` are equal, which those of equal files are;
    - or the hashes of `cmsearch.phash` correlate by `SAME`, however turned or mirrored;
    - or they do by `OVERLAP` when one is cropped or turned a little to lie over the other, which
      leaves no more than `UNEXPLAINED` of what 1 lacked before, and the cosine of `vectors
      (n, dim)` is at least what `least_cosine` gives, which is asked for only where such a
      pair is (the function of this name computes it for a store);
    - or the paths differ in nothing but the suffix, as those of a raw picture and its JPEG, and
      the hashes are near.

    What has no hash, such as a text, is folded by its digest alone. The result depends on nothing
    but the arguments.
    """
    first: dict[str, int] = {}
    found = np.array([first.setdefault(one, place) for place, one in enumerate(digests)], np.int64)
    rows = phash.unpack(hashes)
    stays = found == np.arange(len(found))
    seen = np.flatnonzero(stays & rows.any((1, 2)))
    pairs = _Pairs(rows, vectors, paths, least_cosine)
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


class _Pairs:
    """Decides which pairs of items are near-duplicates."""

    def __init__(
        self,
        rows: FloatArray,
        vectors: FloatArray,
        paths: Sequence[str],
        least: Callable[[], float],
    ) -> None:
        self._rows = rows
        self._low = phash.coarse(rows)
        self._vectors = vectors
        self._least = least
        self._paths = np.array(paths, object)
        self._stems = np.array([splitext(path)[0].casefold() for path in paths], object)

    def matches(self, block: IdArray, earlier: IdArray) -> dict[int, list[int]]:
        """For items of `block` those among the ones before them that they are duplicates of."""
        own, other, orientation, near = self._near(block, earlier)
        plain = self._correlations(own, other, orientation)
        alike = plain >= SAME
        alike |= (self._stems[own] == self._stems[other]) & (self._paths[own] != self._paths[other])
        cosines = self._cosines(own, other)
        least = 1.0 if alike.all() else self._least()
        open_ = np.flatnonzero(~alike & (cosines >= least))
        open_ = open_[_nearest(own[open_], near[open_])]
        turned = phash.turned(self._rows[own[open_]], orientation[open_])
        overlaps = overlap_correlation(turned, self._rows[other[open_]])
        explained = 1 - overlaps <= UNEXPLAINED * (1 - plain[open_])
        alike[open_] = explained & (overlaps >= OVERLAP)
        found: dict[int, list[int]] = {}
        for one, into in zip(own[alike].tolist(), other[alike].tolist(), strict=True):
            found.setdefault(one, []).append(into)
        return found

    def _correlations(self, own: IdArray, other: IdArray, orientation: IdArray) -> FloatArray:
        """Of the hashes of pairs `(n,)`, of which there may be millions, some at a time."""
        found = np.zeros(len(own), np.float32)
        for start in range(0, len(own), _PAIRS):
            some = slice(start, start + _PAIRS)
            turned = phash.turned(self._rows[own[some]], orientation[some])
            found[some] = phash.correlations(turned, self._rows[other[some]])
        return found

    def _cosines(self, own: IdArray, other: IdArray) -> FloatArray:
        found = np.zeros(len(own), np.float32)
        for start in range(0, len(own), _PAIRS):
            some = slice(start, start + _PAIRS)
            one, two = self._vectors[own[some]], self._vectors[other[some]]
            found[some] = np.einsum("nd,nd->n", one, two)
        return found

    def _near(
        self, block: IdArray, earlier: IdArray
    ) -> tuple[IdArray, IdArray, IdArray, FloatArray]:
        """Pairs of an item and an earlier one, how the first has to be turned, and how near."""
        targets, found = self._low[earlier].T, []
        for orientation in range(phash.ORIENTATIONS):
            scores = phash.coarse(phash.turned(self._rows[block], orientation)) @ targets
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
