"""What the head of a picture's file says of it, without decoding the picture."""

# Tested by tests/unit/cmsearch/search/merge/test_originals.py

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from PIL import ExifTags, Image

from cmsearch.common.files import open_file, read_file
from cmsearch.media.exif import read_capture
from cmsearch.media.images import prepare_pillow
from cmsearch.media.pillow import FORMATS
from cmsearch.types import RAW, UNKNOWN_CAPTURE, Capture

RAW_FORMAT = "raw"
_MAX_RAW = 2**30


@dataclass(frozen=True, slots=True)
class Header:
    """The size of an upright picture in pixels, its format as Pillow names it or `raw`, what the
    camera noted, and when the file says that a program last changed it.
    """

    width: int
    height: int
    format: str
    capture: Capture = UNKNOWN_CAPTURE
    changed: datetime | None = None


def read_header(path: Path) -> Header | None:
    """What the file at `path` says of its picture; None where it can't be read."""
    try:
        return _raw(path) if path.suffix.lower() in RAW else _coded(path)
    except Exception:  # what damaged files lead Pillow and LibRaw to; such a picture is unknown
        return None


def read_size(path: Path) -> tuple[int, int] | None:
    """The width and the height of the upright picture at `path`, in pixels; None where it can't be
    read quickly, as that of a camera's raw data.
    """
    if path.suffix.lower() in RAW:
        return None
    try:
        with _opened(path) as (image, _):
            return _upright(image)
    except Exception:  # as above
        return None


def _coded(path: Path) -> Header:
    with _opened(path) as (image, file):
        capture = read_capture(image, file)
        changed = _time(image.getexif().get(ExifTags.Base.DateTime))
        return Header(*_upright(image), str(image.format), capture, changed)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Image.Image, BinaryIO]]:
    prepare_pillow()
    with open_file(path) as file, Image.open(file, formats=FORMATS) as image:
        yield image, file


def _upright(image: Image.Image) -> tuple[int, int]:
    width, height = image.size
    is_turned = image.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)
    return (height, width) if is_turned else (width, height)


def _raw(path: Path) -> Header:
    import rawpy

    with rawpy.imread(BytesIO(read_file(path, _MAX_RAW))) as raw:
        sizes = raw.sizes
        width, height = sizes.iwidth, sizes.iheight
        return Header(width, height, RAW_FORMAT)


def _time(value: Any) -> datetime | None:
    try:
        return datetime.strptime(str(value).strip("\0 ")[:19], "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None
