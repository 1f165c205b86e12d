"""Decoding the raw pictures of cameras: their preview where it is large enough, else developed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import ExifTags, Image

from cmsearch.common.files import read_file
from cmsearch.common.kinds import FileKind
from cmsearch.errors import MediaError
from cmsearch.media.boxes import packet_in
from cmsearch.media.embedded import sources_of
from cmsearch.media.exif import capture_of, completed, shot_of
from cmsearch.media.images import MAX_PIXELS, read_picture
from cmsearch.media.notes import Written, noted_parts, written, written_in
from cmsearch.media.pillow import in_turn
from cmsearch.media.pixels import normalised, turned
from cmsearch.media.sources import Sources, gathered
from cmsearch.media.xmp import read_packet
from cmsearch.types import RAW, UNKNOWN_CAPTURE, Capture, Modality, Noted, Part, Reading, Skipped

if TYPE_CHECKING:
    import rawpy

MAX_BYTES = 2**30
_ORIENTATIONS = (1, 2, 4, 3, 5, 8, 6, 7)  # EXIF's, by LibRaw's flip
_TIFF = {b"II*\0", b"MM\0*", b"IIRO", b"IIRS", b"MMOR", b"IIU\0"}  # of Olympus and Panasonic too


class RawReader:
    """Reads raw pictures through rawpy, which the extra `raw` installs, each file as one photo."""

    suffixes = RAW
    max_bytes = MAX_BYTES
    kind = FileKind.RAW_PICTURE

    @property
    def missing(self) -> str | None:
        """The extra that it needs and that is missing; None if it can read."""
        return None if find_spec("rawpy") else "raw"

    def read(self, path: Path, wanted: Reading) -> Iterator[Part | Noted | Skipped]:
        """Give the picture, developed or as the camera embedded it."""
        try:
            data = read_file(path, MAX_BYTES)
        except OSError as error:
            raise MediaError(f"can't be read: {error.strerror}") from error
        image, noted, own = _read(data, wanted.image_size)
        yield Part(Modality.IMAGE, "photo", image, capture=noted)
        yield from noted_parts(own, path, noted)

    def written(self, path: Path) -> Written:
        """What is written in the file, but for its preview. Raises `MediaError`."""
        try:
            data = read_file(path, MAX_BYTES)
        except OSError as error:
            raise MediaError(f"can't be read: {error.strerror}") from error
        return _written(_own(data), None, data)


def decode_raw(data: bytes, size: int) -> tuple[Image.Image, Capture]:
    """The raw picture in `data`, upright and RGB, and what the camera noted.

    The preview in the file is taken if its short side is at least twice `size` pixels: it is what
    the photographer saw, at a tenth of the cost. Else the picture is developed, at half its size
    where that is enough, with the camera's white balance. Raises `MediaError`.
    """
    image, noted, _ = _read(data, size)
    return image, noted


def _read(data: bytes, size: int) -> tuple[Image.Image, Capture, Written]:
    """The same, and what is written in it."""
    if not find_spec("rawpy"):
        raise MediaError("raw pictures need cmsearch[raw]: pip install 'cmsearch[raw]'")
    import rawpy

    if not data:
        raise MediaError("the file is empty")
    try:
        with rawpy.imread(BytesIO(data)) as raw:
            pixels = raw.sizes.raw_width * raw.sizes.raw_height
            if pixels > MAX_PIXELS:
                raise MediaError(f"{pixels:,} pixels are too many")
            with in_turn(pixels):
                preview, sources, noted = _preview(raw, size)
                own = _own(data)
                capture = completed(shot_of(own), noted) if own else noted
                texts = _written(own, sources, data)
                return preview or _developed(raw, size), capture, texts
    except (rawpy.LibRawFileUnsupportedError, rawpy.LibRawIOError) as error:
        reason = "not a raw picture in a format that can be read, or cut short"
        raise MediaError(reason) from error
    except MemoryError as error:
        raise MediaError("too large for the memory") from error
    except MediaError:
        raise
    except Exception as error:  # rawpy's, and NumPy's and Pillow's of what it gives
        raise MediaError(f"damaged ({_said(error)})") from error


def _preview(raw: rawpy.RawPy, size: int) -> tuple[Image.Image | None, Sources | None, Capture]:
    """The largest preview, unless it is too small or damaged, and what is noted beside it.

    LibRaw writes the orientation of the raw picture into previews without EXIF.
    """
    from rawpy import LibRawError, NotSupportedError, ThumbFormat

    orientation = _ORIENTATIONS[raw.sizes.flip]
    try:
        preview = raw.extract_thumb()
        data: Any = preview.data
        if preview.format is ThumbFormat.BITMAP:
            image = turned(Image.fromarray(data), orientation)
            return (image if _is_enough(image, size) else None), None, UNKNOWN_CAPTURE
        with Image.open(BytesIO(data), formats=["JPEG"]) as image:
            exif = image.getexif()
            if not _is_enough(image, size):
                sources = sources_of(image, BytesIO(data))
                return None, sources, capture_of(sources, image, BytesIO(data))
        image, capture, _, problem, sources = read_picture(BytesIO(data), size)
        if problem:
            return None, sources, capture
    except (LibRawError, NotSupportedError, MediaError, OSError, SyntaxError, ValueError):
        return None, None, UNKNOWN_CAPTURE
    upright = image if ExifTags.Base.Orientation in exif else turned(image, orientation)
    return upright, sources, capture


def _is_enough(image: Image.Image, size: int) -> bool:
    return min(image.size) >= 2 * size


def _developed(raw: rawpy.RawPy, size: int) -> Image.Image:
    half = min(raw.sizes.width, raw.sizes.height) >= 4 * size
    pixels = raw.postprocess(half_size=half, use_camera_wb=True, output_bps=8)
    if pixels.shape[-1] == 1:
        pixels = pixels[..., 0]
    return normalised(Image.fromarray(pixels), size)


def _own(data: bytes) -> Sources | None:
    """What the file itself notes, where it is built like a TIFF."""
    if data[:4] not in _TIFF:
        return None
    exif = Image.Exif()
    with suppress(Exception):  # as for pictures: damaged EXIF says nothing
        exif.load((b"II*\0" if data[:1] == b"I" else b"MM\0*") + data[4:])
    return gathered(exif)


def _written(own: Sources | None, preview: Sources | None, data: bytes) -> Written:
    """What is written in the file, or in one that is built like a film, and else in its preview."""
    found = written(own) if own else written_in(read_packet(packet_in(BytesIO(data))))
    return found if found != Written() or preview is None else written(preview)


def _said(error: Exception) -> str:
    """The message of an error; LibRaw's are bytes."""
    said = error.args[0] if error.args else ""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return text or type(error).__name__
