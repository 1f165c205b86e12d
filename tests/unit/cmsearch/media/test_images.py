"""Decoding pictures of every kind that a folder may hold, and refusing what is none."""

from __future__ import annotations

import gc
import os
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
from PIL import Image, ImageCms, ImageFile

from cmsearch.errors import MediaError
from cmsearch.media import images
from cmsearch.media.images import MAX_PIXELS, ImageReader, decode, read_picture
from cmsearch.types import Modality, Part, Reading

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


@pytest.mark.parametrize("style", ["AVIF", "JPEG", "PNG", "TIFF", "WEBP"])
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
        (saved(Image.effect_noise((200, 200), 50), "JPEG")[:1500], "damaged"),
        (saved(Image.effect_noise((200, 200), 50))[:1500], "damaged"),
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
    (part,) = ImageReader().read(path, Reading(260))
    assert isinstance(part, Part)
    assert replace(part, content=None) == Part(Modality.IMAGE, "photo", None)
    assert (part.content.size, part.content.getpixel((0, 0))) == ((5, 4), GREEN)


def test_the_reader_says_why_a_file_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "letter.jpg").write_text("Dear all,")
    with pytest.raises(MediaError, match="not a picture"):
        list(ImageReader().read(tmp_path / "letter.jpg", Reading(260)))
    with pytest.raises(MediaError, match="can't be read: No such file"):
        list(ImageReader().read(tmp_path / "gone.jpg", Reading(260)))


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


# --- which frame ---


@pytest.mark.parametrize("style", ["GIF", "WEBP", "PNG", "AVIF", "TIFF"])
def test_the_part_says_that_there_is_more(tmp_path: Path, style: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, BLUE)]
    several = saved(frames[0], style, save_all=True, append_images=frames[1:])
    (tmp_path / "several").write_bytes(several)
    (tmp_path / "one").write_bytes(saved(frames[0], style))
    photo = next(iter(ImageReader().read(tmp_path / "several", Reading(8))))
    assert photo.locator == ("first page" if style == "TIFF" else "first frame")
    assert {part.locator for part in ImageReader().read(tmp_path / "one", Reading(8))} == {""}


def test_what_phones_put_behind_a_picture_is_not_meant(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, BLUE)]
    several = saved(frames[0], "MPO", save_all=True, append_images=frames[1:])
    image, _, locator, *_ = read_picture(BytesIO(several), 8)
    assert image.getpixel((4, 4)) == pytest.approx(RED, abs=3)
    assert locator == ""


def test_only_the_first_frame_is_read() -> None:
    """Of a GIF, as of what never ends: the rest of the file is not touched."""
    data = saved(Image.new("RGB", (8, 8), RED), "GIF", save_all=True,
                 append_images=[Image.new("RGB", (8, 8), BLUE)])  # fmt: skip
    frame = data[data.rindex(b"\x21\xf9") : -1]

    class Counted(BytesIO):
        far = 0

        def read(self, size: int | None = -1, /) -> bytes:
            found = super().read(size)
            self.far = max(self.far, self.tell())
            return found

    file = Counted(data[:-1] + frame * 10_000)
    image, _, locator, *_ = read_picture(file, 8)
    assert (image.getpixel((0, 0)), locator) == (RED, "first frame")
    assert file.far < 2**17 < len(data) + 9_999 * len(frame)  # Pillow reads 64 KiB at a time


# --- colours ---


def png16(kind: int, *samples: int) -> bytes:
    """A PNG of one pixel with samples of 16 bits."""
    header = struct.pack(">IIBBBBB", 1, 1, 16, kind, 0, 0, 0)
    row = zlib.compress(b"\0" + struct.pack(f">{len(samples)}H", *samples))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in ((b"IHDR", header), (b"IDAT", row), (b"IEND", b""))
    )


@pytest.mark.parametrize(
    ("data", "colour"),
    [
        (png16(0, 100 * 257), (100, 100, 100)),
        (png16(2, 65535, 100 * 257, 0), (255, 100, 0)),
        (png16(4, 100 * 257, 0), WHITE),
        (png16(4, 100 * 257, 65535), (100, 100, 100)),
        (png16(6, 65535, 0, 0, 51 * 257), (255, 204, 204)),
    ],
    ids=["grey", "RGB", "transparent grey", "opaque grey", "RGBA"],
)
def test_sixteen_bits_of_each_kind(data: bytes, colour: tuple[int, ...]) -> None:
    assert decode(data).getpixel((0, 0)) == pytest.approx(colour, abs=1)


@pytest.mark.parametrize(
    ("values", "greys"),
    [
        ([0, 0.5, 1], [0, 128, 255]),
        ([0, 100, 255], [0, 100, 255]),
        ([0, 257, 65535], [0, 1, 255]),
        ([-1, 0, 1], [0, 128, 255]),
        ([0, 1e6, 2e6], [0, 128, 255]),
        ([float("nan"), 1, float("inf")], [0, 255, 0]),
        ([0, 0, 0], [0, 0, 0]),
    ],
)
def test_floating_point_is_scaled_to_eight_bits(values: list[float], greys: list[int]) -> None:
    data = saved(Image.fromarray(np.array([values], np.float32)), "TIFF")
    image = decode(data)
    for column, grey in enumerate(greys):
        assert image.getpixel((column, 0)) == pytest.approx((grey,) * 3, abs=1)


def test_cmyk_as_adobe_writes_it_with_luma_and_chroma() -> None:
    """YCCK: Pillow writes the four planes as they are; one byte says what they are."""
    upright = 255 - quarters()
    luma = np.asarray(Image.fromarray(upright).convert("YCbCr"))
    planes = np.dstack([255 - luma, np.zeros_like(luma[..., 0])])
    data = saved(Image.fromarray(planes, "CMYK"), "JPEG", quality=95, subsampling=0)
    place = data.index(b"Adobe") + 11
    data = data[:place] + b"\2" + data[place + 1 :]
    for place_, colour in corners(decode(data)).items():
        assert colour == pytest.approx(CORNERS[place_], abs=6)


# Display P3, adapted to D50: Apple's profile.
P3 = [(0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407)]
SRGB = [(0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410)]


def profile(primaries: list[tuple[float, ...]] | None = None) -> bytes:
    """An sRGB profile, or one like it with other primaries."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for name, values in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries or (), strict=bool(primaries)):
        start = struct.unpack_from(">I", data, data.index(name) + 4)[0]
        struct.pack_into(">3i", data, start + 8, *(round(value * 65536) for value in values))
    return bytes(data)


def in_p3(colour: tuple[int, ...]) -> tuple[int, ...]:
    """A colour of sRGB by its numbers in Display P3, which has the same curve."""
    value = np.array(colour) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    other = np.linalg.solve(np.array(P3).T, np.array(SRGB).T @ linear).clip(0, 1)
    curved = np.where(other <= 0.0031308, other * 12.92, 1.055 * other ** (1 / 2.4) - 0.055)
    return tuple(round(float(part) * 255) for part in curved)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
@pytest.mark.parametrize("colour", [(230, 40, 40), (40, 200, 60), (60, 60, 220), (128, 128, 128)])
def test_colours_of_another_profile_become_srgb(colour: tuple[int, ...], mode: str) -> None:
    assert mode == "P" or colour == (128,) * 3 or in_p3(colour) != colour
    image = Image.new("RGB", (4, 4), in_p3(colour))
    image = image.quantize() if mode == "P" else image.convert(mode)
    data = saved(image, icc_profile=profile(P3))
    assert decode(data).getpixel((0, 0)) == pytest.approx(colour, abs=2)


@pytest.mark.parametrize("icc", [profile(), profile(SRGB), b"", b"no profile", profile(P3)[:300]])
def test_srgb_and_damaged_profiles_change_nothing(icc: bytes) -> None:
    for mode in ("RGB", "L"):
        image = Image.new("RGB", (4, 4), (200, 50, 90)).convert(mode)
        plain = decode(saved(image))
        assert decode(saved(image, icc_profile=icc)).getpixel((0, 0)) == plain.getpixel((0, 0))
    ink = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    assert decode(saved(ink, "JPEG", icc_profile=icc)).getpixel((4, 4)) == pytest.approx(RED, abs=3)


# --- bounds ---


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA", "CMYK", "I;16", "F"])
def test_a_large_picture_is_shrunk_but_stays_large_enough(mode: str) -> None:
    image = Image.new("RGB", (900, 700), WHITE).convert("L" if mode in ("I;16", "F") else mode)
    if mode in ("I;16", "F"):
        image = Image.fromarray(np.asarray(image).astype(np.uint16 if mode == "I;16" else "f4"))
    data = saved(image, "TIFF")
    shrunk = decode(data, 100)
    assert shrunk.size == ((900, 700) if mode == "1" else (300, 234))
    assert decode(data, 200).size == (900, 700)


@pytest.mark.parametrize("size", [(100_000, 1), (1, 100_000)])
def test_of_a_strip_the_middle_is_taken(size: tuple[int, int]) -> None:
    """Resized by its short side it would not fit into any memory."""
    image = Image.new("L", size)
    width, height = size
    image.paste(255, (max(0, width // 2 - 25), max(0, height // 2 - 25), width // 2 + 25, height))
    image = decode(saved(image, "PNG"), 260)
    assert sorted(image.size) == [1, 50]
    assert image.getpixel((0, 0)) == WHITE


def test_a_file_of_a_format_that_is_read_whole_may_not_be_huge(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(images, "MAX_BYTES", 100)
    picture = Image.effect_noise((64, 64), 50)
    for style in ("WEBP", "AVIF"):
        with pytest.raises(MediaError, match="larger than"):
            decode(saved(picture, style))
    assert decode(saved(picture, "PNG")).size == (64, 64)


def test_no_program_is_run_to_read_a_picture() -> None:
    """Pillow would hand PostScript to Ghostscript."""
    buffer = BytesIO()
    Image.new("RGB", (4, 4)).save(buffer, "EPS")
    with pytest.raises(MediaError, match="not a picture"):
        decode(buffer.getvalue())


def test_only_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "zero.jpg").symlink_to("/dev/zero")
    for name in ("pipe.jpg", "zero.jpg"):
        with pytest.raises(MediaError, match="not a regular file"):
            list(ImageReader().read(tmp_path / name, Reading(8)))


@pytest.mark.parametrize("style", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_picture_is_freed_as_soon_as_nobody_has_it(style: str) -> None:
    """Not when Python next looks for circles: until then many pictures would be kept."""
    buffer = BytesIO()
    Image.new("RGB", (640, 480), "red").save(buffer, style)
    gc.collect()
    gc.disable()
    try:
        before = count_pictures()
        decode(buffer.getvalue(), 64)
        assert count_pictures() == before
    finally:
        gc.enable()


def count_pictures() -> int:
    # By its type: asking others for their class may warn, as modules of torch do.
    return sum(issubclass(type(one), ImageFile.ImageFile) for one in gc.get_objects())
