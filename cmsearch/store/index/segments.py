"""Which segments of a publication stay as they are, and which the next one takes up."""

# Tested by tests/unit/cmsearch/store/index/test_segments.py

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cmsearch.errors import StoreError
from cmsearch.store.index import snapshot
from cmsearch.store.index.manifest import IndexFiles, Manifest
from cmsearch.types import IdArray

_OUTGROWN = 2
"""A segment is taken up by what comes after it when that is at least this part of it, a half."""
_DEAD = 10
"""A segment is written anew when one of so many of its rows is dead."""


def are_kept(segments: Sequence[IndexFiles], dim: int) -> bool:
    """Whether an index can go on from segments: it kept something of each."""
    return bool(segments) and all(one.kept and one.dim == dim for one in segments)


def staying(place: Path, segments: Sequence[IndexFiles], dead: IdArray, new: int) -> int:
    """How many of the first segments stay where so many rows are new, and some ids are dead.

    The others become one with what is new. So each is more than twice as long as what comes after
    it, there are few, and a row is written again as often as the logarithm of the rows says.
    """
    if not all(one.kept for one in segments):
        return 0
    try:
        gone = [int(_are_in(snapshot.open_ids(place, one), dead).sum()) for one in segments]
        for one in segments:
            snapshot.open_kept(place, one)
    except StoreError:  # damaged; whatever goes on from it would be lost with it
        return 0
    stay = next(
        (at for at, one in enumerate(segments) if gone[at] * _DEAD >= max(one.rows, 1)),
        len(segments),
    )
    size = new + sum(one.rows - own for one, own in zip(segments[stay:], gone[stay:], strict=True))
    while stay and size and segments[stay - 1].rows <= _OUTGROWN * size:
        stay -= 1
        size += segments[stay].rows
    return stay


def are_in(place: Path, manifest: Manifest, ids: IdArray) -> NDArray[np.bool_]:
    """Whether each of some ids is a row of a publication."""
    found = np.zeros(len(ids), bool)
    for one in manifest.indexes:
        found |= _are_in(snapshot.open_ids(place, one), ids)
    return found


def _are_in(rows: IdArray, ids: IdArray) -> NDArray[np.bool_]:
    """Whether each of some ids is among ascending ones."""
    if not len(rows):
        return np.zeros(len(ids), bool)
    found: NDArray[np.bool_] = rows[np.searchsorted(rows, ids).clip(max=len(rows) - 1)] == ids
    return found
