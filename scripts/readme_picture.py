"""Draw docs/images/search.png: what three queries find in the sample data.

    python scripts/readme_picture.py [FILE]

The queries are chosen; what they find is not.
"""

from __future__ import annotations

import sys
import tempfile
import textwrap
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

import cmsearch
from indexer import Indexer

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "sample_data"
PICTURE = ROOT / "docs" / "images" / "search.png"

HITS = 4
WIDTH, MARGIN, GAP = 1000, 20, 12
THUMB = (176, 132)
ARROW = 44
HEAD, FOOT = 36, 40
ROW = HEAD + THUMB[1] + FOOT
COLOURS = 256
PAPER, CARD, LINE = "#ffffff", "#f6f8fa", "#d1d9e0"
INK, GREY, BLUE = "#1f2328", "#59636e", "#0969da"


@dataclass(frozen=True, slots=True)
class Row:
    """A query, by a sentence or by a picture of the sample data, and what it is to find."""

    title: str
    target: str
    sentence: str | None = None
    picture: str | None = None


ROWS = (
    Row("A sentence finds photographs", "image", sentence="kitten looking up"),
    Row("A photograph finds photographs", "image", picture="photos/rocky_peaks.jpg"),
    Row("A photograph finds captions", "caption", picture="photos/honey_bee.jpg"),
)


def main() -> None:
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE
    with tempfile.TemporaryDirectory() as store:
        Indexer(SAMPLE, store=store, model="lite").run()
        with cmsearch.open(store) as engine:
            answers = [_answer(engine, row) for row in ROWS]
    sheet = Image.new("RGB", (WIDTH, len(ROWS) * ROW + 4), PAPER)
    for number, (row, hits) in enumerate(zip(ROWS, answers, strict=True)):
        _draw_row(sheet, number * ROW, row, hits)
    target.parent.mkdir(parents=True, exist_ok=True)
    sheet.quantize(COLOURS).save(target, optimize=True)


def _answer(engine: cmsearch.Engine, row: Row) -> list[cmsearch.Hit]:
    if row.picture is None:
        return engine.search(row.sentence, target=row.target, k=HITS)
    return engine.search(image=SAMPLE / row.picture, target=row.target, k=HITS)


def _draw_row(sheet: Image.Image, top: int, row: Row, hits: list[cmsearch.Hit]) -> None:
    draw = ImageDraw.Draw(sheet)
    if top:
        draw.line((MARGIN, top, WIDTH - MARGIN, top), LINE)
    draw.text((MARGIN, top + 11), row.title, BLUE, _font(14))
    top += HEAD
    middle = top + THUMB[1] // 2
    if row.picture is None:
        lines = textwrap.fill(f"“{row.sentence}”", 14)
        draw.multiline_text((MARGIN, middle), lines, INK, _font(24), "lm", spacing=8)
    else:
        _paste(sheet, SAMPLE / row.picture, (MARGIN, top))
    _draw_arrow(draw, MARGIN + THUMB[0] + 12, middle)
    for place, hit in enumerate(hits):
        left = MARGIN + THUMB[0] + ARROW + place * (THUMB[0] + GAP)
        _draw_hit(sheet, (left, top), hit)


def _draw_hit(sheet: Image.Image, corner: tuple[int, int], hit: cmsearch.Hit) -> None:
    """The photograph, or the caption on a card, with its rank, its place and its relevance."""
    draw = ImageDraw.Draw(sheet)
    left, top = corner
    if hit.text is None:
        _paste(sheet, hit.path, corner)
    else:
        box = (left, top, left + THUMB[0] - 1, top + THUMB[1] - 1)
        draw.rounded_rectangle(box, 6, CARD, LINE)
        text = textwrap.fill(hit.text, 22)
        middle = (left + 12, top + THUMB[1] // 2)
        draw.multiline_text(middle, text, INK, _font(14), "lm", spacing=5)
    top += THUMB[1] + 8
    place = hit.path.stem if hit.text is None else Path(hit.source).name
    draw.text((left, top), f"{hit.rank}", GREY, _font(13))
    draw.text((left + 14, top), place, INK, _font(13))
    draw.text((left + THUMB[0], top), f"{hit.relevance:.0%}", GREY, _font(13), "ra")


def _draw_arrow(draw: ImageDraw.ImageDraw, left: int, middle: int) -> None:
    draw.line((left, middle, left + 12, middle), GREY, 2)
    draw.polygon([(left + 11, middle - 5), (left + 20, middle), (left + 11, middle + 5)], GREY)


def _paste(sheet: Image.Image, path: Path, corner: tuple[int, int]) -> None:
    with Image.open(path) as image:
        sheet.paste(ImageOps.fit(image.convert("RGB"), THUMB, Image.Resampling.LANCZOS), corner)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


if __name__ == "__main__":
    main()
