"""What a camera noted, read from pictures that Pillow wrote."""

from __future__ import annotations

from datetime import datetime
from io import BytesIO
from typing import Any

import pytest
from PIL import ExifTags, Image

from cmsearch.media.images import read_picture
from cmsearch.types import Shot


def shot(
    exif: dict[int, Any], more: dict[int, Any] | None = None, place: dict[int, Any] | None = None
) -> Shot:
    """What is read from a JPEG with these tags, those of the EXIF part, and those of the place."""
    written = Image.Exif()
    written.update(exif)
    written.get_ifd(ExifTags.IFD.Exif).update(more or {})
    written.get_ifd(ExifTags.IFD.GPSInfo).update(place or {})
    buffer = BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG", exif=written)
    buffer.seek(0)
    return read_picture(buffer, 100)[1]


def test_the_time_of_the_shot_counts_before_that_of_the_last_edit() -> None:
    edited = {ExifTags.Base.DateTime: "2024:02:03 04:05:06"}
    original = {ExifTags.Base.DateTimeOriginal: "2023:01:02 03:04:05"}
    assert shot(edited, original).taken == datetime(2023, 1, 2, 3, 4, 5)
    assert shot(edited).taken == datetime(2024, 2, 3, 4, 5, 6)


@pytest.mark.parametrize("written", ["0000:00:00 00:00:00", "yesterday", "    :  :     :  :  ", ""])
def test_a_time_that_is_none_is_passed_over(written: str) -> None:
    assert shot({ExifTags.Base.DateTime: written}).taken is None


@pytest.mark.parametrize(
    ("make", "model", "name"),
    [
        ("Canon", "Canon EOS R5", "Canon EOS R5"),
        ("NIKON CORPORATION", "NIKON D750", "NIKON D750"),
        ("Apple", "iPhone 15", "Apple iPhone 15"),
        ("", "X100", "X100"),
        ("", "", None),
    ],
)
def test_maker_and_model_are_one_name(make: str, model: str, name: str | None) -> None:
    assert shot({ExifTags.Base.Make: make, ExifTags.Base.Model: model}).camera == name


@pytest.mark.parametrize(
    ("north", "east", "place"),
    [
        ("N", "E", (48 + 30 / 60 + 36 / 3600, 2 + 15 / 60)),
        ("S", "W", (-(48 + 30 / 60 + 36 / 3600), -(2 + 15 / 60))),
    ],
)
def test_degrees_are_north_and_east(north: str, east: str, place: tuple[float, float]) -> None:
    tags = {1: north, 2: (48.0, 30.0, 36.0), 3: east, 4: (2.0, 15.0, 0.0)}
    found = shot({}, place=tags)
    assert (found.latitude, found.longitude) == pytest.approx(place)


@pytest.mark.parametrize("latitude", [(95.0, 0.0, 0.0), (48.0,)])
def test_a_place_that_is_none_is_passed_over(latitude: Any) -> None:
    found = shot({}, place={1: "N", 2: latitude, 3: "E", 4: (2.0, 15.0, 0.0)})
    assert (found.latitude, found.longitude) == (None, None)


def test_a_picture_without_notes_says_nothing() -> None:
    assert shot({}) == Shot()
