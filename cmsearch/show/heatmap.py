"""Drawing an explanation: what the words of a query look at, as heat over the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from cmsearch.common import locators
from cmsearch.common.text import printable
from cmsearch.errors import MediaError, QueryError
from cmsearch.media.thumbnails import picture
from cmsearch.search.explain import Explanation
from cmsearch.search.looking import Word
from cmsearch.search.regions import SIDE
from cmsearch.search.wire import NO_REGIONS
from cmsearch.show.marks import marked
from cmsearch.store.object_files import bring
from cmsearch.types import FloatArray

SHOWN = 5
"""Words at most with a panel of their own, the heaviest."""
SIZE = 400
"""Pictures are decoded with a short side of at least twice as many pixels, if they have them."""
_LARGE, _SMALL = (640, 480), (208, 150)
_LEAST = (440, 192)
"""Pixels in width that writing needs beside narrow pictures."""
_MARGIN, _GAP, _HEAD, _LABEL, _SCALE, _LINE = 24, 20, 78, 58, 36, 21
_PAPER, _INK, _GREY = "#ffffff", "#1f2328", "#59636e"
_BAR = (64, 10)
_LIGHTEST = 1e-9  # a word that weighs nothing has a drawing of its own
_PRESSED = 4  # the highest makes it 6 % smaller in twelve times the time
_HALF = 40  # pixels of the longest bar of evidence, to either side
_FOR, _AGAINST = "#2563eb", "#d97706"


def read(path: Path, locator: str = "") -> Image.Image:
    """The picture at `path`, or at a place in it, upright and RGB. Raises `MediaError`."""
    bring(path)
    try:
        return picture(path, 2 * SIZE, locator)
    except MediaError as error:
        name = locators.source(str(path), locator)
        raise MediaError(f"The picture {name} can't be read: {error}.") from error


def png(explanation: Explanation, picture: Image.Image) -> bytes:
    """What `draw` gives as the bytes of a PNG. Raises `QueryError` likewise."""
    file = BytesIO()
    draw(explanation, picture).save(file, "PNG", compress_level=_PRESSED)
    return file.getvalue()


def of_word(explanation: Explanation, which: str) -> Explanation:
    """The explanation with one of its words alone: `which` is that word, or its number from 0.

    Raises `QueryError` where there is none.
    """
    texts = [word.text for word in explanation.words]
    if not texts:
        raise QueryError(NO_REGIONS)
    numbers = {str(number): number for number in range(len(texts))}
    number = texts.index(which) if which in texts else numbers.get(which)
    if number is None:
        named = ", ".join(texts)
        raise QueryError(f"There is no word {which!r} with regions; there are: {named}.")
    return replace(explanation, words=(explanation.words[number],))


def draw(explanation: Explanation, picture: Image.Image) -> Image.Image:
    """The picture under the attention of all words by their weights, beside the heaviest words.

    Colours go from 0 to the highest attention of all words to a region, and in the panels of
    words, which share a scale, to the highest of any of them. Between the centres of the 3 x 3
    regions it is interpolated. What lies outside of the regions, and so isn't seen by the model,
    is paler. Raises `QueryError` for an explanation without regions.
    """
    if not explanation.words:
        raise QueryError(NO_REGIONS)
    heaviest = _heaviest(explanation.words)
    weights = [max(word.weight, _LIGHTEST) for word in explanation.words]
    attention = [word.attention for word in explanation.words]
    mean: FloatArray = np.average(attention, axis=0, weights=weights).astype(np.float32)
    top = _highest(mean)
    word_top = max(_highest(word.attention) for word in heaviest)
    large, small = _fitted(picture, _LARGE), _fitted(picture, _SMALL)
    room, panel = max(large.width, _LEAST[0]), max(small.width, _LEAST[1])
    columns = 1 if len(heaviest) <= SHOWN // 2 + 1 else 2
    rows = -(-len(heaviest) // columns)
    width = 2 * _MARGIN + room + columns * (_GAP + panel)
    foot = large.height + _SCALE + _LINE * (len(explanation.stages) + 1)
    below = max(foot, rows * (small.height + _LABEL) + _SCALE)
    sheet = Image.new("RGB", (width, _HEAD + below), _PAPER)
    _write_head(sheet, explanation)
    heated = _heated(large, mean / top, explanation.crop)
    sheet.paste(marked(heated, explanation.lines), (_MARGIN, _HEAD))
    foot = _HEAD + large.height + 12
    _write_scale(sheet, (_MARGIN, foot), f"{_attending(explanation.words)}, 0 to {top:.0%}", room)
    _write_stages(sheet, explanation, (_MARGIN, foot + _SCALE), room)
    foot = _HEAD + rows * (small.height + _LABEL)
    _write_scale(sheet, (_MARGIN + room + _GAP, foot), f"a word, 0 to {word_top:.0%}", panel)
    for place, word in enumerate(heaviest):
        left = _MARGIN + room + _GAP + place % columns * (panel + _GAP)
        corner = (left, _HEAD + place // columns * (small.height + _LABEL))
        sheet.paste(_heated(small, word.attention / word_top, explanation.crop), corner)
        _write_label(sheet, word, (left, corner[1] + small.height + 6), panel)
    return sheet


def _attending(words: Sequence[Word]) -> str:
    named = f"“{printable(words[0].text)}”" if len(words) == 1 else "all words"
    return f"attention of {named}"


def _heaviest(words: Sequence[Word]) -> list[Word]:
    """At most `SHOWN` words, without those that hardly count beside the heaviest."""
    found = sorted(words, key=lambda word: -word.weight)[:SHOWN]
    return [word for word in found if word.weight >= found[0].weight / 10]


def _highest(attention: FloatArray) -> float:
    """The highest attention to a cell; at least so much that it can be divided by."""
    return max(float(attention[: SIDE**2].max()), 1e-6)


def _fitted(picture: Image.Image, box: tuple[int, int]) -> Image.Image:
    scale = min(box[0] / picture.width, box[1] / picture.height)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)


def _heated(
    picture: Image.Image, shares: FloatArray, crop: tuple[float, float] | None
) -> Image.Image:
    """The picture with the colours of shares `(t,)`, from 0 to 1, of its regions."""
    seen = (picture.width, picture.height)
    if crop is not None:
        short = min(seen)
        seen = (round(crop[0] * short), round(crop[1] * short))
    left, top = ((have - want) // 2 for have, want in zip(picture.size, seen, strict=True))
    cells = Image.fromarray(shares[: SIDE**2].reshape(SIDE, SIDE).astype(np.float32))
    heat = np.asarray(cells.resize(seen, Image.Resampling.BILINEAR)).clip(0, 1)
    pixels = np.asarray(picture, np.float32)
    grey = np.repeat(np.asarray(picture.convert("L"), np.float32)[..., None], 3, 2)
    shown = 0.35 * grey + 0.65 * 255  # what isn't seen
    here = (slice(top, top + seen[1]), slice(left, left + seen[0]))
    base = 0.15 * pixels[here] + 0.65 * grey[here]
    opacity = (0.2 + 0.45 * heat)[..., None]
    colours = _colours()[(heat * 255).round().astype(int)]
    shown[here] = (1 - opacity) * base + opacity * colours
    return Image.fromarray(shown.round().clip(0, 255).astype(np.uint8))


@cache
def _colours() -> NDArray[np.uint8]:
    """256 colours `(256, 3)` from dark violet over red to light yellow.

    Their lightness rises evenly in OKLab, whose distances are those that are seen (Ottosson 2020,
    https://bottosson.github.io/posts/oklab/).
    """
    share = np.linspace(0, 1, 256)
    lightness, chroma = 0.24 + 0.7 * share, 0.11 + 0.07 * np.sin(np.pi * share)
    hue = np.radians(295 + 170 * share)
    lab = np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)], 1)
    to_cones = np.array(
        [
            [1, 0.3963377774, 0.2158037573],
            [1, -0.1055613458, -0.0638541728],
            [1, -0.0894841775, -1.2914855480],
        ]
    )
    to_linear = np.array(
        [
            [4.0767416621, -3.3077115913, 0.2309699292],
            [-1.2684380046, 2.6097574011, -0.3413193965],
            [-0.0041960863, -0.7034186147, 1.7076147010],
        ]
    )
    linear = ((lab @ to_cones.T) ** 3 @ to_linear.T).clip(0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    colours: NDArray[np.uint8] = (encoded * 255).round().astype(np.uint8)
    return colours


def _write_head(sheet: Image.Image, explanation: Explanation) -> None:
    room = sheet.width - 2 * _MARGIN
    _write(sheet, (_MARGIN, 14), f"“{printable(explanation.query)}”", 24, _INK, room)
    parts = [printable(locators.source(explanation.path.name, explanation.locator))]
    if explanation.rank is not None:
        parts.append(f"rank {explanation.rank} of {explanation.pictures}")
    _write(sheet, (_MARGIN, 48), "   ".join(parts), 15, _GREY, room)


def _write_scale(sheet: Image.Image, corner: tuple[int, int], text: str, room: int) -> None:
    left, upper = corner
    bar = Image.fromarray(np.ascontiguousarray(_colours()[None])).resize(_BAR)
    sheet.paste(bar, (left, upper + 4))
    _write(sheet, (left + _BAR[0] + 10, upper), text, 14, _GREY, room - _BAR[0] - 10)


def _write_stages(
    sheet: Image.Image, explanation: Explanation, corner: tuple[int, int], room: int
) -> None:
    """A line for each way: its name, its evidence in log-odds, that as a bar, what it found."""
    left, top = corner
    found = {"caption": explanation.caption or "", "words": " ".join(explanation.matched)}
    found["ocr"] = " ".join(line.text for line in explanation.lines)
    highest = max((abs(value) for value in explanation.stages.values()), default=0.0) or 1.0
    middle, drawing = left + 140 + _HALF, ImageDraw.Draw(sheet)
    for name, value in explanation.stages.items():
        _write(sheet, (left, top), name, 14, _GREY, 80)
        _write(sheet, (left + 84, top), f"{value:+.2f}", 14, _INK, 56)
        end = middle + round(value / highest * _HALF)
        box = (min(middle, end), top + 4, max(middle, end), top + 14)
        drawing.rectangle(box, fill=_FOR if value >= 0 else _AGAINST)
        start = 2 * _HALF + 152
        _write(sheet, (left + start, top), printable(found.get(name, "")), 14, _GREY, room - start)
        top += _LINE


def _write_label(sheet: Image.Image, word: Word, corner: tuple[int, int], room: int) -> None:
    """The word with its weight, then its similarity and its attention to the whole picture."""
    left, top = corner
    weight = f"weight {word.weight:.0%}"
    taken = round(_font(13).getlength(weight)) + 1
    _write(sheet, corner, printable(word.text), 15, _INK, room - taken - 6)
    _write(sheet, (left + room - taken, top + 2), weight, 13, _GREY, taken)
    found = f"similarity {word.similarity:.2f}"
    if len(word.attention) > SIDE**2:
        found += f",  whole {word.attention[-1]:.0%}"
    _write(sheet, (left, top + 20), found, 13, _GREY, room)


def _write(
    sheet: Image.Image, corner: tuple[int, int], text: str, size: int, colour: str, room: int
) -> None:
    """One line of text, cut to the room in pixels that there is."""
    font = _font(size)
    if font.getlength(text) > room:
        while text and font.getlength(f"{text}…") > room:
            text = text[:-1]
        text = f"{text}…"
    ImageDraw.Draw(sheet).text(corner, text, colour, font)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
