"""Reading one picture: the glance, the closer look, and the bounds."""

from __future__ import annotations

from difflib import SequenceMatcher

import numpy as np
import pytest
from PIL import Image, ImageFont

from cmsearch.models.ocr import rapid, reading
from cmsearch.models.ocr.reading import PictureText, read_picture
from tests.signs import SIZE, given, sign

pytestmark = pytest.mark.skipif(not rapid.is_installed(), reason="the extra ocr isn't installed")


def read(picture: Image.Image, *, every: bool = False) -> PictureText:
    return read_picture(given(picture), rapid.load(), every=every)


def test_lines_have_their_boxes_in_shares_of_the_picture() -> None:
    (line,) = read(sign("GOLDEN HARBOUR")).lines
    assert line.text == "GOLDEN HARBOUR" and line.score > 0.9
    left, top, right, _, _, bottom, *_ = line.box
    assert left == pytest.approx(20 / SIZE[0], abs=0.03) and right > 0.4
    assert 20 / SIZE[1] - 0.05 < top < bottom < 60 / SIZE[1]


def test_text_of_three_per_cent_of_the_height_is_read_at_once() -> None:
    picture = sign("northern museum ring twice", height=40, size=(1440, 960))
    assert [line.text for line in read(picture).lines] == ["northern museum ring twice"]


def test_small_print_gets_a_closer_look() -> None:
    picture = sign(
        *(f"line {number} of the small print" for number in range(8)), height=18, size=(1900, 1200)
    )
    found = [line.text for line in read(picture, every=True).lines]
    assert len(found) == 8 and sum("small print" in one for one in found) >= 7


@pytest.mark.parametrize(("letters", "height"), [(200, 16), (260, 13)])
def test_rows_of_many_small_letters_are_read(letters: int, height: int) -> None:
    words = "the golden harbour is open daily and the quiet museum rings twice on seven bridges"
    row = " ".join([words] * 4)[:letters].strip()
    width = round(ImageFont.load_default(height).getlength(row)) + 40
    (line,) = read(sign(row, height=height, size=(width, 120)), every=True).lines
    same = SequenceMatcher(None, line.text, row, autojunk=False).ratio()
    assert same > 0.97


def test_a_plain_picture_has_no_text_however_it_is_looked_at() -> None:
    for every in (False, True):
        assert read(Image.new("RGB", (300, 200), "tan"), every=every).lines == []


def test_a_picture_full_of_text_is_bounded_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_LINES", 5)
    found = read(sign(*["golden harbour"] * 8, height=22, size=(360, 280)))
    assert len(found.lines) == 5 and found.left_out == 3


def test_what_is_read_is_bounded_by_its_length_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_WIDTH", 1000)
    found = read(sign(*["golden harbour"] * 6, height=22, size=(360, 220)))
    assert 1 <= len(found.lines) < 6 and found.left_out == 6 - len(found.lines)


def test_the_bounds_choose_the_highest_lines_and_pass_over_patterns() -> None:
    def box(top: float, width: float, height: float) -> list[list[float]]:
        return [[0, top], [width, top], [width, top + height], [0, top + height]]

    boxes = np.array(
        [box(0, 100, 10), box(50, 3000, 5), box(90, 100, 30), box(130, 9, 0.5)], np.float32
    )
    assert reading._chosen(boxes).tolist() == [0, 2]


def test_a_noisy_picture_of_ten_thousand_marks_ends() -> None:
    chance = np.random.default_rng(0)
    marks = (chance.random((150, 200)) < 0.4).repeat(8, 0).repeat(8, 1)
    picture = Image.fromarray((marks * 255).astype(np.uint8)).convert("RGB")
    assert len(read(picture, every=True).lines) <= reading.MOST_LINES
