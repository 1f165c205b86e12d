"""What filters ask of assets, as columns: when and where each was taken, with what, and its path.

It is of one state of the catalog. What was changed since is known there, and left out of it.
"""

# Tested by tests/unit/cmsearch/store/index/test_asset_table.py

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cmsearch.common.text import caseless
from cmsearch.types import IdArray

ODD = -1
"""The day of an asset whose time isn't written as cmsearch writes it: only SQLite may compare it.
"""
_TAKEN = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2}) (?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]")
_FORMAT = 1
_HEADER = 4
_LARGEST = 2**31 - 1
_SPARSE, _LEAST_SPARSE = 8, 2**24
"""Ids at most for each asset, and for few assets: there is a bit for each."""
_MOST_NAMES = 2**20
"""Different folders, cameras or ends up to which they are looked at one by one."""
_SPECIAL = re.compile(r"[*?[]")


@dataclass(frozen=True, slots=True)
class Names:
    """The names that the columns of a table have the places of."""

    cameras: Sequence[str]
    folders: Sequence[str]
    """Each with a slash at its end; "" for the root."""
    suffixes: Sequence[str]
    """The ends of the names of files from their last dot on, as `caseless` has them."""
    is_special: bool = False
    """Whether a path may have characters in it that mean something in a glob."""
    is_ascii: bool = True
    """Whether no path has other characters than ASCII."""


NO_NAMES = Names((), (), ())


@dataclass(frozen=True, slots=True)
class AssetTable:
    """Columns `(n,)` of n assets."""

    ids: NDArray[np.int32]
    """In ascending order."""
    days: NDArray[np.int32]
    """When each was taken, as the number 20240531; 0 for one without a time."""
    cameras: NDArray[np.int32]
    """The place of its camera among the names; −1 for one without."""
    folders: NDArray[np.int32]
    """The place of its folder."""
    suffixes: NDArray[np.int32]
    """The place of the end of its name."""
    north: NDArray[np.float64]
    """Degrees, NaN for one without a place; empty where no asset has one."""
    east: NDArray[np.float64]
    names: Names

    def packed(self) -> NDArray[np.uint8] | None:
        """All of it as bytes; None where a table of these is of no use."""
        names = self.names
        lists = [list(one) for one in _lists(names)]
        if any(len(one) > _MOST_NAMES for one in lists) or not _is_dense(self.ids):
            return None
        text = json.dumps([*lists, names.is_special, names.is_ascii]).encode()
        has_places = bool(np.isfinite(self.north).any())
        head = np.array([_FORMAT, len(self.ids), len(text), has_places], "<i4")
        numbers = (self.ids, self.days, self.cameras, self.folders, self.suffixes)
        columns: list[NDArray[Any]] = [self.north, self.east] if has_places else []
        columns = [head, *(one.astype("<f8") for one in columns)]
        columns += [one.astype("<i4") for one in numbers] + [np.frombuffer(text, np.uint8)]
        return np.concatenate([np.ascontiguousarray(one).view(np.uint8) for one in columns])

    def updated(self, changed: IdArray, rows: Sequence[Any]) -> AssetTable:
        """One in which the rows of some assets are those that these have now, if any."""
        if not len(changed):
            return self
        kept = ~np.isin(self.ids, changed)
        news = made([rows], self.names)
        order = np.argsort(np.concatenate([self.ids[kept], news.ids]), kind="stable")
        columns = zip(_columns(self), _columns(news), strict=True)
        joined: list[Any] = [np.concatenate([old[kept], new])[order] for old, new in columns]
        joined.append(news.names)
        return AssetTable(*joined)

    def without(self, some: IdArray) -> AssetTable:
        """One without some assets."""
        kept = ~np.isin(self.ids, some)
        columns: list[Any] = [*(column[kept] for column in _columns(self)), self.names]
        return AssetTable(*columns)


def are_alike(one: AssetTable, other: AssetTable) -> bool:
    """Whether two tables say the same of the same assets."""
    pairs = list(zip(_columns(one), _columns(other), strict=True))
    lists = zip(_lists(one.names), _lists(other.names), strict=True)
    for place, (own, others) in enumerate(lists, 2):
        codes = {name: code for code, name in enumerate(own)}
        known = np.array([*(codes.get(name, -2) for name in others), -1])  # that of none is last
        pairs[place] = pairs[place][0], known[pairs[place][1]]
    return all(np.array_equal(*pair, equal_nan=pair[0].dtype.kind == "f") for pair in pairs)


def _lists(names: Names) -> tuple[Sequence[str], Sequence[str], Sequence[str]]:
    return names.cameras, names.folders, names.suffixes


def _columns(table: AssetTable) -> list[NDArray[Any]]:
    """All of them, of one length."""
    nowhere = np.full(len(table.ids), np.nan)
    places = (table.north, table.east) if len(table.north) else (nowhere, nowhere)
    return [table.ids, table.days, table.cameras, table.folders, table.suffixes, *places]


def made(pages: Iterable[Sequence[Any]], names: Names = NO_NAMES) -> AssetTable:
    """Of rows of an id, path, time, camera, north and east, in the order of the ids; names go on
    from those that are known. Raises `ValueError` for an id that is out of range.
    """
    known = [dict[Any, int](), dict[Any, int](), dict[Any, int]()]
    for own, former in zip(known, _lists(names), strict=True):
        own |= {name: at for at, name in enumerate(former)}
    numbers, places = [np.empty((0, 5), np.int32)], [np.empty((0, 2))]
    is_special, is_ascii = names.is_special, names.is_ascii
    for page in pages:
        if page and not 0 <= page[0][0] <= page[-1][0] <= _LARGEST:
            raise ValueError("an id is out of range")
        paths = "\n".join(str(row[1]) for row in page)
        is_special |= bool(_SPECIAL.search(paths))
        is_ascii &= paths.isascii()
        numbers.append(np.array([_numbers(row, known) for row in page], np.int32).reshape(-1, 5))
        degrees = [[np.nan if at is None else at for at in row[4:6]] for row in page]
        places.append(np.array(degrees, np.float64).reshape(-1, 2))
    columns: list[Any] = [*np.concatenate(numbers).T.copy(), *np.concatenate(places).T.copy()]
    cameras, folders, suffixes = map(list, known)
    columns.append(Names(cameras, folders, suffixes, is_special, is_ascii))
    return AssetTable(*columns)


def _numbers(row: Sequence[Any], known: Sequence[dict[Any, int]]) -> tuple[int, ...]:
    number, path, taken, camera = row[:4]
    cameras, folders, suffixes = known
    folder, slash, name = str(path).rpartition("/")
    suffix = suffix_of(name)
    return (
        number,
        _day(taken),
        -1 if camera is None else cameras.setdefault(str(camera), len(cameras)),
        folders.setdefault(folder + slash, len(folders)),
        suffixes.setdefault(suffix, len(suffixes)),
    )


def suffix_of(name: str) -> str:
    """The end of a name from its last dot on, as `caseless` has it; "" for one without a dot."""
    at = name.rfind(".")
    return "" if at < 0 else caseless(name[at:])


def _day(taken: Any) -> int:
    """The day of a time, as comparing the texts would have it."""
    if taken is None:
        return 0
    found = _TAKEN.fullmatch(taken) if isinstance(taken, str) else None
    return int(found[1] + found[2] + found[3]) if found else ODD


def unpacked(data: NDArray[np.uint8]) -> AssetTable:
    """What `packed` gave; raises `ValueError` for what can't be that."""
    if len(data) < 4 * _HEADER:
        raise ValueError("it is too short")
    form, count, size, has_places = data[: 4 * _HEADER].view("<i4").tolist()
    kinds = ["<f8"] * (2 * (has_places != 0)) + ["<i4"] * 5
    length = 4 * _HEADER + sum(int(kind[2]) * count for kind in kinds) + size
    if form != _FORMAT or min(count, size) < 0 or len(data) != length:
        raise ValueError("it is of another length")
    columns, start = list[NDArray[Any]](), 4 * _HEADER
    for kind in kinds:
        end = start + int(kind[2]) * count
        columns.append(data[start:end].view(kind))
        start = end
    *places, ids, days, cameras, folders, suffixes = columns
    names = _names(bytes(data[start:]))
    if not _is_dense(ids) or not (np.diff(ids) > 0).all():
        raise ValueError("an id is out of range")
    for column, of in zip((cameras, folders, suffixes), _lists(names), strict=True):
        if count and not (int(column.min()) >= -1 and int(column.max()) < len(of)):
            raise ValueError("a name is none of its own")
    north, east = places or (np.empty(0), np.empty(0))
    found: list[Any] = [ids, days, cameras, folders, suffixes, north, east, names]
    return AssetTable(*found)


def _names(text: bytes) -> Names:
    try:
        *lists, is_special, is_ascii = json.loads(text)
        if len(lists) != 3 or not all(isinstance(name, str) for one in lists for name in one):
            raise ValueError("a name is a text")
        cameras, folders, suffixes = map(list, lists)
        return Names(cameras, folders, suffixes, bool(is_special), bool(is_ascii))
    except (TypeError, RecursionError) as error:
        raise ValueError("its names are none") from error


def _is_dense(ids: NDArray[np.int32]) -> bool:
    """Whether ids, in order, are few enough for there to be a bit for each."""
    if not len(ids):
        return True
    return int(ids[0]) >= 0 and int(ids[-1]) <= max(_SPARSE * len(ids), _LEAST_SPARSE)
