"""What is written in films and recordings: in their tags, as FFmpeg names them, and in XMP."""

# Tested by tests/unit/cmsearch/media/test_container_notes.py

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cmsearch.common.files import open_file
from cmsearch.media import moments
from cmsearch.media.boxes import packet_in
from cmsearch.media.camcorders import CAMCORDERS, recorded
from cmsearch.media.exif import CHANGED, ORIGINAL, camera_name, place_in
from cmsearch.media.moments import Instant
from cmsearch.media.notes import Text, Written, distinct, names, rating_of, written_in
from cmsearch.media.xmp import Packet, read_packet
from cmsearch.types import Capture, Notes

if TYPE_CHECKING:
    from av.container import InputContainer

_PLACE = re.compile(r"([+-]\d{1,2}(?:\.\d+)?)([+-]\d{1,3}(?:\.\d+)?)")
_FIRST = 1980
_APPLE = "com.apple.quicktime."
_TEXTS = {
    "title": (f"{_APPLE}title", f"{_APPLE}displayname", "title"),
    "description": (
        f"{_APPLE}description",
        "description",
        "synopsis",
        f"{_APPLE}comment",
        "comment",
    ),
}
_KEYWORDS = (f"{_APPLE}keywords", "keywords")
_CREATORS = (f"{_APPLE}author", f"{_APPLE}artist", "author", "artist")
_PLACES = (f"{_APPLE}location.name",)
_OF_STREAM = "creation_time of a stream"
_TIMES = (f"{_APPLE}creationdate", "creation_time", "date_recorded", "date", _OF_STREAM)

Tags = Mapping[str, str]


def noted_in(container: InputContainer, path: Path) -> tuple[Capture, Written]:
    """When, with what and where the film or recording at a path was taken, and what is written in
    it.
    """
    tags = {name.lower(): value for name, value in container.metadata.items()}
    made = (one.metadata.get("creation_time", "") for one in container.streams)
    tags[_OF_STREAM] = next(filter(_taken, made), "")
    packet = Packet()
    kind = container.format.name
    if kind.startswith("mov"):
        with open_file(path) as file:
            packet = read_packet(packet_in(file))
    capture = _capture(tags, packet)
    if capture.taken is None and kind in CAMCORDERS:
        with open_file(path) as file:
            found = recorded(kind, file)
        if found is not None:
            capture = replace(capture, taken=found.time, source=moments.CONTAINER, zone=found.zone)
    return capture, _written(tags, packet)


def _capture(tags: Tags, packet: Packet) -> Capture:
    make = tags.get(f"{_APPLE}make") or tags.get("com.android.manufacturer")
    model = tags.get(f"{_APPLE}model") or tags.get("com.android.model")
    place = _place(tags) or place_in(packet)
    north, east = place or (None, None)
    camera = camera_name(make, model)
    if taken := next(filter(None, (_taken(tags.get(name)) for name in _TIMES)), None):
        return Capture(taken.time, camera, north, east, moments.CONTAINER, taken.zone)
    if noted := next(filter(None, (moments.instant(packet.first(one)) for one in ORIGINAL)), None):
        return Capture(noted.time, camera, north, east, moments.XMP, noted.zone)
    if changed := next(filter(None, (moments.instant(packet.first(one)) for one in CHANGED)), None):
        return Capture(changed.time, camera, north, east, moments.CHANGED, changed.zone)
    return Capture(None, camera, north, east)


def _place(tags: Tags) -> tuple[float, float] | None:
    found = _PLACE.match(tags.get(f"{_APPLE}location.iso6709") or tags.get("location") or "")
    if found is None:
        return None
    north, east = float(found[1]), float(found[2])
    return None if abs(north) > 90 or abs(east) > 180 or not (north or east) else (north, east)


def _taken(value: str | None) -> Instant | None:
    """Local time: as it is noted with its zone, or for one in UTC, this machine's."""
    found = moments.instant(value) if value else None
    if found is None or found.time.year < _FIRST:
        return None  # 1904 and 1970 are clocks that weren't set
    return Instant(moments.here(found.time)) if found.zone == "+00:00" else found


def _written(tags: Tags, packet: Packet) -> Written:
    beside = written_in(packet)
    texts: list[Text] = [
        (place, tags[name]) for place, some in _TEXTS.items() for name in some if name in tags
    ]
    notes, rating = beside.notes, rating_of(packet)
    return Written(
        distinct([*beside.texts, *texts]),
        Notes(
            keywords=names([*notes.keywords, *_parted(tags, _KEYWORDS)]),
            people=notes.people,
            places=names([*notes.places, *_parted(tags, _PLACES)]),
            rating=_stars(tags) if rating is None else rating,
            labels=notes.labels,
            creators=names([*notes.creators, *_parted(tags, _CREATORS)]),
        ),
        beside.problem,
    )


def _parted(tags: Tags, some: Iterable[str]) -> list[str]:
    found = (tags[name] for name in some if name in tags)
    return [one for value in found for one in re.split(r"[,;]", value)]


def _stars(tags: Tags) -> int | None:
    try:
        stars = float(tags.get(f"{_APPLE}rating.user", ""))
    except ValueError:
        return None
    return round(stars) if 0 <= stars <= 5 else None
