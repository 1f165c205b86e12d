"""Decoding pictures of every kind that a folder may hold, and refusing what is none."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cmsearch.errors import MediaError
from cmsearch.media.images import MAX_PIXELS, ImageReader, decode
from cmsearch.types import Modality, Part

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
CORNERS = {(0, 0): RED, (-1, 0): GREEN, (0, -1): BLUE, (-1, -1): WHITE}
"""By (column, row)."""

# The EXIF standard: on which sides of the upright picture the stored row 0 and column 0 are.
SIDES = {
    1: ("top", "left"),
    2: ("top", "right"),
    3: ("bottom", "right"),
    4: ("bottom", "left"),
    5: ("left", "top"),
    6: ("right", "top"),
    7: ("right", "bottom"),
    8: ("left", "bottom"),
}


def saved(image: Image.Image, style: str = "PNG", **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, style, **options)
    return buffer.getvalue()


def quarters() -> np.ndarray:
    """An upright picture, 48 wide and 32 high, with another colour in each quarter."""
    pixels = np.zeros((32, 48, 3), np.uint8)
    for (column, row), colour in CORNERS.items():
        pixels[16 * -row : 16 - 16 * row, 24 * -column : 24 - 24 * column] = colour
    return pixels


def stored(upright: np.ndarray, orientation: int) -> Image.Image:
    """The pixels as a camera stores them that was held as `orientation` says."""
    sides = SIDES[orientation]
    if "bottom" in sides:
        upright = upright[::-1]
    if "right" in sides:
        upright = upright[:, ::-1]
    if sides[0] in ("left", "right"):
        upright = upright.transpose(1, 0, 2)
    return Image.fromarray(np.ascontiguousarray(upright))


def png_of_size(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims to be so large."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


@pytest.mark.parametrize("style", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", SIDES)
def test_a_picture_is_turned_upright(orientation: int, style: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = decode(saved(stored(quarters(), orientation), style, exif=exif))
    assert image.size == (48, 32)
    for place, colour in CORNERS.items():
        column, row = place[0] % 48, place[1] % 32
        assert image.getpixel((column, row)) == pytest.approx(colour, abs=12)  # JPEG loses a bit


def test_damaged_exif_does_not_lose_the_picture() -> None:
    image = decode(saved(Image.new("RGB", (4, 4), RED), exif=b"Exif\0\0this is no TIFF header"))
    assert image.getpixel((0, 0)) == RED


@pytest.mark.parametrize("colour", [RED, GREEN, (1, 2, 3)])
def test_rgb_stays_as_it_is(colour: tuple[int, int, int]) -> None:
    image = decode(saved(Image.new("RGB", (3, 2), colour)))
    assert (image.mode, image.size, image.getpixel((0, 0))) == ("RGB", (3, 2), colour)


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("RGBA", (*RED, 0), WHITE),
        ("RGBA", (*RED, 255), RED),
        ("RGBA", (*RED, 51), (255, 255 * 204 // 255, 255 * 204 // 255)),
        ("LA", (0, 0), WHITE),
        ("LA", (100, 255), (100, 100, 100)),
        ("LA", (0, 51), (204, 204, 204)),
    ],
)
def test_what_is_transparent_is_white(mode: str, colour: Any, expected: Any) -> None:
    image = decode(saved(Image.new(mode, (2, 2), colour)))
    assert (image.mode, image.getpixel((0, 0))) == ("RGB", expected)


@pytest.mark.parametrize("style", ["PNG", "GIF"])
def test_a_transparent_colour_of_a_palette_is_white(style: str) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([*RED, *BLUE])
    image.putpixel((1, 0), 1)
    decoded = decode(saved(image, style, transparency=0))
    assert [decoded.getpixel((column, 0)) for column in (0, 1)] == [WHITE, BLUE]


def test_a_palette_with_degrees_of_transparency_is_on_white() -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([*RED, *BLUE])
    image.putpixel((1, 0), 1)
    decoded = decode(saved(image, transparency=bytes([51, 255])))
    assert [decoded.getpixel((column, 0)) for column in (0, 1)] == [(255, 204, 204), BLUE]


def test_a_transparent_colour_of_rgb_is_white() -> None:
    image = Image.new("RGB", (2, 1), RED)
    image.putpixel((1, 0), BLUE)
    decoded = decode(saved(image, transparency=RED))
    assert [decoded.getpixel((column, 0)) for column in (0, 1)] == [WHITE, BLUE]


def test_cmyk() -> None:
    image = decode(saved(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG"))
    assert image.mode == "RGB"
    assert image.getpixel((4, 4)) == pytest.approx(RED, abs=3)


@pytest.mark.parametrize("value", [0, 1, 100, 254, 255])
@pytest.mark.parametrize(("mode", "style"), [("I;16", "PNG"), ("I;16", "TIFF"), ("I", "TIFF")])
def test_sixteen_bits_are_scaled_to_eight(mode: str, style: str, value: int) -> None:
    image = decode(saved(Image.new(mode, (2, 2), value * 65535 // 255), style))
    assert (image.mode, image.getpixel((1, 1))) == ("RGB", (value, value, value))


@pytest.mark.parametrize(("mode", "grey"), [("L", 77), ("1", 255), ("1", 0)])
def test_greyscale(mode: str, grey: int) -> None:
    image = decode(saved(Image.new(mode, (2, 2), grey)))
    assert (image.mode, image.getpixel((0, 0))) == ("RGB", (grey, grey, grey))


def test_an_animation_is_its_first_picture() -> None:
    first, second = Image.new("RGB", (4, 4), RED), Image.new("RGB", (4, 4), BLUE)
    image = decode(saved(first, "GIF", save_all=True, append_images=[second]))
    assert (image.mode, image.getpixel((0, 0))) == ("RGB", RED)


@pytest.mark.parametrize("size", [100, 260])
def test_a_large_jpeg_is_decoded_smaller_but_large_enough(size: int) -> None:
    data = saved(Image.new("RGB", (2400, 1800), RED), "JPEG")
    width, height = decode(data, size).size
    assert 2 * size <= height < 1800
    assert width * 3 == height * 4
    assert decode(data).size == (2400, 1800)


def test_a_jpeg_that_is_small_already_keeps_its_size() -> None:
    assert decode(saved(Image.new("RGB", (600, 519)), "JPEG"), 260).size == (600, 519)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"This is a letter, not a picture.\n" * 50, "not a picture"),
        (b"\0" * 1000, "not a picture"),
        (saved(Image.effect_noise((200, 200), 50), "JPEG")[:-2000], "damaged"),
        (saved(Image.effect_noise((200, 200), 50))[:-2000], "damaged"),
        (png_of_size(60_000, 60_000), "pixels"),
        (png_of_size(MAX_PIXELS + 1, 1), "pixels"),
    ],
    ids=["empty", "text", "zeros", "cut JPEG", "cut PNG", "3600 megapixels", "one pixel too many"],
)
def test_what_cannot_be_decoded(data: bytes, reason: str) -> None:
    with pytest.raises(MediaError, match=reason):
        decode(data, 260)


def test_a_picture_of_many_pixels_is_no_warning() -> None:
    """Pillow warns from 89 megapixels on; in a process of its own, where pytest filters nothing."""
    code = (
        "from io import BytesIO; from PIL import Image; from cmsearch.media.images import decode\n"
        "buffer = BytesIO(); Image.new('L', (10_000, 9_000)).save(buffer, 'JPEG')\n"
        "print(decode(buffer.getvalue(), 100).size)"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (run.stdout, run.stderr) == ("(250, 225)\n", "")


@pytest.mark.parametrize("suffix", [".jpg", ".JPEG", ".png", ".webp"])
def test_the_reader_knows_the_suffixes(suffix: str) -> None:
    assert suffix.lower() in ImageReader().suffixes


def test_the_reader_gives_one_photo(tmp_path: Path) -> None:
    path = tmp_path / "wrong suffix.jpg"
    path.write_bytes(saved(Image.new("RGB", (5, 4), GREEN)))
    (part,) = ImageReader().read(path, 260)
    assert isinstance(part, Part)
    assert replace(part, content=None) == Part(Modality.IMAGE, "photo", None)
    assert (part.content.size, part.content.getpixel((0, 0))) == ((5, 4), GREEN)


def test_the_reader_says_why_a_file_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "letter.jpg").write_text("Dear all,")
    with pytest.raises(MediaError, match="not a picture"):
        list(ImageReader().read(tmp_path / "letter.jpg", 260))
    with pytest.raises(MediaError, match="can't be read: No such file"):
        list(ImageReader().read(tmp_path / "gone.jpg", 260))


def corners(image: Image.Image) -> dict[tuple[int, int], tuple[int, ...]]:
    """The colour in the middle of each quarter."""
    places = {0: 1, -1: 3}
    return {
        (column, row): image.getpixel(
            (image.width * places[column] // 4, image.height * places[row] // 4)
        )
        for column, row in CORNERS
    }


@pytest.mark.parametrize("style", ["AVIF", "BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP"])
def test_each_format_keeps_its_colours_and_its_way_up(style: str) -> None:
    image = decode(saved(Image.fromarray(quarters()), style))
    assert image.mode == "RGB" and image.size == (48, 32)
    for place, colour in corners(image).items():
        assert colour == pytest.approx(CORNERS[place], abs=6)


def test_heic_keeps_its_colours() -> None:
    """The file was made once with libheif's encoder, which is not among the dependencies."""
    image = decode((Path(__file__).parents[3] / "data" / "quarters.heic").read_bytes())
    assert image.mode == "RGB" and image.size == (64, 48)
    for place, colour in corners(image).items():
        assert colour == pytest.approx(CORNERS[place], abs=10)


def test_the_first_frame_of_an_animation_is_taken() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, BLUE)]
    for style in ("GIF", "WEBP", "PNG"):
        data = saved(frames[0], style, save_all=True, append_images=frames[1:], lossless=True)
        assert decode(data).getpixel((4, 4)) == pytest.approx(RED, abs=2)
