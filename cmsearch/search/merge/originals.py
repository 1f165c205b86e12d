"""Which of several copies of a picture is the original, and why."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime
from pathlib import PurePosixPath
from typing import NamedTuple

from cmsearch.media.headers import RAW_FORMAT, Header

_CAMERA = {"HEIF": 2, "JPEG": 2, "MPO": 2, "TIFF": 3}
_OTHER = 4
_UNKNOWN = 9
_LOSSLESS = ("PNG", "WEBP", "BMP", "TIFF")
_DRAWN_BYTES = 0.5  # a pixel: a photograph without loss takes more than twice that
_DRAWN_SPREAD = 30
_MARK = re.compile(
    r"[ _.~-]*(?:\(\d{1,3}\)|~\d{1,3}"
    r"|[ _.-](?:edit(?:ed)?|copy|copie|copia|kopie|bearbeitet|modifi[eé]|editad[oa]|effects"
    r"|filtered|collage|export(?:ed)?|resized|small|preview|thumb(?:nail)?|compressed|whatsapp)"
    r"(?:[ _.-]?\d{1,3})?)$"
)
_EDITED = re.compile(r"(?:img_e\d{3,}|(?:copy|kopie|copie|copia) (?:of|von|de|di) .*)$")
REASONS = (
    "fewer pixels",
    "not the format of a camera",
    "less noted by the camera",
    "taken later",
    "changed later",
    "named as a copy",
    "fewer bytes",
    "by its name",
)
"""Why a copy isn't the best, by the place in `Rank` at which it is behind."""


class Rank(NamedTuple):
    """What makes one copy better than another: the lowest is the best."""

    pixels: int
    format: int
    noted: int
    taken: datetime
    changed: datetime
    marked: bool
    bytes: int
    path: str


def rank(
    path: str, size: int, header: Header | None, spread: float, others: Collection[str]
) -> Rank:
    """Where a copy at `path`, of `size` bytes, stands among the `others`, which are names without
    suffixes of those that it is a copy of.

    More pixels win, so that no detail is lost. Of as many, formats that cameras write come before
    those into which pictures are converted: raw pictures, then HEIC and JPEG, then TIFF, then all
    others; but what was drawn, as screens are, is an original without loss. Then what the camera
    noted counts, its date and its name, since a copy loses them and can't gain them; then the
    earlier of those dates, and of the dates of a change; then a name that isn't a copy's; then
    bytes. A file that can't be read comes last. `spread` is that of its hash.
    """
    stem = PurePosixPath(path).stem.casefold()
    marked = is_marked(stem) or any(_goes_on(stem, other) for other in others)
    if header is None:
        return Rank(0, _UNKNOWN, 0, datetime.max, datetime.max, marked, -size, path)
    pixels, shot = header.width * header.height, header.capture
    noted = (shot.taken is not None) + (shot.camera is not None)
    form = _format(header, size < _DRAWN_BYTES * pixels and 0 < spread < _DRAWN_SPREAD, noted > 0)
    taken, changed = shot.taken or datetime.max, header.changed or datetime.max
    return Rank(-pixels, form, -noted, taken, changed, marked, -size, path)


def _format(header: Header, is_drawn: bool, is_noted: bool) -> int:
    """How far a format is from what was there first."""
    if header.format == RAW_FORMAT:
        return 0
    if is_drawn and header.format in _LOSSLESS:
        return 1
    return _CAMERA.get(header.format, _OTHER) - is_noted


def is_marked(stem: str) -> bool:
    """Whether a name says that its file is a copy or was edited, as programs mark these."""
    name = stem.casefold()
    return bool(_MARK.search(name) or _EDITED.match(name))


def reason(best: Rank, copy: Rank) -> str:
    """Why `copy` isn't the best."""
    places = (number for number in range(len(best)) if best[number] != copy[number])
    return REASONS[next(places, len(best) - 1)]


def _goes_on(stem: str, other: str) -> bool:
    """Whether a name is another one with something added."""
    return len(stem) > len(other) and stem.startswith(other) and not stem[len(other)].isalnum()
