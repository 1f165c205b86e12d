"""Small files that would keep a decoder busy for hours are told before, or cut."""

from __future__ import annotations

import struct
import time
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from cmsearch.errors import MediaError
from cmsearch.media import animations, guarded
from cmsearch.media.images import ImageReader, decode
from cmsearch.types import Part, Reading, Skipped
from tests.bad_files import chunk, png

SIZE = 64
GREY = 128


def jpeg(*sides: int, progressive: bool = False, subsampling: int = 0) -> bytes:
    file = BytesIO()
    picture = Image.linear_gradient("L").resize(sides).convert("RGB")
    picture.save(file, "JPEG", progressive=progressive, subsampling=subsampling)
    return file.getvalue()


def many_scans(count: int, *sides: int) -> bytes:
    """A progressive JPEG whose last scan comes again and again."""
    data = jpeg(*sides, progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * count + data[-2:]


def one_by_one(count: int, *sides: int) -> bytes:
    """A sequential JPEG with a scan for each colour, the first of them again and again."""
    grey = BytesIO()
    Image.new("L", sides, GREY).save(grey, "JPEG")
    scan = grey.getvalue()
    pixels = scan[scan.index(b"\xff\xda") + 10 : -2]
    colour = jpeg(*sides)
    head = colour[: colour.index(b"\xff\xda")]

    def of(number: int, tables: int) -> bytes:
        return b"\xff\xda\0\x08\x01" + bytes([number, tables, 0, 63, 0]) + pixels

    return head + of(1, 0) * count + of(2, 0x11) + of(3, 0x11) + b"\xff\xd9"


@pytest.mark.parametrize("make", [many_scans, one_by_one])
def test_a_jpeg_of_endless_scans_is_told_without_decoding_it(
    monkeypatch: pytest.MonkeyPatch, make: object
) -> None:
    assert callable(make)
    monkeypatch.setattr(guarded, "MAX_SCANNED", 100 * 400 * 300)
    assert decode(make(50, 400, 300), SIZE).size == (200, 150)
    start = time.process_time()
    with pytest.raises(MediaError, match="no photograph does"):
        decode(make(200, 400, 300), SIZE)
    assert time.process_time() - start < 20


def check(data: bytes, pixels: int = 0) -> None:
    """Check the scans of a JPEG as if it had so many pixels."""
    file = BytesIO(data)
    with Image.open(file) as image:
        place = file.tell()
        image._size = (pixels, 1) if pixels else image.size  # type: ignore[attr-defined]
        guarded.check_scans(file, image)
        assert file.tell() == place


def test_the_largest_photographs_may_be_progressive() -> None:
    """Ten scans are usual, of 178 megapixels too."""
    data = jpeg(64, 48, progressive=True)
    assert 8 <= data.count(b"\xff\xda") <= 12
    check(data, 178_000_000)
    with pytest.raises(MediaError, match="no photograph does"):
        check(many_scans(30, 64, 48), 178_000_000)


class Counted(BytesIO):
    """A file that notes how far it was read."""

    furthest = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.furthest = max(self.furthest, self.tell())
        return data


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_a_photograph_of_one_scan_is_read_no_further_than_its_header(mode: str) -> None:
    """What follows, such as the film of a moving photograph, may look like scans."""
    buffer = BytesIO()
    Image.linear_gradient("L").convert(mode).save(buffer, "JPEG")
    file = Counted(buffer.getvalue() + b"\xff\xda" * 200_000)
    with Image.open(file) as image:
        guarded.check_scans(file, image)
    assert file.furthest < len(buffer.getvalue())


@pytest.mark.parametrize("end", [b"", b"\xff", b"\xff\xda", b"\xff\xda\0", b"\xff" * 50_000])
def test_scans_are_counted_in_damaged_files(end: bytes) -> None:
    data = many_scans(3, 64, 48)
    first = data.index(b"\xff\xda") + 14
    for cut in (first, first + 50, len(data) - 2):
        check(data[:cut] + end)


def pieces(kind: str, count: int) -> bytes:
    """A picture with so many parts that say nothing."""
    file = BytesIO()
    if kind == "png":
        return png(8, 8, *[chunk(b"abCd", b"")] * count)
    if kind == "gif":
        Image.new("L", (8, 8)).save(file, "GIF")
        head, rest = file.getvalue()[:6], file.getvalue()[6:]
        table = 13 + 3 * 2 ** ((rest[4] & 7) + 1) * (rest[4] >> 7) - 6
        return head + rest[:table] + b"\x21\xfe\x01a\0" * count + rest[table:]
    Image.new("L", (8, 8)).save(file, "JPEG")
    return file.getvalue()[:2] + b"\xff\xfe\0\x02" * count + file.getvalue()[2:]


@pytest.mark.parametrize("kind", ["png", "gif", "jpeg"])
def test_a_picture_of_countless_parts_is_told(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(guarded, "MAX_READS", 5000)
    assert decode(pieces(kind, 500)).size == (8, 8)
    with pytest.raises(MediaError, match="pieces"):
        decode(pieces(kind, 20_000))


def test_what_a_jpeg_notes_before_its_pixels_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded, "MAX_HEAD", 2**20)
    note = b"\xff\xe1\xff\xffExif\0\0".ljust(65_537, b"\0")
    data = jpeg(64, 48)
    assert decode(data[:2] + note * 10 + data[2:]).size == (64, 48)
    with pytest.raises(MediaError, match="come before its pixels"):
        decode(data[:2] + note * 30 + data[2:])


def gif(screen: tuple[int, int], frame: tuple[int, int], count: int) -> bytes:
    """An animation of small frames, but for the last, which has the size `frame`."""
    head = b"GIF89a" + struct.pack("<HHBBB", *screen, 0xF0, 0, 0) + b"\0\0\0\xff\xff\xff"

    def of(*sides: int) -> bytes:
        place = b"," + struct.pack("<HHHHB", 0, 0, *sides, 0)
        return b"\x21\xf9\x04\x08\x0a\0\0\0" + place + b"\x02\x02\x4c\x01\0"

    return head + of(1, 1) * count + of(*frame) + b";"


def test_frames_are_counted_by_what_they_are_drawn_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(animations, "MAX_DECODED", 10 * 500 * 500)
    found = read(tmp_path / "a.gif", gif((500, 500), (1, 1), 2000))
    assert [one.reason for one in found if isinstance(one, Skipped)] == [
        "what comes after 10 frames is left out"
    ]
    assert any(isinstance(one, Part) for one in found)


@pytest.mark.parametrize(("screen", "frame"), [((9000, 9000), (1, 1)), ((1, 1), (13000, 13000))])
def test_a_frame_that_is_too_large_is_not_played(
    tmp_path: Path, screen: tuple[int, int], frame: tuple[int, int]
) -> None:
    """A frame may make the picture larger than its beginning says."""
    start = time.process_time()
    found = read(tmp_path / "a.gif", gif(screen, frame, 100))
    assert time.process_time() - start < 30
    (problem,) = (one.reason for one in found if isinstance(one, Skipped))
    assert problem.endswith("pixels are too many to be played")


def read(path: Path, data: bytes) -> list[Part | Skipped]:
    path.write_bytes(data)
    return list(ImageReader().read(path, Reading(SIZE)))
