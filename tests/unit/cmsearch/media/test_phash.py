"""What a picture looks like from afar."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from cmsearch.media import phash
from cmsearch.media.phash import cosines, unpack
from tests.builders import scene


def correlation(one: Image.Image, other: Image.Image) -> float:
    rows = unpack([phash.phash(one), phash.phash(other)])
    return float(phash.correlations(rows[:1], rows[1:])[0])


def test_the_cosines_are_orthonormal() -> None:
    rows = cosines(24, 16)
    np.testing.assert_allclose(rows @ rows.T, np.eye(16), atol=1e-6)
    np.testing.assert_allclose(rows[0], np.full(24, 24**-0.5), rtol=1e-6)


def test_a_hash_holds_the_weighted_coefficients() -> None:
    """Of a wave that goes twice up and down from left to right one coefficient is left."""
    wave = np.cos(np.pi * 4 * (2 * np.arange(64) + 1) / 128) * 100 + 128
    image = Image.fromarray(np.tile(wave, (64, 1)).round().astype(np.uint8)).convert("RGB")
    found = np.frombuffer(phash.phash(image), np.int8).reshape(16, 16)
    expected = np.zeros((16, 16), np.int8)
    expected[0, 4] = 127
    np.testing.assert_allclose(found, expected, atol=1)


def test_size_and_brightness_change_little() -> None:
    image = scene(1)
    for other in (image.resize((80, 60)), image.resize((640, 480)), image.point(lambda v: v // 2)):
        assert correlation(image, other) > 0.95
    assert abs(correlation(image, scene(2))) < 0.5


def test_nothing_to_be_seen_has_an_empty_hash() -> None:
    assert phash.phash(Image.new("RGB", (50, 50), "red")) == b""
    noise = np.random.default_rng(0).integers(100, 104, (300, 400, 3)).astype(np.uint8)
    assert phash.phash(Image.fromarray(noise)) == b""
    assert len(phash.phash(scene(1))) == phash.BYTES


def test_pages_are_told_from_photographs() -> None:
    page = Image.new("RGB", (500, 700), "white")
    for line in range(30):
        ImageDraw.Draw(page).text((50, 40 + 20 * line), f"Line {line} of it" * 3, fill="black")
    hashes = [*(phash.phash(one) for one in (page, scene(1), scene(2))), None]
    assert phash.drawn(unpack(hashes)).tolist() == [True, False, False, False]
    assert phash.drawn(unpack([])).tolist() == []


def test_what_is_no_hash_becomes_zeros() -> None:
    rows = unpack([None, b"", b"short", bytes(phash.BYTES), b"\x80" * phash.BYTES])
    assert rows.shape == (5, 16, 16)
    assert not rows[:4].any()
    np.testing.assert_allclose(np.linalg.norm(rows[4]), 1, rtol=1e-5)
    assert unpack([]).shape == (0, 16, 16)


def test_a_hash_without_low_frequencies_has_no_coarse_one() -> None:
    rows = np.zeros((1, 16, 16), np.float32)
    rows[0, 15, 15] = 1
    assert not phash.coarse(rows).any()
