"""Of a picture whose file is damaged or cut short what can be read is shown, and said so."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cmsearch.errors import MediaError
from cmsearch.media.images import ImageReader, decode
from cmsearch.media.partial import LEAST
from cmsearch.search.query.encode import encode_queries
from cmsearch.types import Part, Reading, Skipped
from tests.bad_files import damaged, saved
from tests.builders import scene
from tests.fakes import FakeEncoder

SIZE = (400, 300)
PICTURE = scene(3, SIZE)
WHOLE = {
    "jpeg": ("JPEG", {"quality": 90}),
    "progressive": ("JPEG", {"quality": 90, "progressive": True}),
    "grey": ("JPEG", {"quality": 90}),
    "restarts": ("JPEG", {"quality": 90, "restart_marker_rows": 1}),
    "png": ("PNG", {}),
    "alpha": ("PNG", {}),
    "palette": ("PNG", {}),
    "gif": ("GIF", {}),
    "tiff": ("TIFF", {}),
    "deflated": ("TIFF", {"compression": "tiff_deflate"}),
    "bmp": ("BMP", {}),
}
MODES = {"grey": "L", "alpha": "RGBA", "palette": "P", "gif": "P"}


def data(name: str) -> bytes:
    style, options = WHOLE[name]
    buffer = BytesIO()
    PICTURE.convert(MODES.get(name, "RGB")).save(buffer, style, **options)
    return buffer.getvalue()


def read(path: Path, content: bytes, size: int = 200) -> tuple[Image.Image, str]:
    """The photo of a file, and what is wrong with it."""
    path.write_bytes(content)
    found = list(ImageReader().read(path, Reading(size)))
    photos = [one.content for one in found if isinstance(one, Part)]
    assert len(photos) == 1
    problems: Sequence[Skipped] = [one for one in found if isinstance(one, Skipped)]
    assert all(one.locator == "picture" for one in problems)
    return photos[0], problems[0].reason if problems else ""


def difference(image: Image.Image, top: int = 0) -> float:
    """How far a picture is from the rows of the whole one that it has, in grey levels."""
    rows = PICTURE.crop((0, top, SIZE[0], top + image.height))
    return float(np.abs(np.asarray(image).astype(int) - np.asarray(rows)).mean())


@pytest.mark.parametrize("missing", [1, 2])
@pytest.mark.parametrize("name", ["jpeg", "progressive", "grey", "restarts"])
def test_a_jpeg_without_its_end_is_whole_and_told(tmp_path: Path, name: str, missing: int) -> None:
    image, problem = read(tmp_path / "a.jpg", data(name)[:-missing])
    assert image.size == SIZE
    assert np.array_equal(np.asarray(image), np.asarray(decode(data(name), 200)))
    assert problem == "damaged (cut short): nearly all of it can be seen"


@pytest.mark.parametrize("name", [one for one in WHOLE if one != "deflated"])
def test_half_a_file_gives_about_half_a_picture(tmp_path: Path, name: str) -> None:
    whole = data(name)
    image, problem = read(tmp_path / "a.jpg", whole[: len(whole) // 2])
    assert problem.startswith("damaged (") and problem.endswith("of it can be seen")
    has_all = name in ("progressive", "gif")  # its first scans, or of each rows the first
    assert image.width == SIZE[0]
    assert has_all or 0.3 * SIZE[1] < image.height < 0.75 * SIZE[1]
    top = SIZE[1] - image.height if name == "bmp" else 0
    if name in ("jpeg", "restarts", "grey"):  # of the last block of rows, not all was read
        image = image.crop((0, 0, image.width, image.height - 16))
    most = {"palette": 30, "gif": 40, "progressive": 12, "grey": 60}
    assert difference(image, top) < most.get(name, 4)


@pytest.mark.parametrize("name", WHOLE)
def test_what_comes_after_a_picture_is_no_damage(tmp_path: Path, name: str) -> None:
    image, problem = read(tmp_path / "a.jpg", data(name) + b"\xa5" * 3000)
    assert not problem and image.size == SIZE


@pytest.mark.parametrize("name", WHOLE)
def test_too_little_of_a_picture_is_none(tmp_path: Path, name: str) -> None:
    whole = data(name)
    for share in (0.002, 0.01, 0.1):
        (tmp_path / "a.jpg").write_bytes(whole[: int(len(whole) * share)])
        if name == "progressive" and share == 0.1:
            continue  # a tenth of the file has the first scan, which is all of the picture
        with pytest.raises(MediaError, match=r"damaged|not a picture"):
            list(ImageReader().read(tmp_path / "a.jpg", Reading(200)))


def test_a_page_that_is_white_below_is_whole_without_the_end_of_its_file(tmp_path: Path) -> None:
    """Only the grey that decoders begin with was not read."""
    page = Image.new("RGB", SIZE, "white")
    page.paste(PICTURE.crop((0, 0, 400, 30)))
    buffer = tmp_path / "whole.jpg"
    page.save(buffer)
    image, problem = read(tmp_path / "a.jpg", buffer.read_bytes()[:-2])
    assert image.size == SIZE and "nearly all" in problem


def test_a_large_jpeg_is_read_at_a_fraction_of_its_size_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = saved("JPEG", (1600, 1200))
    image, problem = read(tmp_path / "a.jpg", whole[: len(whole) * 6 // 10], 100)
    assert image.width == 400 and 150 < image.height < 200
    assert "(cut short): 6" in problem


def test_a_turned_picture_that_is_cut_short_is_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x112] = 6
    PICTURE.save(tmp_path / "whole.jpg", exif=exif, quality=90)
    whole = (tmp_path / "whole.jpg").read_bytes()
    image, problem = read(tmp_path / "a.jpg", whole[: len(whole) // 2])
    assert problem and image.height == SIZE[0] and image.width < 0.75 * SIZE[1]


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_what_is_overwritten_gives_a_part_or_a_reason(
    tmp_path: Path, name: str, share: float
) -> None:
    whole = data(name)
    (tmp_path / "a.jpg").write_bytes(damaged(whole, int(len(whole) * share)))
    try:
        found = list(ImageReader().read(tmp_path / "a.jpg", Reading(200)))
    except MediaError as error:
        assert "damaged" in str(error)
    else:
        assert isinstance(found[0], Part) and found[0].content.height >= LEAST * SIZE[1] - 1


def test_threads_that_read_whole_pictures_are_not_told_of_others_damage(tmp_path: Path) -> None:
    """Pillow's own switch is one for all threads."""
    whole = data("jpeg")
    cut = [whole, whole[: len(whole) // 3]] * 20

    def at(number: int) -> str:
        return read(tmp_path / f"{number}.jpg", cut[number])[1]

    with ThreadPoolExecutor(4) as pool:
        problems = list(pool.map(at, range(len(cut))))
    assert [bool(one) for one in problems] == [False, True] * 20


def test_a_damaged_picture_is_searched_with_as_far_as_it_goes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING, "cmsearch"):
        found, _ = encode_queries(FakeEncoder(), None, data("jpeg")[:-2])
    assert len(found) == 1
    assert "The picture is damaged (cut short): nearly all of it can be seen." in caplog.text
