"""What of each row is asked beside its vector: its item, what that is about, and its kind.

None of it ever changes for an embedding, so that it is written once, with the vectors.
"""

# Tested by tests/unit/cmsearch/store/index/test_row_table.py

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cmsearch.types import IdArray

WIDTH = 9
"""Bytes of a row."""
MOST_KINDS = 255
_LARGEST = 2**32 - 1


class RowTable(NamedTuple):
    """Of n rows, in their order, what each is of."""

    items: NDArray[np.uint32]
    """The item of each row `(n,)`; 0 for one that was gone when this was written."""
    subjects: NDArray[np.uint32]
    """The asset that it is about, or else stands in `(n,)`."""
    kinds: NDArray[np.uint8]
    """The place of its kind among the names `(n,)`."""
    names: Sequence[str]
    """The kinds of items that there are."""

    def at(self, rows: IdArray) -> RowTable:
        """Those of some rows."""
        return RowTable(self.items[rows], self.subjects[rows], self.kinds[rows], self.names)

    def of_kind(self, kind: str) -> NDArray[np.bool_]:
        """Which rows are of a kind `(n,)`."""
        code = self.names.index(kind) if kind in self.names else MOST_KINDS
        found: NDArray[np.bool_] = self.kinds == code
        return found

    def packed(self) -> NDArray[np.uint8] | None:
        """All of it but the names as bytes; None where there are too many of these."""
        if len(self.names) > MOST_KINDS:
            return None
        columns = (self.items.astype("<u4"), self.subjects.astype("<u4"), self.kinds)
        return np.concatenate([np.ascontiguousarray(one).view(np.uint8) for one in columns])


def made(ids: IdArray, rows: Iterable[Sequence[Any]]) -> RowTable | None:
    """Of embeddings, by rows of their id, item, subject and kind; None for numbers that are too
    large.
    """
    known = {row[0]: row[1:] for row in rows}
    names: dict[str, int] = {}
    found = [known.get(one, (0, 0, "")) for one in ids.tolist()]
    kinds = [names.setdefault(str(row[2]), len(names)) for row in found]
    items, subjects = (np.array([row[at] for row in found], np.int64) for at in (0, 1))
    if len(names) > MOST_KINDS or not all(_fits(one) for one in (items, subjects)):
        return None
    return RowTable(
        items.astype(np.uint32), subjects.astype(np.uint32), np.array(kinds, np.uint8), list(names)
    )


def _fits(numbers: IdArray) -> bool:
    return not len(numbers) or (int(numbers.min()) >= 0 and int(numbers.max()) <= _LARGEST)


def unpacked(data: NDArray[np.uint8], rows: int, names: Sequence[str]) -> RowTable:
    """What `packed` gave for so many rows; raises `ValueError` for what can't be that."""
    if len(data) != WIDTH * rows or len(names) > MOST_KINDS:
        raise ValueError("it is of other rows")
    items, subjects = (data[at * 4 * rows :][: 4 * rows].view("<u4") for at in (0, 1))
    return RowTable(items, subjects, data[8 * rows :], names)


def joined(parts: Sequence[RowTable]) -> RowTable:
    """Rows that come one part after the other."""
    if len(parts) == 1:
        return parts[0]
    names = {name: None for part in parts for name in part.names}
    places = {name: place for place, name in enumerate(names)}
    kinds = []
    for part in parts:
        codes = np.full(MOST_KINDS + 1, MOST_KINDS, np.int64)  # what is none of the names stays so
        codes[: len(part.names)] = [places[name] for name in part.names]
        kinds.append(codes[part.kinds].clip(max=MOST_KINDS).astype(np.uint8))
    return RowTable(
        np.concatenate([part.items for part in parts]),
        np.concatenate([part.subjects for part in parts]),
        np.concatenate(kinds),
        list(names),
    )


def are_alike(one: RowTable, other: RowTable) -> bool:
    """Whether two tables say the same."""
    none = [""] * (MOST_KINDS + 1)
    kinds = [np.array([*table.names, *none])[table.kinds] for table in (one, other)]
    pairs = [(one.items, other.items), (one.subjects, other.subjects), (kinds[0], kinds[1])]
    return all(np.array_equal(*pair) for pair in pairs)
