"""Indexing on a cluster of Ray whose workers are killed, against one process.

    python -m scripts.bench.cluster --files 5000 --workers 2 --kills 3 --model lite

Both index the same pictures. Prints the processor time of each, over all of its processes, and of
starting alone, with how many portions were done twice and whether the two stores are equal; ends
with 1 if they aren't. The model `fake` costs nothing, so that what is left is the cluster's own.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from cmsearch.store.store import DIRECTORY
from indexer import Indexer
from indexer.cluster import Cluster, Recipe, Worker
from indexer.stages import Given, Row
from tests.kills import content
from tests.processes import know_fake

LOG = "CMSEARCH_BENCH_LOG"
"""The file in which workers note what they have done."""
_PATCHES = 12


class Noting(Worker):
    """A worker that notes its process, and each portion that it has done."""

    def __init__(self, recipe: Recipe) -> None:
        know_fake()
        super().__init__(recipe)
        _note(f"worker {os.getpid()}")

    def rows(self, files: Sequence[Given]) -> list[Row]:
        """What is to be written of some files."""
        found = super().rows(files)
        _note(f"done {files[0].file.path}")
        return found


def _note(line: str) -> None:
    with Path(os.environ[LOG]).open("a") as log:
        log.write(f"{line}\n")


def _noted(word: str) -> list[str]:
    lines = Path(os.environ[LOG]).read_text().splitlines()
    return [line.split(" ", 1)[1] for line in lines if line.startswith(word)]


def fill(folder: Path, count: int, side: int) -> None:
    """Pictures of patches of colour, a hundred in a folder, each with a caption of its own."""
    for number in range(count):
        random = np.random.default_rng(number)
        patches = random.integers(0, 256, (_PATCHES, _PATCHES, 3)).astype(np.uint8)
        path = folder / f"{number // 100:03}" / f"{number:06}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(patches).resize((side, side)).save(path, quality=90)


@contextmanager
def counting() -> Iterator[Callable[[], float]]:
    """Adds up the processor time of this process and of all that it starts, as last seen."""
    own, seen, is_over = psutil.Process(), dict[int, float](), threading.Event()

    def look() -> None:
        while not is_over.wait(0.2):
            for one in [own, *own.children(recursive=True)]:
                try:
                    times = one.cpu_times()
                except psutil.Error:
                    continue
                seen[one.pid] = max(seen.get(one.pid, 0.0), times.user + times.system)

    before = time.process_time()
    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    try:
        yield lambda: sum(seen.values()) - before
    finally:
        is_over.set()
        looking.join()


def killing(times: int, portions: int) -> threading.Thread:
    """Kills a worker so many times, spread over the run."""

    def strike() -> None:
        for number in range(times):
            due = (number + 1) * portions // (times + 1)
            while len(_noted("done")) < due:
                time.sleep(0.05)
            workers = [int(one) for one in _noted("worker")]
            alive = [one for one in workers if psutil.pid_exists(one)]
            os.kill(alive[number % len(alive)], signal.SIGKILL)

    thread = threading.Thread(target=strike, daemon=True)
    thread.start()
    return thread


def indexed(folder: Path, model: str, cluster: Cluster | None) -> float:
    """Index a folder anew; returns the processor time."""
    shutil.rmtree(folder / DIRECTORY, ignore_errors=True)
    with counting() as used:
        report = Indexer(folder, model=model, ocr="none", cluster=cluster).run()
        assert not report.skipped, report.skipped
        time.sleep(0.5)  # the last look
        return used()


def main() -> int:
    """Index, kill, and compare."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--files", type=int, default=5_000)
    parser.add_argument("--side", type=int, default=300)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--model", default="lite")
    asked = parser.parse_args()
    model = "fake:colours" if asked.model == "fake" else asked.model
    know_fake()
    with tempfile.TemporaryDirectory() as place:
        os.environ[LOG] = str(Path(place, "log"))
        cluster = Cluster("local", asked.workers, Noting)
        few, folder = Path(place, "few"), Path(place, "all")
        fill(few, 1, asked.side)
        fill(folder, asked.files, asked.side)
        starts = [indexed(few, model, None), indexed(few, model, cluster)]
        print(f"to start: {starts[0]:.1f} s CPU in one process, {starts[1]:.1f} in a cluster")
        alone = indexed(folder, model, None)
        expected = content(folder)
        Path(os.environ[LOG]).write_text("")
        portions = asked.files // 64
        struck = killing(asked.kills, portions)
        shared = indexed(folder, model, cluster)
        struck.join(1)
        done = _noted("done")
        print(
            f"{asked.kills} kills, {len(_noted('worker'))} workers, {len(done)} portions done, "
            f"{len(done) - len({*done})} of them twice"
        )
        over = (shared - starts[1]) / (alone - starts[0]) - 1
        print(
            f"{alone:.1f} s CPU in one process, {shared:.1f} in a cluster: {over:+.0%} beyond "
            "starting"
        )
        is_equal = content(folder) == expected
        print("the stores are equal" if is_equal else "the stores differ")
    return 0 if is_equal else 1


if __name__ == "__main__":
    sys.exit(main())
