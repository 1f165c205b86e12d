"""Small upright copies of pictures, pages and frames, through the readers that indexed them."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TypeVar

from PIL import Image

from cmsearch.common import locators
from cmsearch.common.kinds import FileKind
from cmsearch.common.processors import threads
from cmsearch.errors import MediaError
from cmsearch.media.readers import check_picture, failing_alone, kind_at, parts, reader_for
from cmsearch.protocols import Placed
from cmsearch.types import Hit, Modality, Part, Place, Reading

QUALITY = 78
_AHEAD = 4
In = TypeVar("In")
Out = TypeVar("Out")


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small picture as the bytes of a WebP file, with its size in pixels."""

    data: bytes
    width: int
    height: int


def place(hit: Hit) -> Place | None:
    """Where the picture of a hit is: itself, the one it describes, its page, or its film's time."""
    span = None if hit.start is None or hit.end is None else (hit.start, hit.end)
    return shown_at(hit.path, hit.modality, hit.kind, page=hit.page, span=span)


def shown_at(
    path: Path,
    modality: Modality,
    kind: str,
    *,
    page: int | None,
    span: tuple[float, float] | None,
) -> Place | None:
    """Likewise of an item of the file at `path`, with its page, or its times in seconds."""
    if page is not None:
        return Place(path, locators.pages(page))
    if span is not None:
        is_seen = modality is Modality.VIDEO or is_film(path)
        return Place(path, locators.times(*span)) if is_seen else None
    is_shown = modality is Modality.IMAGE or kind in ("caption", "ocr")
    return Place(path) if is_shown else None


def is_film(path: Path) -> bool:
    """Whether a file is a film, by the end of its name."""
    return kind_at(path) is FileKind.FILM


def thumbnail(path: Path, size: int, locator: str = "") -> Thumbnail:
    """The picture at `path` within a square of `size` pixels. Raises `MediaError`."""
    image = read(path, size, locator)
    return Thumbnail(webp(image), image.width, image.height)


def read(path: Path, size: int, locator: str = "") -> Image.Image:
    """The picture at `path`, upright and RGB, shrunk to a square of `size` pixels.

    Raises `MediaError`, whose message is a reason without the path.
    """
    image = picture(path, size, locator)
    image.thumbnail((size, size), Image.Resampling.LANCZOS)
    return image


def picture(path: Path, size: int, locator: str = "") -> Image.Image:
    """The picture at `path`, upright and RGB, as its reader decodes it for a short side of `size`.

    `locator` says which one, in a file of several. Raises `MediaError`, whose message is a reason
    without the path.
    """
    reader = reader_for(path)
    if reader is None:
        raise MediaError(f"no reader knows files that end with {path.suffix.lower()!r}")
    try:
        if isinstance(reader, Placed):
            with failing_alone(reader):
                placed: Image.Image = reader.picture(path, size, locator)
            check_picture(placed)
            return placed
        for part in parts(reader, path, Reading(max(1, size // 2))):  # it may give twice that
            if isinstance(part, Part) and part.modality is Modality.IMAGE:
                found: Image.Image = part.content
                return found
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        reason = getattr(error, "strerror", None) or error
        raise MediaError(f"can't be read: {reason}") from error
    raise MediaError("there is no picture in the file")


def webp(image: Image.Image, quality: int = QUALITY) -> bytes:
    """A picture as the bytes of a WebP file, without anything that is noted beside it."""
    file = BytesIO()
    image.save(file, "WEBP", quality=quality, method=4)
    return file.getvalue()


def each(make: Callable[[In], Out], places: Iterable[In]) -> Iterator[Out | MediaError]:
    """What `make` gives of each place, in order, or why it can't: made by threads, a few ahead."""

    def attempt(place: In) -> Out | MediaError:
        try:
            return make(place)
        except MediaError as error:
            return error

    workers = os.cpu_count() or 1
    waiting: deque[Future[Out | MediaError]] = deque()
    with threads(workers) as pool:
        for place in places:
            waiting.append(pool.submit(attempt, place))
            if len(waiting) > _AHEAD * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
