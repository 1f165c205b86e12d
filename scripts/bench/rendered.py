"""Pictures of shapes with captions that say all of them: what, in which colour, how many, where.

    python -m scripts.bench.rendered FOLDER

writes FOLDER/learn with 1,840 pictures and FOLDER/unseen with 160, each with captions.jsonl. No
combination of shape, colour, count and place is in both.
"""

from __future__ import annotations

import argparse
import itertools
import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

SIDE = 128
SHAPES = ("circle", "square", "triangle", "star", "cross")
COLOURS = {
    "red": (214, 39, 40),
    "green": (44, 150, 44),
    "blue": (31, 80, 190),
    "yellow": (240, 210, 30),
    "purple": (140, 60, 170),
    "orange": (250, 130, 20),
    "black": (20, 20, 20),
    "pink": (245, 140, 190),
}
COUNTS = ("one", "two", "three", "four")
PLACES = {
    "on the left": (0.25, 0.5),
    "on the right": (0.75, 0.5),
    "at the top": (0.5, 0.25),
    "at the bottom": (0.5, 0.75),
    "in the middle": (0.5, 0.5),
}
UNSEEN = 160
Combination = tuple[str, str, int, str]


def combinations() -> list[Combination]:
    """All 800, in an order."""
    return list(itertools.product(SHAPES, COLOURS, range(1, len(COUNTS) + 1), PLACES))


def caption(combination: Combination) -> str:
    shape, colour, count, place = combination
    plural = "es" if shape == "cross" else "s"
    return f"{COUNTS[count - 1]} {colour} {shape}{plural if count > 1 else ''} {place}"


def picture(combination: Combination, random: np.random.Generator) -> Image.Image:
    """The shapes on a pale ground, in a cluster, with sizes, angles and places that vary."""
    shape, colour, count, place = combination
    ground = tuple(random.integers(215, 256, 3).tolist())
    image = Image.new("RGB", (SIDE, SIDE), ground)
    pen = ImageDraw.Draw(image)
    across, down = (SIDE * share + random.uniform(-6, 6) for share in PLACES[place])
    around = random.uniform(0, 2 * np.pi)
    distance = 0 if count == 1 else 14 + 2 * count
    for number in range(count):
        angle = around + 2 * np.pi * number / count
        x = across + distance * np.cos(angle) + random.uniform(-1, 1)
        y = down + distance * np.sin(angle) + random.uniform(-1, 1)
        pen.polygon(_outline(shape, x, y, random.uniform(9, 12), random), fill=COLOURS[colour])
    return image


def write(folder: Path, pictures: int, *, seed: int = 0) -> None:
    """Write both parts, of `pictures` in all, with one of each unseen combination."""
    random = np.random.default_rng(seed)
    order = [combinations()[one] for one in random.permutation(len(combinations()))]
    unseen, seen = order[:UNSEEN], order[UNSEEN:]
    learned = list(itertools.islice(itertools.cycle(seen), pictures - UNSEEN))
    for name, some in (("learn", learned), ("unseen", unseen)):
        (folder / name).mkdir(parents=True)
        lines = []
        for number, combination in enumerate(some):
            file = f"{number:05}.png"
            picture(combination, random).save(folder / name / file)
            lines.append(json.dumps({"image": file, "caption": caption(combination)}))
        (folder / name / "captions.jsonl").write_text("\n".join(lines) + "\n")


def _outline(
    shape: str, x: float, y: float, size: float, random: np.random.Generator
) -> list[tuple[float, float]]:
    turn = random.uniform(-0.2, 0.2)
    if shape == "cross":
        arm = 0.35
        corners = [
            *((arm, arm), (1, arm), (1, -arm), (arm, -arm), (arm, -1), (-arm, -1)),
            *((-arm, -arm), (-1, -arm), (-1, arm), (-arm, arm), (-arm, 1), (arm, 1)),
        ]
        cosine, sine = np.cos(turn), np.sin(turn)
        return [
            (x + size * (cosine * a - sine * b), y + size * (sine * a + cosine * b))
            for a, b in corners
        ]
    corners_of = {"circle": 40, "square": 4, "triangle": 3, "star": 10}[shape]
    start = {"square": np.pi / 4, "triangle": -np.pi / 2, "star": -np.pi / 2}.get(shape, 0.0)
    radii = [1.25, 0.5] if shape == "star" else [1.0 if shape == "circle" else 1.25]
    return [
        (
            x
            + size * radii[one % len(radii)] * np.cos(start + turn + 2 * np.pi * one / corners_of),
            y
            + size * radii[one % len(radii)] * np.sin(start + turn + 2 * np.pi * one / corners_of),
        )
        for one in range(corners_of)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=2000)
    arguments = parser.parse_args()
    write(arguments.folder, arguments.pictures)


if __name__ == "__main__":
    main()
