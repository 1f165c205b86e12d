"""What indexing costs in a folder of very many small files, of which few or none have changed.

    python -m scripts.bench.big_folder FOLDER --files 200000 [--changed 100] [--first]

Makes the folder and its store, if they aren't there: tiny pictures in folders of a hundred, and
rows for them that were put in together, in the space of the fake model of the tests. Then it
indexes by the command, each time in a process of its own: nothing new, so many added, these
deleted. Each line says what a run cost beyond its walk, in processor time, and its memory. With
`--first` a folder without a store is indexed, and the memory at every tenth of it is told.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil
import sqlalchemy as sa

from cmsearch.search.query import background_captions
from cmsearch.store.catalog import schema, sqlite_words
from cmsearch.store.catalog.rows import asset_row
from cmsearch.store.store import DIRECTORY, Store
from cmsearch.types import Asset, Progress
from indexer import Indexer
from indexer.scan import Found, scan
from tests import fakes
from tests.builders import serve, write_picture
from tests.processes import command, environment, know_fake

PAGE = 20_000
MODEL = "fake:colours"
COLOURS = ("red", "green", "blue", "yellow", "purple", "cyan", "orange", "white")


class Cost(NamedTuple):
    """What one run did, and its processor seconds and megabytes at most."""

    report: dict[str, Any]
    cpu: float
    megabytes: float

    @property
    def walk(self) -> float:
        """The processor seconds of the walk."""
        return float(self.report.get("cpu", {}).get("scan", 0.0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=200_000)
    parser.add_argument("--changed", type=int, default=100)
    parser.add_argument("--first", action="store_true")
    arguments = parser.parse_args()
    if arguments.first:
        write(arguments.folder, arguments.files)
        for done, megabytes in first(arguments.folder, max(arguments.files // 10, 1000)):
            print(f"{done:8} items written, {megabytes:5.0f} MB")
        return
    make(arguments.folder, arguments.files)
    for name, cost in runs(arguments.folder, arguments.changed):
        print(
            f"{name:12} {cost.cpu:6.2f} s CPU, of it the walk {cost.walk:6.2f}; "
            f"{cost.megabytes:4.0f} MB; {cost.report['added']} added, "
            f"{cost.report['removed']} removed, {cost.report['unchanged']} unchanged"
        )


def make(folder: Path, count: int) -> None:
    """The folder and its store, unless they are there."""
    if (folder / DIRECTORY).exists():
        return
    write(folder, count)
    fill(folder)


def write(folder: Path, count: int) -> None:
    """The folder alone, unless it is there."""
    if folder.exists():
        return
    bytes_of = [write_picture(folder / f"{one}.png", one).read_bytes() for one in COLOURS]
    for number in range(count):
        place = folder / f"{number // 10_000:03}" / f"trip {number // 100}"
        if number % 100 == 0:
            place.mkdir(parents=True)
        (place / f"IMG_{number:07}.png").write_bytes(bytes_of[number % len(COLOURS)])


def first(folder: Path, every: int) -> Iterator[tuple[int, float]]:
    """Index a folder in this process; the memory after the first thousand items and each `every`
    more, and at the end.
    """
    know_fake()
    found: list[tuple[int, float]] = []
    due = 1000

    def look(event: Progress) -> None:
        nonlocal due
        if event.stage == "index" and event.done >= due:
            found.append((event.done, _resident()))
            due = max(due + every, every) // every * every

    report = Indexer(folder, model=MODEL).run(look)
    yield from found
    yield report.added, _resident()


def _resident() -> float:
    return float(psutil.Process().memory_info().rss) / 2**20


def fill(folder: Path) -> None:
    """A store of the folder with rows for all its files, published."""
    with Store(folder / DIRECTORY, folder) as store:
        space = serve(store.catalog, fakes.SPACE.dim, fakes.SPACE)
        with store.catalog.writing() as writer:
            writer.put_bank(space, background_captions.encoded(fakes.FakeEncoder()))
        files, done = iter(scan(folder).files), 0
        with store.catalog.connected() as connection:
            while page := list(islice(files, PAGE)):
                for name, rows in _tables(space, done, page):
                    connection.execute(sa.insert(schema.meta.tables[name]), rows)
                connection.commit()
                done += len(page)
            sqlite_words.make(connection)
            connection.commit()
        store.publish()


def _tables(space: int, start: int, files: list[Found]) -> Iterator[tuple[str, list[Any]]]:
    numbers = range(start + 1, start + len(files) + 1)
    vectors = np.random.default_rng(start).normal(size=(len(files), fakes.SPACE.dim))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    yield (
        "assets",
        [
            {
                "id": number,
                **asset_row(Asset(one.path, one.kind, one.size, one.mtime_ns, f"{number:064x}")),
            }
            for number, one in zip(numbers, files, strict=True)
        ],
    )
    yield "items", [
        {"id": one, "asset": one, "modality": "image", "kind": "photo", "text": None,
         "about": None, "locator": "", "digest": f"{one:064x}", "phash": b""}
        for one in numbers
    ]  # fmt: skip
    yield "embeddings", [
        {"item": number, "space": space, "modality": "image", "part": 0,
         "vector": vector.astype("<f2").tobytes(), "features": None, "tokens": None}
        for number, vector in zip(numbers, vectors, strict=True)
    ]  # fmt: skip


def runs(folder: Path, changed: int) -> Iterator[tuple[str, Cost]]:
    """What a run costs without a change, after files were added, and after they were deleted."""
    yield "unchanged", run(folder)
    added = [folder / "new" / f"{number}.png" for number in range(changed)]
    for number, path in enumerate(added):
        write_picture(path, COLOURS[number % len(COLOURS)], (8, 8 + number % 200))
    yield f"add {changed}", run(folder)
    for path in added:
        path.unlink()
    yield f"delete {changed}", run(folder)


def run(folder: Path, *options: object) -> Cost:
    """What `cmsearch index` does and costs in a process of its own."""
    line = command("index", folder, "--format", "json", *options)
    with subprocess.Popen(
        line, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        report = json.loads(process.stdout.read())
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return Cost(report, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


if __name__ == "__main__":
    main()
