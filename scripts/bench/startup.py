"""What `cmsearch --help` and a cold search of a store of 1,000 images with `lite` take.

    python -m scripts.bench.startup

Each run is a process of its own; the medians of five are printed, of wall and of processor time,
and what the search imports, package by package, as `python -X importtime` tells it. The images are
random crops of the sample photographs.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from indexer import Indexer

PHOTOS = Path(__file__).parents[2] / "sample_data" / "photos"
IMAGES, RUNS, PACKAGES = 1000, 5, 12
_IMPORTED = re.compile(r"import time: +(\d+) \| +\d+ \| +([^.\s]+)")


def main() -> None:
    command = [sys.executable, "-m", "cmsearch"]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        _crops(folder)
        Indexer(folder, model="lite").run()
        for arguments in (["--help"], ["search", "a dog on the beach", "--store", place]):
            pairs = [_seconds([*command, *arguments]) for _ in range(RUNS)]
            wall, processor = (statistics.median(times) for times in zip(*pairs, strict=True))
            print(f"cmsearch {arguments[0]:8} {wall:.2f} s, of the processor {processor:.2f} s")
        for name, milliseconds in _imports(arguments):
            print(f"    {name:<20}{milliseconds:8.1f} ms")


def _crops(folder: Path) -> None:
    random = np.random.default_rng(0)
    photos = [Image.open(path).convert("RGB") for path in sorted(PHOTOS.glob("*.jpg"))]
    for number in range(IMAGES):
        photo = photos[number % len(photos)]
        left, top = random.integers(0, (photo.width // 2, photo.height // 2))
        box = (left, top, left + photo.width // 2, top + photo.height // 2)
        photo.crop(box).save(folder / f"{number}.jpg")


def _seconds(command: list[str]) -> tuple[float, float]:
    """Wall time, and processor time of all its threads."""
    start, before = time.perf_counter(), os.times()
    subprocess.run(command, check=True, capture_output=True)
    after = os.times()
    spent = after.children_user + after.children_system
    return (
        time.perf_counter() - start,
        spent - before.children_user - before.children_system,
    )


def _imports(arguments: list[str]) -> list[tuple[str, float]]:
    """The packages that take longest to import, each without what it imports of others."""
    command = [sys.executable, "-X", "importtime", "-m", "cmsearch", *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    spent: Counter[str] = Counter()
    for microseconds, package in _IMPORTED.findall(done.stderr):
        spent[package] += int(microseconds)
    return [(name, number / 1000) for name, number in spent.most_common(PACKAGES)]


if __name__ == "__main__":
    main()
