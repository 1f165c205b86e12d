"""What a filter asks, as conditions of SQL and as a distance."""

from __future__ import annotations

from collections.abc import Iterator
from math import asin, cos, radians, sin, sqrt

import sqlalchemy as sa

from cmsearch import schema
from cmsearch.types import Filter

EARTH_KM = 6371.0
_described = schema.items.alias()


def conditions(wanted: Filter) -> Iterator[sa.ColumnElement[bool]]:
    """A filter as conditions on the asset that an item is about; all but the distance."""
    if wanted.path is not None:
        glob = f"/{wanted.path}" if "/" in wanted.path else f"*/{wanted.path}"
        path = sa.func.nfc(sa.literal("/").concat(schema.assets.c.path))
        yield path.op("GLOB")(schema.nfc(glob))
    if wanted.since is not None:
        yield schema.assets.c.taken >= wanted.since.isoformat()[:10]
    if wanted.until is not None:
        yield schema.assets.c.taken <= f"{wanted.until.isoformat()[:10]} 23:59:59"
    if wanted.camera is not None:
        yield schema.assets.c.camera.icontains(wanted.camera, autoescape=True)
    if wanted.near is not None:
        yield schema.assets.c.latitude.is_not(None)
    if wanted.has_caption is not None:
        captioned = sa.select(_described.c.about).where(
            _described.c.about == schema.assets.c.id, _described.c.kind == "caption"
        )
        yield captioned.exists() if wanted.has_caption else ~captioned.exists()


def is_near(wanted: Filter, latitude: float | None, longitude: float | None) -> bool:
    """Whether a place is within the wanted distance, on a sphere (the haversine formula)."""
    if wanted.near is None or latitude is None or longitude is None:
        return wanted.near is None
    north, east, kilometres = wanted.near
    one, other = radians(north), radians(latitude)
    half = sin((other - one) / 2) ** 2
    half += cos(one) * cos(other) * sin(radians(longitude - east) / 2) ** 2
    return 2 * EARTH_KM * asin(min(1.0, sqrt(half))) <= kilometres
