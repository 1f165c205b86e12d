"""Wall time of `cmsearch --help` and of a cold search of a store of 1,000 images with `lite`.

    python scripts/bench/startup.py

Each run is a process of its own; the median of five is printed. The images are random crops of
the sample photographs.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from indexer import Indexer

PHOTOS = Path(__file__).parents[2] / "sample_data" / "photos"
IMAGES, RUNS = 1000, 5


def main() -> None:
    command = str(Path(sys.executable).with_name("cmsearch"))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        _crops(folder)
        Indexer(folder, model="lite").run()
        for arguments in (["--help"], ["search", "a dog on the beach", "--store", place]):
            times = [_seconds([command, *arguments]) for _ in range(RUNS)]
            print(
                f"cmsearch {arguments[0]:8} median {statistics.median(times):.2f} s of {RUNS} runs"
            )


def _crops(folder: Path) -> None:
    random = np.random.default_rng(0)
    photos = [Image.open(path).convert("RGB") for path in sorted(PHOTOS.glob("*.jpg"))]
    for number in range(IMAGES):
        photo = photos[number % len(photos)]
        left, top = random.integers(0, (photo.width // 2, photo.height // 2))
        box = (left, top, left + photo.width // 2, top + photo.height // 2)
        photo.crop(box).save(folder / f"{number}.jpg")


def _seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
