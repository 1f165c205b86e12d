"""Reading JSON beside a picture or a film, above all what Google Takeout writes there."""

# Tested by tests/unit/cmsearch/media/test_takeout.py

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import Any

from cmsearch.common.files import larger_than
from cmsearch.common.kinds import ANEW, FileKind
from cmsearch.errors import MediaError
from cmsearch.media import moments
from cmsearch.media.captions import MAX_JSON, CaptionsReader, json_text
from cmsearch.media.columns import parsed
from cmsearch.media.lines import read_bytes
from cmsearch.media.notes import captions, distinct, names
from cmsearch.types import NO_NOTES, UNKNOWN_CAPTURE, Capture, Noted, Notes, Part, Reading, Skipped

MAX_NOTES = 2**20
"""Bytes of JSON that is about one picture."""
_MARKS = ("photoTakenTime", "creationTime", "geoData", "googlePhotosOrigin")
_PLACES = ("geoData", "geoDataExif")


class NotesReader:
    """Reads `NAME.jpg.json` and `NAME.jpg.supplemental-metadata.json` of Google Takeout, and what
    else is in such a file as captions.
    """

    suffixes = frozenset({".json"})
    missing: str | None = None
    max_bytes = MAX_JSON
    kind = FileKind.SIDECAR

    def read(self, path: Path, wanted: Reading) -> Iterator[Part | Noted | Skipped]:
        """Give the description as a caption, and what else is noted of the picture."""
        data = read_bytes(path, MAX_JSON)
        value: Any = parsed(json_text(data)) if len(data) <= MAX_NOTES else None
        if not _is_takeout(value):
            yield from _captions(path, data, wanted)
            return
        capture = _capture(value)
        texts = [(name, value[name]) for name in ("title", "description") if _is_text(value, name)]
        yield from captions(distinct(texts), path.name)
        people = (one.get("name") for one in _listed(value.get("people")))
        notes = Notes(people=names(one for one in people if isinstance(one, str)))
        if notes != NO_NOTES or capture != UNKNOWN_CAPTURE:
            yield Noted(notes, capture, "takeout")


def _captions(path: Path, data: bytes, wanted: Reading) -> Iterator[Part | Skipped]:
    """The captions of other JSON. Raises `MediaError` for what is neither that nor Takeout's."""
    is_large = len(data) > MAX_NOTES
    if is_large and any(f'"{mark}"'.encode() in data for mark in _MARKS):
        raise MediaError(f"{larger_than(MAX_NOTES)}, which notes of a picture never are; {ANEW}")
    is_empty = True
    for part in CaptionsReader().read(path, wanted):
        is_empty = False
        yield part
    if is_empty and not is_large and parsed(json_text(data)) is None:
        raise MediaError(f"it is no JSON, or damaged; {ANEW}")


def _is_takeout(value: Any) -> bool:
    return isinstance(value, Mapping) and any(
        isinstance(value.get(name), Mapping) for name in _MARKS
    )


def _is_text(value: Mapping[str, Any], name: str) -> bool:
    return isinstance(value.get(name), str)


def _listed(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, list):
        yield from (one for one in value[:1000] if isinstance(one, Mapping))


def _capture(value: Mapping[str, Any]) -> Capture:
    taken, (north, east) = _taken(value.get("photoTakenTime")), _place(value)
    return Capture(taken, None, north, east, moments.TAKEOUT if taken else None)


def _taken(value: Any) -> datetime | None:
    """A time in seconds since 1970, which is in UTC, as this machine's local one."""
    seconds = value.get("timestamp") if isinstance(value, Mapping) else None
    try:
        number = float(seconds) if isinstance(seconds, str | int) else 0.0
        if not number or not isfinite(number):
            return None
        return moments.here(datetime.fromtimestamp(number, UTC).replace(tzinfo=None))
    except (ValueError, OverflowError, OSError):
        return None


def _place(value: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """Degrees north and east; 0, 0 is what is written for none."""
    for name in _PLACES:
        found = value.get(name)
        if isinstance(found, Mapping):
            north, east = found.get("latitude"), found.get("longitude")
            if not (isinstance(north, int | float) and isinstance(east, int | float)):
                continue
            if abs(north) <= 90 and abs(east) <= 180 and (north or east):
                return float(north), float(east)
    return None, None
