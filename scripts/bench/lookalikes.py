"""Different pictures that look alike from afar: screenshots, pages and skies, by chance.

Each kind draws a picture from a seed. Its `small` pictures share everything but one line or one
number with the one before, as two tickets or two transfers do.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Draw = ImageDraw.ImageDraw
_WORDS = str.split(
    "gate room flight boards landlord amount booking dinner train late tomorrow key code "
    "north window seat coffee invoice total delivery street garden meeting moved call "
    "back photo river seven eight ticket platform checkout breakfast balance transfer "
    "savings rent water power heating doctor school lunch bridge harbour market review "
    "budget forecast season autumn"
)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _said(chance: random.Random, most: int = 6) -> str:
    words = [chance.choice(_WORDS) for _ in range(chance.randint(2, most))]
    if chance.random() < 0.5:
        words.append(str(chance.randint(10, 9999)))
    return " ".join(words).capitalize()


def _lines(
    draw: Draw, chance: random.Random, at: tuple[int, int], step: int, count: int, size: int,
    ink: str = "black",
) -> None:  # fmt: skip
    for line in range(count):
        draw.text((at[0], at[1] + step * line), _said(chance), fill=ink, font=_font(size))


def header(chance: random.Random) -> Image.Image:
    """A white phone screen with one bar and a few lines of text."""
    image = Image.new("RGB", (1080, 1920), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 1080, 100), fill="#075e54")
    _lines(draw, chance, (40, 140), 60, chance.randint(3, 6), 36)
    return image


def chat(chance: random.Random) -> Image.Image:
    """A conversation in bubbles under a bar."""
    image = Image.new("RGB", (1080, 1920), "#ece5dd")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 1080, 140), fill="#075e54")
    draw.text((150, 45), _said(chance, 2), fill="white", font=_font(44))
    top = 180
    while top < 1700:
        text, mine = _said(chance), chance.random() < 0.5
        wide = int(draw.textlength(text, font=_font(34))) + 50
        left = 1080 - 30 - wide if mine else 30
        draw.rounded_rectangle(
            (left, top, left + wide, top + 80), 20, "#dcf8c6" if mine else "white"
        )
        draw.text((left + 25, top + 18), text, fill="black", font=_font(34))
        top += 110
    return image


def dark(chance: random.Random) -> Image.Image:
    """A list in a dark application, each row alike but for its words."""
    image = Image.new("RGB", (1080, 2160), "#121212")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 1080, 120), fill="#1f1f1f")
    for row in range(14):
        top = 150 + 140 * row
        draw.ellipse((30, top, 120, top + 90), fill="#3a3a3a")
        draw.text((150, top + 5), _said(chance, 3), fill="#e0e0e0", font=_font(34))
        draw.text((150, top + 50), _said(chance), fill="#909090", font=_font(28))
    return image


def receipt(chance: random.Random) -> Image.Image:
    """A receipt: names at the left, prices at the right."""
    image = Image.new("RGB", (600, 1400), "#fafafa")
    draw = ImageDraw.Draw(image)
    draw.text((180, 40), "CORNER SHOP", fill="black", font=_font(36))
    for row in range(chance.randint(14, 18)):
        draw.text((40, 140 + 60 * row), _said(chance, 2), fill="black", font=_font(26))
        price = f"{chance.randint(1, 99)}.{chance.randint(0, 99):02}"
        draw.text((480, 140 + 60 * row), price, fill="black", font=_font(26))
    return image


def slide(chance: random.Random) -> Image.Image:
    """A slide with a title and bullets."""
    image = Image.new("RGB", (1600, 900), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 60, 900), fill="#c0392b")
    draw.text((120, 70), _said(chance, 3), fill="#c0392b", font=_font(72))
    for row in range(chance.randint(3, 5)):
        draw.ellipse((130, 265 + 110 * row, 150, 285 + 110 * row), fill="black")
        draw.text((180, 250 + 110 * row), _said(chance), fill="black", font=_font(44))
    return image


def page(chance: random.Random) -> Image.Image:
    """A page of running text."""
    image = Image.new("RGB", (1000, 1414), "white")
    draw = ImageDraw.Draw(image)
    for row in range(44):
        text = " ".join(chance.choice(_WORDS) for _ in range(16))
        while draw.textlength(text, font=_font(20)) > 800:
            text = text.rsplit(" ", 1)[0]
        draw.text((100, 100 + 27 * row), text, fill="black", font=_font(20))
    return image


def form(chance: random.Random) -> Image.Image:
    """A form that is filled in differently."""
    image = Image.new("RGB", (1000, 1414), "white")
    draw = ImageDraw.Draw(image)
    draw.text((100, 70), "Application for a permit", fill="black", font=_font(44))
    for row in range(12):
        top = 180 + 95 * row
        draw.text((100, top), f"{_WORDS[row].capitalize()}:", fill="black", font=_font(26))
        draw.rectangle((320, top - 10, 900, top + 50), outline="black", width=2)
        draw.text((340, top + 5), _said(chance, 3), fill="#1a237e", font=_font(26))
    return image


def table(chance: random.Random) -> Image.Image:
    """A sheet of numbers in a grid."""
    image = Image.new("RGB", (1400, 1000), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 1400, 60), fill="#217346")
    for row in range(22):
        top = 80 + 40 * row
        draw.line((0, top, 1400, top), fill="#cccccc")
        for column in range(8):
            number = f"{chance.randint(0, 99999)}"
            draw.text((20 + 175 * column, top + 8), number, fill="black", font=_font(22))
    return image


def chart(chance: random.Random) -> Image.Image:
    """Axes with a line of other values."""
    image = Image.new("RGB", (1200, 800), "white")
    draw = ImageDraw.Draw(image)
    draw.text((420, 20), "Visitors each month", fill="black", font=_font(36))
    draw.line((100, 80, 100, 700, 1150, 700), fill="black", width=4)
    for row in range(6):
        draw.line((100, 100 + 100 * row, 1150, 100 + 100 * row), fill="#e0e0e0", width=2)
    points = [(120 + 90 * step, chance.randint(300, 600)) for step in range(12)]
    draw.line(points, fill="#1f77b4", width=5)
    return image


def city(chance: random.Random) -> Image.Image:
    """A map of the same pale streets with another route and another pin."""
    streets, image = random.Random(7), Image.new("RGB", (1080, 1920), "#f2efe9")
    draw = ImageDraw.Draw(image)
    for _ in range(26):
        ends = [(streets.randint(0, 1080), streets.randint(0, 1920)) for _ in "ab"]
        draw.line(ends, fill="white", width=streets.choice((10, 18, 30)))
    route = [(chance.randint(100, 980), chance.randint(100, 1800)) for _ in range(4)]
    draw.line(route, fill="#4285f4", width=12)
    x, y = route[-1]
    draw.ellipse((x - 25, y - 25, x + 25, y + 25), fill="#ea4335")
    return image


def stars(chance: random.Random) -> Image.Image:
    """A night sky over a dark hill."""
    noise = np.random.default_rng(chance.randrange(2**32))
    values = np.clip(noise.normal(12, 3, (800, 1200)), 0, 255)
    values[680:] = 4
    for _ in range(250):
        y, x = int(noise.integers(0, 670)), int(noise.integers(0, 1198))
        values[y : y + 2, x : x + 2] = noise.integers(60, 255)
    return Image.fromarray(values.astype(np.uint8)).convert("RGB")


def snow(chance: random.Random) -> Image.Image:
    """A white field under a white sky, with a few small dark things somewhere."""
    noise = np.random.default_rng(chance.randrange(2**32))
    values = np.where(np.arange(800) < 380, 225.0, 245.0)[:, None] + noise.normal(0, 2, (800, 1200))
    image = Image.fromarray(np.clip(values, 0, 255).astype(np.uint8)).convert("RGB")
    draw = ImageDraw.Draw(image)
    for _ in range(chance.randint(2, 5)):
        x, y, tall = chance.randint(50, 1150), chance.randint(390, 740), chance.randint(15, 45)
        draw.ellipse((x, y, x + tall // 2, y + tall), fill=(70, 70, chance.randint(60, 120)))
    return image


def fog(chance: random.Random) -> Image.Image:
    """A grey gradient in which faint shapes stand."""
    values = np.repeat(np.linspace(150, 205, 800)[:, None], 1200, 1)
    image = Image.fromarray(values.astype(np.uint8)).convert("RGB")
    draw = ImageDraw.Draw(image)
    for _ in range(chance.randint(3, 6)):
        x, wide, grey = chance.randint(0, 1150), chance.randint(20, 90), chance.randint(130, 160)
        draw.rectangle((x, chance.randint(200, 500), x + wide, 800), fill=(grey,) * 3)
    return image.filter(ImageFilter.GaussianBlur(12))


KINDS: dict[str, Callable[[random.Random], Image.Image]] = {
    one.__name__: one
    for one in (
        header, chat, dark, receipt, slide, page, form, table, chart, city, stars, snow, fog,
    )
}  # fmt: skip


def drawn(kind: str, number: int) -> Image.Image:
    """Picture `number` of a kind; each is another one."""
    return KINDS[kind](random.Random(f"{kind} {number}"))


def amended(kind: str, number: int) -> Image.Image:
    """The same picture but for one number in it, as on another ticket."""
    image = drawn(kind, number)
    chance = random.Random(f"amended {kind} {number}")
    tall = max(18, image.height // 60)
    font, draw = _font(tall), ImageDraw.Draw(image)
    left, top = int(image.width * chance.uniform(0.1, 0.7)), int(image.height * 0.6)
    text = str(chance.randint(100000, 999999))
    box = draw.textbbox((left, top), text, font=font)
    ground = image.getpixel((left, top))
    draw.rectangle(box, fill=ground)
    draw.text((left, top), text, fill="white" if sum(ground[:3]) < 300 else "black", font=font)
    return image
