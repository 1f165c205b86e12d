"""Raw pictures: their preview or their own pixels, upright, with what the camera noted."""

from __future__ import annotations

import sys
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cmsearch.errors import MediaError
from cmsearch.media import images, raw
from cmsearch.media.raw import RawReader, decode_raw
from cmsearch.types import Capture, Modality, Part, Reading
from tests.raws import BLUE, GREEN, RED, WHITE, dng, quarters
from tests.unit.cmsearch.media.test_images import stored

NOTED = Capture(datetime(2021, 7, 8, 9, 10, 11), "Maker One", source="changed")
COLOURS = [RED, GREEN, BLUE, WHITE]


def colours(image: Image.Image) -> list[Any]:
    """In the middle of each quarter, row by row."""
    places = [(column, row) for row in (1, 3) for column in (1, 3)]
    return [image.getpixel((image.width * c // 4, image.height * r // 4)) for c, r in places]


def matches(image: Image.Image, expected: list[Any] = COLOURS) -> bool:
    return bool(np.allclose(colours(image), expected, atol=12))


def jpeg(pixels: np.ndarray, orientation: int | None = None) -> tuple[bytes, int, int]:
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    buffer = BytesIO()
    options = {} if orientation is None else {"exif": exif}
    Image.fromarray(pixels).save(buffer, "JPEG", quality=95, subsampling=0, **options)
    return buffer.getvalue(), *pixels.shape[:2]


def mosaic(orientation: int) -> np.ndarray:
    return np.asarray(stored(quarters(96, 144), orientation))


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize(("size", "half"), [(16, True), (40, False)])
def test_a_raw_picture_is_developed_upright(orientation: int, size: int, half: bool) -> None:
    image, capture = decode_raw(dng(mosaic(orientation), orientation), size)
    assert image.size == ((72, 48) if half else (144, 96))
    assert matches(image)
    assert capture == NOTED


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("kind", ["pixels", "JPEG", "JPEG that says it"])
def test_a_large_preview_is_taken_and_turned_upright(orientation: int, kind: str) -> None:
    """It has other colours here, so that it can be told from the picture."""
    preview: Any = np.roll(np.asarray(stored(quarters(64, 96), orientation)), 1, axis=2)
    if kind != "pixels":
        preview = jpeg(preview, orientation if kind == "JPEG that says it" else None)
    image, capture = decode_raw(dng(mosaic(orientation), orientation, preview), 32)
    assert image.size == (96, 64)
    assert matches(image, [GREEN, BLUE, RED, WHITE])
    assert capture == NOTED


def test_a_small_preview_is_not_taken() -> None:
    preview = np.roll(quarters(62, 96), 1, axis=2)
    image, _ = decode_raw(dng(quarters(96, 144), 1, preview), 32)
    assert image.size == (144, 96) and matches(image)


def test_a_damaged_preview_is_not_taken() -> None:
    data, *shape = jpeg(quarters(64, 96))
    image, _ = decode_raw(dng(quarters(96, 144), 1, (data[:300], *shape)), 32)
    assert image.size == (144, 96) and matches(image)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b"Dear all,", "not a raw picture"),
        (dng(quarters())[:200], "not a raw picture"),
        (dng(quarters())[:-2000], "cut short"),
    ],
)
def test_what_cannot_be_developed(data: bytes, reason: str) -> None:
    with pytest.raises(MediaError, match=reason):
        decode_raw(data, 16)


def test_too_many_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw, "MAX_PIXELS", 1000)
    with pytest.raises(MediaError, match="1,536 pixels are too many"):
        decode_raw(dng(quarters()), 16)


def test_the_reader_gives_one_photo(tmp_path: Path) -> None:
    (tmp_path / "a.dng").write_bytes(dng(quarters()))
    (part,) = RawReader().read(tmp_path / "a.dng", Reading(8))
    assert isinstance(part, Part)
    assert (part.modality, part.kind, part.locator, part.capture) == (
        Modality.IMAGE, "photo", "", NOTED,
    )  # fmt: skip
    with pytest.raises(MediaError, match="can't be read: No such file"):
        list(RawReader().read(tmp_path / "gone.dng", Reading(8)))


def test_what_is_missing_is_known_without_importing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert RawReader().missing is None
    monkeypatch.setattr(sys, "path", [])
    sys.path_importer_cache.clear()
    monkeypatch.delitem(sys.modules, "rawpy", raising=False)
    assert RawReader().missing == "raw"


def test_no_suffix_is_of_two_readers() -> None:
    assert not RawReader.suffixes & images.ImageReader.suffixes
