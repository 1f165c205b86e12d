"""What a filter asks, as conditions of SQL and as a distance."""

# Tested by tests/properties/test_filters.py

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from functools import lru_cache
from glob import escape
from math import asin, cos, radians, sin, sqrt
from pathlib import Path

import sqlalchemy as sa

from cmsearch.errors import QueryError
from cmsearch.models.gazetteer import EARTH_KM, EXTRA, gazetteer
from cmsearch.store.catalog import schema
from cmsearch.store.catalog.noted_filters import note_conditions
from cmsearch.store.catalog.prepared import matches
from cmsearch.types import Filter

OUTSIDE = ".."
EVERYTHING = Filter()
_LONGEST = 4096  # as paths on Linux; SQLite takes globs of 50,000 bytes
_PLACES = 65_536
"""Places, of a kilometre each, of which it is remembered whether they are in a country."""
_SPECIAL = re.compile(r"[*?[]")
_described = schema.items.alias()


def conditions(wanted: Filter) -> Iterator[sa.ColumnElement[bool]]:
    """A filter as conditions on the asset that an item is about; all but the distance."""
    if wanted.path is not None and (globs := path_globs(wanted.path)):
        yield lies_at(schema.assets.c.path, globs)
    if wanted.since is not None:
        yield _from(wanted.since)
    if wanted.until is not None:
        yield _up_to(wanted.until)
    if wanted.days:
        yield sa.or_(*(_from(first) & _up_to(last) for first, last in wanted.days))
    if wanted.camera is not None:
        yield has_camera(schema.assets.c.camera, wanted.camera)
    if wanted.near is not None or wanted.area is not None:
        yield schema.assets.c.latitude.is_not(None)
    if wanted.has_caption is not None:
        captioned = sa.select(_described.c.about).where(
            _described.c.about == schema.assets.c.id, _described.c.kind == "caption"
        )
        yield captioned.exists() if wanted.has_caption else ~captioned.exists()
    yield from note_conditions(wanted)


def _from(day: date) -> sa.ColumnElement[bool]:
    return schema.assets.c.taken >= day.isoformat()[:10]


def _up_to(day: date) -> sa.ColumnElement[bool]:
    return schema.assets.c.taken <= f"{day.isoformat()[:10]} 23:59:59"


def lies_at(
    path: sa.ColumnElement[str], globs: Sequence[str], *, is_ascii: bool = False
) -> sa.ColumnElement[bool]:
    """Whether a path is as one of some globs says, which have a slash before it."""
    whole = sa.literal("/").concat(path)
    return sa.or_(*(matches(whole, glob, is_ascii=is_ascii) for glob in globs))


def has_camera(camera: sa.ColumnElement[str], part: str) -> sa.ColumnElement[bool]:
    """Whether the name of a camera has a part in it, in any case."""
    return matches(camera, f"*{escape(part)}*")


def rooted(wanted: Filter, root: Path) -> Filter:
    """The same filter with a path from the store's root, where it has one that begins at `/` or at
    `~`, or goes on from `./`.

    Raises `QueryError` for one that leads out of the root.
    """
    if wanted.path is None:
        return wanted
    given = wanted.path
    if len(given) > _LONGEST:
        raise QueryError(f"The path of a filter has at most {_LONGEST} characters.")
    home = given == "~" or given.startswith("~/")
    path = f"{Path.home()}{given[1:]}" if home else given
    is_rooted = path.startswith("/")
    if is_rooted:
        path = _below(path, (str(root), str(root.resolve())))
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if OUTSIDE in parts:
        raise QueryError(
            f"{given} lies outside of {root}, which is what is indexed here. Give a path from "
            "there on, such as 2024/* or *.jpg."
        )
    name = "/".join(parts)
    if name:
        start = "./" if is_rooted or given.startswith("./") else ""
        name = f"{start}{name}{'/' if path.endswith('/') else ''}"
    return replace(wanted, path=name)


def _below(path: str, roots: Sequence[str]) -> str:
    """A path without the root that it begins with; what it is else leads out of all of them."""
    for root in roots:
        if path.rstrip("/") == root.rstrip("/"):
            return ""
        if path.startswith(f"{root.rstrip('/')}/"):
            return path[len(root.rstrip("/")) + 1 :]
    return OUTSIDE


def path_globs(path: str, *, is_special: bool = True) -> list[str]:
    """The globs that say what a filter's path does, over paths that begin with a slash.

    It names files, and folders with all that is below them; only these with a slash at its end.
    Without another slash it may be anywhere, as it may behind `**/`, but not behind `./`. What
    looks like a pattern may also be meant as it stands, if a path `is_special`.
    """
    is_rooted, name = path.startswith("./"), path.removeprefix("./").rstrip("/")
    if name in ("", "."):
        return []
    found = []
    literal = _SPECIAL.sub(r"[\g<0>]", name) if is_special else name
    for one in dict.fromkeys((name, literal)):
        rest = one.removeprefix("**/")
        glob = f"/{one}" if is_rooted or ("/" in one and rest == one) else f"*/{rest}"
        found += [f"{glob}/*"] if path.endswith("/") else [glob, f"{glob}/*"]
    return found


@lru_cache(_PLACES)
def _is_in(area: tuple[str, str], latitude: float, longitude: float) -> bool:
    """Whether the nearest town is in a country, or in a part of it."""
    towns = gazetteer()
    if towns is None:
        raise QueryError(f"Countries are told by {EXTRA}: pip install '{EXTRA}'.")
    town = towns.at(latitude, longitude)
    return town is not None and area in ((town.country, ""), (town.country, town.region))


def is_near(wanted: Filter, latitude: float | None, longitude: float | None) -> bool:
    """Whether a place is within the wanted distance, on a sphere (the haversine formula), and in
    the wanted country; raises `QueryError` where the extra `places` isn't there to tell.
    """
    if latitude is None or longitude is None:
        return wanted.near is None and wanted.area is None
    if wanted.area is not None and not _is_in(wanted.area, round(latitude, 2), round(longitude, 2)):
        return False
    if wanted.near is None:
        return True
    north, east, kilometres = wanted.near
    one, other = radians(north), radians(latitude)
    half = sin((other - one) / 2) ** 2
    half += cos(one) * cos(other) * sin(radians(longitude - east) / 2) ** 2
    return 2 * EARTH_KM * asin(min(1.0, sqrt(half))) <= kilometres
