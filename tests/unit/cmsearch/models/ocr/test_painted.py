"""The small form of `scripts.bench.ocr`: lines that are painted onto pictures are read."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from cmsearch.models.ocr import rapid
from scripts.bench import ocr

pytestmark = pytest.mark.skipif(not rapid.is_installed(), reason="the extra ocr isn't installed")


def ground(number: int) -> Image.Image:
    """Soft stripes of two colours, as of a wall or a lawn."""
    colours = ((200, 170, 120), (120, 160, 90)) if number % 2 else ((70, 90, 130), (140, 150, 170))
    picture = Image.new("RGB", (2, 3), colours[0])
    picture.putpixel((1, 1), colours[1])
    picture.putpixel((0, 2), colours[1])
    return picture.resize((480, 320), Image.Resampling.BICUBIC)


def test_most_painted_lines_are_read_after_a_glance() -> None:
    found = []
    for number, text in enumerate(ocr.lines(8)):
        picture, _ = ocr.painted(ground(number), text, 0.05, number)
        found.append(ocr.is_read(text, ocr.read(picture, False)))
    assert sum(found) >= 7


def test_lines_have_the_size_that_is_told_and_are_repeatable(tmp_path: Path) -> None:
    ground(0).save(tmp_path / "a.jpg")
    made = tmp_path / "made"
    made.mkdir()
    rows = list(ocr.made([tmp_path / "a.jpg"], made, 3))
    assert [row.text for row in rows] == ocr.lines(3) and len(set(ocr.lines(200))) == 200
    assert all(row.share <= share for row, share in zip(rows, ocr.SHARES, strict=False))


def test_a_line_is_read_if_most_of_it_stands_in_one_block() -> None:
    assert ocr.is_read("Golden Harbour", ["x", "near GOLDEN HARBOR here"])
    assert not ocr.is_read("Golden Harbour", ["Golden", "Harbour"])
