"""Many pictures as one, and pictures that fit into an answer."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from cmsearch.show.numbered_sheet import SIDE, jpeg, numbered_sheet

RED = Image.new("RGB", (400, 200), "red")


@pytest.mark.parametrize("count", [1, 2, 5, 12, 36])
def test_a_sheet_has_room_for_all_and_is_bounded(count: int) -> None:
    sheet = numbered_sheet([(rank, RED) for rank in range(1, count + 1)])
    assert max(sheet.size) <= SIDE
    red = (np.asarray(sheet) == (255, 0, 0)).all(2).sum()
    columns = int(np.ceil(np.sqrt(count)))
    cell = (sheet.width - 6) // columns - 6
    assert red == count * cell * round(cell / 2)


def test_each_number_is_written_and_what_is_missing_is_a_frame() -> None:
    one, other = (np.asarray(numbered_sheet([(rank, RED), (8, None)])) for rank in (1, 2))
    assert (one != other).any()
    assert (one != other)[40:].sum() == 0  # only the number differs
    assert numbered_sheet([]).size > (0, 0)


def test_pictures_of_any_form_and_mode_have_room() -> None:
    shapes = [Image.new(mode, (1, 3000)) for mode in ("L", "RGBA", "P", "CMYK")]
    assert max(numbered_sheet(list(enumerate(shapes, 1))).size) <= SIDE


def test_a_jpeg_fits_into_its_bytes() -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (600, 600, 3), np.uint8))
    best, small = jpeg(noise), jpeg(noise, 100_000)
    assert len(small) <= 100_000 < len(best)
    assert Image.open(BytesIO(small)).size == (600, 600)
    assert jpeg(noise, 1)  # the least that there is
