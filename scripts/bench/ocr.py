"""Lines of text painted onto photographs: how many are read, and found by their words.

    python -m scripts.bench.ocr PICTURES [--lines 200] [--textless FILE] [--hard 20] [--json FILE]

Paints lines of known words onto copies of the photographs in PICTURES: of several fonts and
colours, from 2 to 10 % of the height, up to 20 degrees turned, half of them in perspective. Prints
by size how many are read by `--ocr auto` and by `all`, and, of an index of them with `auto`, how
many are among the first three by their exact words. FILE has the names of photographs in which a
person sees no text, one a line: of those it prints how many have words, and what a glance costs.
With --hard it prints how many of so many lines are read that are upside down, turned, dark, small.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFont, ImageOps

import cmsearch
from cmsearch.models.ocr import rapid
from cmsearch.models.ocr.reading import read_picture
from cmsearch.models.ocr.words import blocks
from indexer import Indexer

FONTS = (
    *("DejaVuSans", "DejaVuSans-Bold", "DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSansMono"),
    *("DejaVuSansCondensed-Bold", "DejaVuSerif-Italic", "DejaVuSans-Oblique"),
)
"""Where the system has them; Pillow's own font stands for those that it lacks."""
FIRST = "golden blue royal little northern happy silver quiet rapid ancient modern central lucky"
SECOND = (
    "harbour bakery garden library station market museum bridge tavern pharmacy theatre orchard"
)
THIRD = (
    *("closed tuesday", "open daily", "platform seven", "since 1987", "no parking", "fresh bread"),
    *("mind the step", "ring twice", "exit left", "free entry", "tickets here", "lost property"),
    *("second floor", "keep clear", "sold out", "half price", "wet paint", "last orders"),
)
SHARES = (0.02, 0.03, 0.04, 0.05, 0.07, 0.1)
"""The heights of capitals, in those of the picture."""
TURN = 20.0
CONTRAST = 100.0
"""Levels of grey between a line and what is behind it, on average."""
TRIED = 8
"""Places of which a line gets the one that is most of one grey."""
ALIKE = 0.7
"""How much of a line has to be as it was painted, to be read."""
SHOWN = 3


class Painted(NamedTuple):
    """A line on a picture, and its height."""

    text: str
    share: float
    name: str


def lines(count: int, seed: int = 0) -> list[str]:
    """So many different lines, in capitals or not."""
    chance, found = random.Random(seed), dict[str, str]()
    while len(found) < count:
        parts = (chance.choice(FIRST.split()), chance.choice(SECOND.split()), chance.choice(THIRD))
        text = " ".join(parts)
        found.setdefault(text, chance.choice((text.upper(), text.title(), text)))
    return list(found.values())


@cache
def font(name: str, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    try:
        return ImageFont.truetype(f"{name}.ttf", size)
    except OSError:
        return ImageFont.load_default(size)


def painted(
    picture: Image.Image, text: str, share: float, seed: int, *, turn: float | None = None
) -> tuple[Image.Image, float]:
    """A copy with a line on it, and the height that this has, which must fit."""
    chance = random.Random(seed)
    width, height = picture.size
    layer = drawn(text, share * height, chance)
    layer = layer.rotate(
        chance.uniform(-TURN, TURN) if turn is None else turn, Image.Resampling.BICUBIC, expand=True
    )
    fit = min(1.0, 0.96 * width / layer.width, 0.96 * height / layer.height)
    size = (max(1, round(layer.width * fit)), max(1, round(layer.height * fit)))
    layer = layer.resize(size, Image.Resampling.LANCZOS)
    (left, top), grey = legible(np.asarray(picture.convert("L"), np.float64), layer.size, chance)
    colour = [chance.randint(0, 255) for _ in range(3)]
    while abs(float(np.dot(colour, (0.299, 0.587, 0.114))) - grey) < CONTRAST:
        colour = [chance.randint(0, 255) for _ in range(3)]
    copy = picture.convert("RGB").copy()
    copy.paste(tuple(colour), (left, top), layer)
    return copy, share * fit


def legible(
    greys: NDArray[np.float64], size: tuple[int, int], chance: random.Random
) -> tuple[tuple[int, int], float]:
    """Where a person can read a line: the quietest of some places, and the grey that it has there.

    On a place with half of it dark and half of it light, no colour would do.
    """
    places = []
    for _ in range(TRIED):
        left = chance.randint(0, greys.shape[1] - size[0])
        top = chance.randint(0, greys.shape[0] - size[1])
        behind = greys[top : top + size[1], left : left + size[0]]
        places.append((float(behind.std()), (left, top), float(behind.mean())))
    _, place, grey = min(places)
    return place, grey


def drawn(text: str, pixels: float, chance: random.Random) -> Image.Image:
    """A line with capitals so high, half of the times in perspective, as how opaque it is."""
    scale = 4
    own = font(chance.choice(FONTS), round(max(pixels, 4) * scale / 0.73))
    left, top, right, bottom = map(round, own.getbbox(text))
    edge = 4 * scale
    layer = Image.new("L", (right - left + 2 * edge, bottom - top + 2 * edge), 0)
    ImageDraw.Draw(layer).text((edge - left, edge - top), text, fill=255, font=own)
    if chance.random() < 0.5:
        width, height = layer.size
        far = chance.uniform(0, 0.24) * height
        corners = (0, -far, 0, height + far, width, height, width, 0)
        layer = layer.transform(layer.size, Image.Transform.QUAD, corners, Image.Resampling.BICUBIC)
    size = (max(1, layer.width // scale), max(1, layer.height // scale))
    return layer.resize(size, Image.Resampling.LANCZOS)


def read(picture: Image.Image, every: bool) -> list[str]:
    """The blocks of text in a picture."""
    found = read_picture(lambda size: picture, rapid.load(), every=every)
    each = blocks(found.lines, found.shape)
    return [" ".join(line.text for line in own) for own in each]


def is_read(text: str, found: Sequence[str]) -> bool:
    """Whether most of a line stands in one of the blocks."""
    wanted = text.casefold()
    for block in found:
        own = SequenceMatcher(None, block.casefold(), wanted, autojunk=False)
        same = sum(part.size for part in own.get_matching_blocks())
        if same >= ALIKE * len(wanted):
            return True
    return False


def made(pictures: Sequence[Path], folder: Path, count: int) -> Iterator[Painted]:
    """Pictures with a line on each; where there are more lines, on copies turned left to right."""
    for number, text in enumerate(lines(count)):
        again, place = divmod(number, len(pictures))
        source = pictures[place]
        target = folder / f"{source.stem}{'-again' * again}.png"
        with Image.open(source) as image:
            ground = ImageOps.mirror(image) if again % 2 else image
            picture, share = painted(ground, text, SHARES[number % len(SHARES)], number)
        picture.save(target)
        yield Painted(text, share, target.name)


def by_size(rows: Sequence[Painted], are_found: Sequence[bool]) -> str:
    """Shares of lines below 3 % of the height, and from there on."""
    small = [one for row, one in zip(rows, are_found, strict=True) if row.share < 0.0295]
    large = [one for row, one in zip(rows, are_found, strict=True) if row.share >= 0.0295]
    return ", ".join(
        f"{sum(own)} of {len(own)} {name}"
        for name, own in (("of 3 % and above", large), ("smaller", small))
    )


def milliseconds(picture: Image.Image, every: bool) -> float:
    start = time.process_time()
    read(picture, every)
    return 1000 * (time.process_time() - start)


def textless(pictures: Sequence[Path], names: Sequence[str]) -> dict[str, Any]:
    """Of photographs without text how many have words all the same, and what they cost."""
    chosen = [one for one in pictures if one.name in names]
    invented = {True: 0, False: 0}
    spent = []
    for path in chosen:
        with Image.open(path) as image:
            picture = image.convert("RGB")
        spent.append(milliseconds(picture, False))
        for every in (True, False):
            invented[every] += bool(read(picture, every))
    known = Image.effect_noise((416, 320), 100).convert("RGB")
    rule = min(milliseconds(known.resize((416, 320)), False) for _ in range(3))
    return {
        "textless": len(chosen),
        "invented by auto": invented[False],
        "invented by all": invented[True],
        "auto ms": round(sum(spent) / max(len(spent), 1), 1),
        "a glance at noise ms": round(rule, 1),
    }


def hard(pictures: Sequence[Path], count: int) -> dict[str, str]:
    """How many lines are read in ways in which they are hard to read."""
    ways: dict[str, Any] = {
        "upright": lambda image: image,
        "upside down": lambda image: image.transpose(Image.Transpose.ROTATE_180),
        "to the left": lambda image: image.transpose(Image.Transpose.ROTATE_90),
        "to the right": lambda image: image.transpose(Image.Transpose.ROTATE_270),
        "dark": lambda image: ImageEnhance.Brightness(image).enhance(0.15),
        "half the size": lambda image: image.resize((image.width // 2, image.height // 2)),
        "a third of the size": lambda image: image.resize((image.width // 3, image.height // 3)),
    }
    found = dict.fromkeys(ways, 0)
    for number, text in enumerate(lines(count, seed=1)):
        with Image.open(pictures[number % len(pictures)]) as image:
            picture, _ = painted(image, text, 0.06, number, turn=0.0)
        for name, change in ways.items():
            found[name] += is_read(text, read(change(picture), False))
    return {name: f"{own} of {count}" for name, own in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--lines", type=int, default=200)
    parser.add_argument("--textless", type=Path)
    parser.add_argument("--hard", type=int, default=0)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    pictures = sorted(arguments.pictures.glob("*.jpg"))
    results: dict[str, Any] = {}
    if arguments.textless:
        results |= textless(pictures, arguments.textless.read_text().split())
    if arguments.hard:
        results["hard"] = hard(pictures, arguments.hard)
    if arguments.lines:
        with tempfile.TemporaryDirectory() as scratch:
            results |= found(pictures, Path(scratch), arguments.lines)
    print(json.dumps(results, indent=1))
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1), encoding="utf-8")


def found(pictures: Sequence[Path], folder: Path, count: int) -> dict[str, Any]:
    """How many lines are read, and are among the first three by their words."""
    rows = list(made(pictures, folder, count))
    for path in pictures[count:]:
        (folder / path.name).write_bytes(path.read_bytes())
    are_read = {}
    for every in (True, False):
        texts = {}
        for name in {row.name for row in rows}:
            with Image.open(folder / name) as image:
                texts[name] = read(image, every)
        are_read[every] = [is_read(row.text, texts[row.name]) for row in rows]
    Indexer(folder, model="lite", ocr="auto").run()
    first = {}
    with cmsearch.open(folder) as engine:
        for target in ("image", "any"):
            asked = [row.text.lower() for row in rows]
            hits = [engine.search(text, target=target, k=SHOWN) for text in asked]
            first[target] = [
                any(hit.path.name == row.name for hit in own)
                for row, own in zip(rows, hits, strict=True)
            ]
    return {
        "read by all": by_size(rows, are_read[True]),
        "read by auto": by_size(rows, are_read[False]),
        "auto over all": round(sum(are_read[False]) / max(sum(are_read[True]), 1), 3),
        "first three, pictures": by_size(rows, first["image"]),
        "first three, anything": by_size(rows, first["any"]),
    }


if __name__ == "__main__":
    main()
