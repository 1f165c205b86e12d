"""Pictures are laid over each other where one is a part of the other, or turned a little."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from cmsearch.media.phash import correlations, phash, unpack
from cmsearch.search.merge.alignment import overlap_correlation
from tests.builders import scene

IMAGE = scene(1, (400, 300))


def overlap(one: Image.Image, other: Image.Image) -> tuple[float, float]:
    """The correlation of two pictures as they are, and once they are laid over each other."""
    rows = unpack([phash(one), phash(other)])
    plain, (laid, _) = correlations(rows[:1], rows[1:]), overlap_correlation(rows[:1], rows[1:])
    return float(plain[0]), float(laid[0])


def test_a_picture_lies_on_itself() -> None:
    assert overlap(IMAGE, IMAGE) == (pytest.approx(1, abs=1e-3), pytest.approx(1, abs=1e-3))


@pytest.mark.parametrize(
    "part",
    [
        IMAGE.crop((20, 15, 400, 300)),
        IMAGE.crop((0, 0, 376, 300)),
        IMAGE.rotate(2, Image.Resampling.BICUBIC).crop((20, 15, 380, 285)),
    ],
    ids=["from a corner", "narrower", "turned"],
)
def test_a_part_is_found_in_the_whole_either_way(part: Image.Image) -> None:
    for pair in ((IMAGE, part), (part, IMAGE)):
        plain, laid = overlap(*pair)
        assert laid > 0.85
        assert laid > plain + 0.05


def test_other_pictures_and_far_parts_are_not() -> None:
    assert overlap(IMAGE, scene(2))[1] < 0.5
    assert overlap(IMAGE.crop((0, 0, 280, 300)), IMAGE.crop((120, 0, 400, 300)))[1] < 0.5


def test_each_pair_is_judged_alone() -> None:
    rows = unpack([phash(scene(seed)) for seed in range(4)])
    parts = unpack([phash(scene(seed).crop((8, 6, 320, 240))) for seed in range(4)])
    together, _ = overlap_correlation(rows, parts)
    alone = [
        overlap_correlation(rows[one : one + 1], parts[one : one + 1])[0][0] for one in range(4)
    ]
    np.testing.assert_allclose(together, alone, atol=1e-3)


def test_nothing_to_lay_gives_zeros() -> None:
    empty = np.zeros((2, 16, 16), np.float32)
    np.testing.assert_array_equal(overlap_correlation(empty, empty), np.zeros((2, 2)))
    assert overlap_correlation(empty[:0], empty[:0])[0].shape == (0,)
