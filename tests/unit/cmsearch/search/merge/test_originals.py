"""The original of several copies has the most pixels, and then what a camera gave it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import PurePosixPath

import pytest

from cmsearch.media.headers import RAW_FORMAT, Header
from cmsearch.search.merge.originals import Rank, is_marked, rank, reason
from cmsearch.types import Capture

DAY = datetime(2024, 7, 13, 12)
NOTED = Capture(DAY, "Canon EOS R5")
NOTHING = Capture()
Row = tuple[str, int, Header | None]


def ranked(rows: Sequence[Row], spread: float = 70) -> list[Rank]:
    stems = {PurePosixPath(path).stem.casefold() for path, _, _ in rows}
    return sorted(rank(path, size, header, spread, stems) for path, size, header in rows)


def photo(
    form: str = "JPEG", capture: Capture = NOTHING, pixels: int = 1000, later: int = 0
) -> Header:
    return Header(pixels, pixels, form, capture, DAY + timedelta(days=later))


@pytest.mark.parametrize(
    ("best", "copy", "why"),
    [
        (
            ("a.jpg", 9, Header(2400, 1800, "JPEG")),
            ("preview.bmp", 99, Header(300, 225, "BMP")),
            "fewer pixels",
        ),
        (
            ("b.png", 9, photo("PNG", pixels=1001)),
            ("a.jpg", 99, photo(capture=NOTED)),
            "fewer pixels",
        ),
        (("b.jpg", 9, photo()), ("a.bmp", 10**7, photo("BMP")), "not the format of a camera"),
        (("b.jpg", 9, photo()), ("a.png", 10**7, photo("PNG")), "not the format of a camera"),
        (("b.heic", 9, photo("HEIF")), ("a.webp", 99, photo("WEBP")), "not the format of a camera"),
        (("b.dng", 9, photo(RAW_FORMAT)), ("a.jpg", 99, photo(capture=NOTED)), "not the format"),
        (("b.jpg", 9, photo(capture=NOTED)), ("a.jpg", 99, photo()), "not the format of a camera"),
        (
            ("b.jpg", 9, photo(capture=NOTED)),
            ("a.jpg", 99, photo(capture=Capture(DAY))),
            "less noted by the camera",
        ),
        (
            ("b.jpg", 9, photo(capture=NOTED)),
            ("a.jpg", 99, photo(capture=Capture(DAY + timedelta(1), "X"))),
            "taken later",
        ),
        (
            ("b.jpg", 9, photo(capture=NOTED)),
            ("a.jpg", 99, photo(capture=NOTED, later=2)),
            "changed later",
        ),
        (("IMG_1.jpg", 9, photo()), ("IMG_1_edited.jpg", 99, photo()), "named as a copy"),
        (("IMG_1.jpg", 9, photo()), ("IMG_1-retouche.jpg", 99, photo()), "named as a copy"),
        (("IMG_12.jpg", 99, photo()), ("IMG_1.jpg", 9, photo()), "fewer bytes"),
        (("a.jpg", 9, photo()), ("b.jpg", 9, photo()), "by its name"),
        (("b.jpg", 9, photo("GIF", pixels=5)), ("a.jpg", 99, None), "fewer pixels"),
    ],
)
def test_the_original_comes_first(best: Row, copy: Row, why: str) -> None:
    found = ranked([copy, best])
    assert [one.path for one in found] == [best[0], copy[0]]
    assert reason(*found).startswith(why)


def test_a_screen_without_loss_comes_before_its_jpeg() -> None:
    rows: list[Row] = [("a.jpg", 150_000, photo()), ("b.png", 90_000, photo("PNG"))]
    assert [one.path for one in ranked(rows, spread=12)] == ["b.png", "a.jpg"]
    assert [one.path for one in ranked(rows, spread=70)] == ["a.jpg", "b.png"]


@pytest.mark.parametrize(
    "name",
    [
        *("IMG_1 (1)", "IMG_1(2)", "IMG_1_edited", "IMG_1-edit", "IMG_1 edited 2", "IMG_1 - Copy"),
        *("IMG_1 copy", "IMG_1 copy 3", "IMG_1~2", "IMG_E1234", "Copy of IMG_1", "IMG_1-EFFECTS"),
        *("IMG_1 - Kopie", "IMG_1_bearbeitet", "IMG_1 (1)-edited"),
    ],
)
def test_names_of_copies_are_known(name: str) -> None:
    assert is_marked(name)


@pytest.mark.parametrize(
    "name", ["IMG_1", "IMG_20240713_120000", "credit", "photocopy", "DSC-0001", "2024-07-13 12.00"]
)
def test_other_names_are_not(name: str) -> None:
    assert not is_marked(name)
