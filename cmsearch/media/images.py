"""Decoding pictures: upright, sRGB, transparent ones on white, bounded, and quickly."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, NamedTuple

from PIL import Image, UnidentifiedImageError

from cmsearch.common import locators
from cmsearch.common.files import larger_than, open_file
from cmsearch.common.kinds import FileKind
from cmsearch.errors import MediaError
from cmsearch.media.embedded import sources_of
from cmsearch.media.exif import capture_of
from cmsearch.media.guarded import check_scans, guarded, guarded_jpeg
from cmsearch.media.notes import Written, noted_parts, written
from cmsearch.media.partial import loaded
from cmsearch.media.pillow import FORMATS, in_turn
from cmsearch.media.pixels import normalised
from cmsearch.media.sources import Sources
from cmsearch.types import Capture, Modality, Noted, Part, Reading, Skipped

MAX_PIXELS = 178_956_970
"""Pillow's own bound against decompression bombs: twice its `MAX_IMAGE_PIXELS`."""
MAX_JPEG_2000 = 2**26
"""Pixels of a JPEG 2000, which takes ten times as long and five times the memory."""
MAX_FILE = 3 * 2**29
"""Bytes of a file: those of `MAX_PIXELS` with four channels of 16 bits."""
MAX_TEXT = 16 * 2**20
"""Bytes of a profile or a text in a PNG, without its compression; of all texts 64 MiB."""
MAX_BYTES = 512 * 2**20
"""Bytes of files of formats that are read whole; of the others only what is needed is read."""

_JPEG = b"\xff\xd8"
_BEGINNINGS = (
    *(b"BM", b"GIF8", b"II*\0", b"MM\0*", b"RIFF", b"\x89PNG", b"\xff\xd8\xff"),
    *(b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51"),
)
_FIRST = {"AVIF": "frame", "GIF": "frame", "PNG": "frame", "TIFF": "page", "WEBP": "frame"}
_ANIMATED = "first frame"

# Pillow warns from half of that bound on, and of damaged EXIF; both kinds of pictures are wanted.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


class ImageReader:
    """Reads the common picture formats through Pillow and pi-heif, each file as one photo.

    Of an animation that is the first frame, and its shots follow.
    """

    suffixes = frozenset(
        {
            *(".apng", ".avif", ".bmp", ".gif", ".heic", ".heif", ".hif", ".j2c", ".j2k", ".jfif"),
            *(".jp2", ".jpc", ".jpe", ".jpeg", ".jpf", ".jpg", ".jpx", ".mpo", ".png", ".tif"),
            *(".tiff", ".webp"),
        }
    )
    missing: str | None = None
    max_bytes = MAX_FILE
    kind = FileKind.PICTURE

    def read(self, path: Path, wanted: Reading) -> Iterator[Part | Noted | Skipped]:
        """Give the picture, of a damaged one what can be decoded, and what is written in it."""
        try:
            with open_file(path) as file:
                image, capture, locator, problem, sources = read_picture(file, wanted.image_size)
        except OSError as error:
            raise MediaError(f"can't be read: {error.strerror}") from error
        yield Part(Modality.IMAGE, "photo", image, locator=locator, capture=capture)
        yield from noted_parts(written(sources), path, capture)
        if problem:
            yield Skipped(path.name, problem, "picture")
        elif locator == _ANIMATED:
            from cmsearch.media.animations import animated

            yield from animated(path, wanted.image_size, capture)

    def written(self, path: Path) -> Written:
        """What is written in a picture; its pixels are decoded only where that stands behind them.

        Raises `MediaError`.
        """
        prepare_pillow()
        try:
            with (
                open_file(path) as file,
                guarded(file) as own,
                Image.open(own, formats=FORMATS) as image,
                in_turn(pixels := image.width * image.height),
            ):
                if image.format == "PNG" and pixels <= MAX_PIXELS:
                    image.load()
                return written(sources_of(image, own))
        except MediaError:
            raise
        except Exception as error:  # as where it is decoded
            raise _damaged(error) from error

    def picture(self, path: Path, size: int, locator: str) -> Image.Image:
        """The picture in a file, or of an animation the frame at the middle of the times that
        `locator` names; upright and RGB, with a short side of about `size` pixels.

        Raises `MediaError`.
        """
        times = locators.span(locator)
        if times is not None:
            from cmsearch.media.animations import animated_frame

            return animated_frame(path, sum(times) / 2, size)
        try:
            with open_file(path) as file:
                return read_picture(file, max(1, size // 2)).image  # it may give twice that
        except OSError as error:
            raise MediaError(f"can't be read: {error.strerror}") from error


def is_common(path: Path | str) -> bool:
    """Whether a file's name ends as those of the formats that are told by their content do."""
    return Path(path).suffix.lower() in ImageReader.suffixes


def decode(data: bytes, size: int | None = None) -> Image.Image:
    """The picture in `data`, upright and RGB.

    With `size`, in pixels, it is decoded no larger than its short side needs to be at least twice
    that, which JPEG does at a fraction of the cost. Raises `MediaError`.
    """
    return read_picture(BytesIO(data), size).image


class Read(NamedTuple):
    """A decoded picture, what the camera noted beside it, which frame it is, and what is wrong with
    the file where it is a part of the picture only.
    """

    image: Image.Image
    capture: Capture
    locator: str
    problem: str
    sources: Sources
    """What is written in it."""


def read_picture(file: BinaryIO, size: int | None = None) -> Read:
    """What `decode` gives of a file, and what else it says; raises `MediaError`."""
    head = file.read(16)
    if not head:
        raise MediaError("the file is empty")
    most = MAX_BYTES if head[4:8] == b"ftyp" or head[:4] == b"RIFF" else MAX_FILE
    total = file.seek(0, 2)
    if total > most:
        raise MediaError(larger_than(most))
    file.seek(0)
    is_jpeg = head.startswith(_JPEG)
    prepare_pillow()
    try:
        with (
            guarded_jpeg(file, total) if is_jpeg else guarded(file) as own,
            Image.open(own, formats=FORMATS) as image,
            in_turn(pixels := image.width * image.height),
        ):
            if pixels > (MAX_JPEG_2000 if _is_2000(image) else MAX_PIXELS):
                raise MediaError(f"{image.width} x {image.height} pixels are too many")
            if is_jpeg:
                check_scans(own, image)
            if size is not None:
                image.draft("RGB", (2 * size, 2 * size))
            part, problem = loaded(image)
            sources = sources_of(image, own)
            capture = capture_of(sources, image, own)
            return Read(normalised(part, size), capture, _locator(image), problem, sources)
    except UnidentifiedImageError as error:
        if head.startswith(_BEGINNINGS) or head[4:8] == b"ftyp":
            reason = "a damaged picture, or one of a kind that can't be read"
        else:
            reason = "not a picture in a format that can be read"
        raise MediaError(reason) from error
    except Image.DecompressionBombError as error:
        raise MediaError(f"too many pixels ({error})") from error
    except MemoryError as error:
        raise MediaError("too large for the memory") from error
    except MediaError:
        raise
    except Exception as error:  # Pillow's plug-ins raise whatever a damaged file leads them to
        raise _damaged(error) from error


def flattened(image: Image.Image) -> Image.Image:
    """An opened picture as `decode` gives it: upright, RGB, on white. Raises `MediaError`."""
    try:
        image.load()
        return normalised(image, None)
    except Exception as error:  # as for files
        raise _damaged(error) from error


def _damaged(error: Exception) -> MediaError:
    said = str(error) or type(error).__name__
    if "MAX_TEXT" in said:
        reason = f"a text or a profile in it is {larger_than(MAX_TEXT)}, or all of them than 64 MiB"
        return MediaError(f"{reason}; save it anew without them")
    return MediaError(f"damaged ({said})")


@cache
def prepare_pillow() -> None:
    """Let Pillow read HEIC and HEIF, and PNG with a large profile of colours or text."""
    from pi_heif import register_heif_opener
    from PIL import PngImagePlugin

    register_heif_opener()
    PngImagePlugin.MAX_TEXT_CHUNK = MAX_TEXT


def _is_2000(image: Image.Image) -> bool:
    return image.format == "JPEG2000"


def _locator(image: Image.Image) -> str:
    """Which of several frames or pages was read; nothing where there is one.

    They aren't counted, which would mean to read them all. The further pictures that phones put
    into a JPEG or HEIC are not meant to be seen.
    """
    try:
        first = _FIRST.get(str(image.format))
        return f"first {first}" if first and getattr(image, "is_animated", False) else ""
    except Exception:  # a damaged second frame
        return ""
