"""Time a second run over many unchanged files, and the run after a tree of 1,000 was moved.

    python -m scripts.bench.second_run [--files 20000] [--runs 3]

The files are small pictures, encoded by the fake model of the tests; each run is the command in a
process of its own.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from tests.builders import write_picture
from tests.processes import faked_apart

COLOURS = ("red", "green", "blue", "yellow", "purple", "cyan", "orange", "white")
MOVED = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for number in range(arguments.files):
            size = (8 + number % 40, 8 + number // 40 % 60)
            path = folder / f"{number // MOVED:03}" / f"{number}.png"
            write_picture(path, COLOURS[number % 8], size)
        print(f"first run  {_seconds(folder, '--model', 'fake:colours'):6.2f} s")
        times = [_seconds(folder) for _ in range(arguments.runs)]
        print(f"second run {statistics.median(times):6.2f} s, median of {arguments.runs}")
        (folder / "000").rename(folder / "moved")
        print(f"{MOVED} moved {_seconds(folder):6.2f} s")
        print(faked_apart("index", folder).stdout.decode())


def _seconds(folder: Path, *options: str) -> float:
    start = time.perf_counter()
    done = faked_apart("index", folder, *options, status=None)
    print(done.stdout.decode().splitlines()[0])
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
