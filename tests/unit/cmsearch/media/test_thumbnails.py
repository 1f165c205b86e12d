"""Thumbnails are upright, small, and made of whatever the readers read."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from cmsearch.errors import MediaError
from cmsearch.media.thumbnails import each, thumbnail
from tests.builders import write_files, write_picture

DATA = Path(__file__).parents[3] / "data"


def opened(data: bytes) -> Image.Image:
    image = Image.open(BytesIO(data))
    assert image.format == "WEBP"
    return image.convert("RGB")


@pytest.mark.parametrize(
    ("size", "expected"),
    [((300, 200), (60, 40)), ((200, 300), (40, 60)), ((30, 20), (30, 20)), ((3000, 10), (60, 1))],
)
def test_it_fits_into_a_square_and_is_never_enlarged(
    tmp_path: Path, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    made = thumbnail(write_picture(tmp_path / "a.png", "red", size), 60)
    assert (made.width, made.height) == opened(made.data).size == expected


def test_it_is_upright_and_has_no_exif(tmp_path: Path) -> None:
    image = Image.new("RGB", (80, 40), "red")
    image.paste("blue", (0, 0, 40, 40))
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "a camera"
    image.save(tmp_path / "a.jpg", exif=exif)
    made = thumbnail(tmp_path / "a.jpg", 40)
    shown = opened(made.data)
    assert (made.width, made.height) == (20, 40)
    top, bottom = shown.getpixel((10, 5)), shown.getpixel((10, 35))
    assert isinstance(top, tuple) and isinstance(bottom, tuple)
    assert top[2] > 200 > top[0] and bottom[0] > 200 > bottom[2]
    assert b"a camera" not in made.data


def test_heic_is_read(tmp_path: Path) -> None:
    made = thumbnail(DATA / "quarters.heic", 16)
    assert max(made.width, made.height) == 16


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("none.png", "No such file"),
        ("bad.png", "not a picture"),
        ("empty.jpg", "empty"),
        ("folder.png", "not a regular file"),
        ("a.xyz", "no reader"),
        ("notes.txt", "no picture"),
        ("zero\0.png", "no name of a file"),
    ],
)
def test_what_cannot_be_read_says_why(tmp_path: Path, name: str, said: str) -> None:
    write_files(tmp_path, {"bad.png": b"no", "empty.jpg": b"", "a.xyz": b"", "notes.txt": "Hello."})
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(MediaError, match=said):
        thumbnail(tmp_path / name, 60)


def test_many_come_in_order_with_the_reasons_of_those_that_failed(tmp_path: Path) -> None:
    paths = [write_picture(tmp_path / f"{n}.png", size=(n + 1, 1)) for n in range(40)]
    paths[7].write_bytes(b"no")
    found = list(each(lambda path: thumbnail(path, 60).width, paths))
    assert isinstance(found[7], MediaError)
    assert found[:7] + found[8:] == [n + 1 for n in range(40) if n != 7]
