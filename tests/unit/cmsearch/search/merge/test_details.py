"""Two pictures show the same, seen closely, if they are copies, and not if one word differs."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFont

from cmsearch.media import phash
from cmsearch.search.merge.details import grey, same
from tests.builders import scene

LINES = ("Room 214", "Confirmation 8842", "Amount 120.00", "Arrival on Friday")


def screen(*lines: str, ground: str = "white", ink: str = "black") -> Image.Image:
    image = Image.new("RGB", (540, 960), ground)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 540, 50), fill="#075e54")
    for row, line in enumerate(lines):
        draw.text((20, 70 + 30 * row), line, fill=ink, font=ImageFont.load_default(18))
    return image


def encoded(image: Image.Image, form: str, **options: int) -> Image.Image:
    file = io.BytesIO()
    image.save(file, form, **options)
    return Image.open(file).convert("RGB")


def are_same(one: Image.Image, other: Image.Image, orientation: int = 0) -> bool:
    return same(grey(one), grey(other), orientation)


@pytest.mark.parametrize(
    "change",
    [
        lambda image: encoded(image, "JPEG", quality=40),
        lambda image: encoded(image, "WEBP", quality=60),
        lambda image: encoded(image.resize((270, 480)), "JPEG", quality=80),
        lambda image: image.resize((201, 357)),
        lambda image: ImageEnhance.Brightness(image).enhance(0.85),
        lambda image: ImageEnhance.Contrast(image).enhance(0.8),
    ],
)
@pytest.mark.parametrize(
    "image", [screen(*LINES), screen(*LINES, ground="#121212", ink="#e0e0e0"), scene(1, (540, 960))]
)
def test_a_copy_shows_the_same(
    image: Image.Image, change: Callable[[Image.Image], Image.Image]
) -> None:
    assert are_same(image, change(image)) and are_same(change(image), image)


@pytest.mark.parametrize(
    "lines",
    [("Room 215", *LINES[1:]), LINES[:3], (*LINES, "Breakfast"), ("Room 214", *LINES[:1:-1])],
)
@pytest.mark.parametrize("size", [(540, 960), (360, 640)])
def test_another_word_is_seen(lines: tuple[str, ...], size: tuple[int, int]) -> None:
    other = encoded(screen(*lines).resize(size), "JPEG", quality=80)
    assert not are_same(screen(*LINES), other)
    assert not are_same(other, screen(*LINES))


def test_another_shape_is_another_picture() -> None:
    assert not are_same(screen(*LINES), screen(*LINES).resize((540, 700)))


@pytest.mark.parametrize("orientation", range(phash.ORIENTATIONS))
def test_the_first_is_turned_as_its_hash_is(orientation: int) -> None:
    image, turn = scene(2), [None, *Image.Transpose]
    copies = [image if one is None else image.transpose(one) for one in turn]
    rows = phash.unpack([phash.phash(copy) for copy in copies])
    goal = phash.turned(phash.unpack([phash.phash(image)]), orientation)
    copy = copies[int(np.argmax(phash.correlations(rows, np.repeat(goal, len(rows), 0))))]
    assert are_same(image, copy, orientation)
    assert not are_same(image, copy, (orientation + 1) % phash.ORIENTATIONS)


def test_nothing_in_it_is_the_same_nothing() -> None:
    assert are_same(Image.new("RGB", (90, 60), "white"), Image.new("RGB", (90, 60), "white"))
