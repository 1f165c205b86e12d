"""Killing runs of the indexer at any moment, and comparing what the next run makes of it."""

from __future__ import annotations

import io
import os
import posix
import random
import shutil
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import cmsearch
from cmsearch.models.spaces import model_name
from cmsearch.store.catalog import files, items
from cmsearch.store.index import manifest as manifests
from cmsearch.store.store import CATALOG, DIRECTORY, Store
from cmsearch.types import Modality
from indexer import Indexer
from indexer.doctor import examine
from tests.builders import write_files, write_picture
from tests.processes import script

OLD, NEW = "fake:colours", "fake:shades"
COLOURS = ("red", "green", "blue", "yellow", "purple", "cyan", "orange", "white")
QUERIES = ("red", "a green thing", "blue and yellow", "nothing of the kind")
_RUN = "import sys; from tests import kills; kills.run_until(*sys.argv[1:])"


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is at work when it is killed: a folder as it is before, and the model of the run.

    An undisturbed run takes `seconds` and calls the system or SQLite `calls` times.
    """

    name: str
    folder: Path
    model: str
    seconds: float
    calls: int
    expected: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One kill: when, as a share of an undisturbed run, what was in the store, and what differs."""

    scenario: str
    share: float
    killed: bool
    state: str
    wrong: list[str]


def scenarios(place: Path, count: int) -> list[Scenario]:
    """A first run, one with a second model, and one that follows moves, over `count` pictures."""
    new = write_folder(place / "first run", count)
    indexed = _copied(new, place / "second model")
    Indexer(indexed, model=OLD).run()
    moved = _copied(indexed, place / "moves")
    change(moved)
    rows = (("first run", new, OLD), ("second model", indexed, NEW), ("moves", moved, OLD))
    return [_measured(name, folder, model, place) for name, folder, model in rows]


def write_folder(folder: Path, count: int) -> Path:
    """Pictures in three folders, captions in a sidecar, a CSV and a JSONL file, documents."""
    for number in range(count):
        colour = COLOURS[number % len(COLOURS)]
        path = folder / f"part{number % 3}" / f"{number:04}.png"
        write_picture(path, colour, (8 + number % 5, 8 + number // 40))
        if number % 4 == 0:
            path.with_suffix(".txt").write_text(f"a {colour} thing, number {number}\n")
    lines = [f"part{n % 3}/{n:04}.png,{COLOURS[n % 8]} as ever {n}" for n in range(1, count, 5)]
    write_files(folder, {
        "captions.csv": "image,caption\n" + "\n".join(lines) + "\n",
        "notes.md": "\n\n".join(f"Green paragraph {n}. " * 12 for n in range(count // 4)),
    })  # fmt: skip
    return folder


def change(folder: Path) -> None:
    """Move one folder, rename files of another, change some, delete some, and add some."""
    (folder / "part0").rename(folder / "moved")
    for number, path in enumerate(sorted((folder / "part1").glob("*.png"))):
        if number % 3 == 0:
            path.rename(path.with_name(f"renamed-{path.name}"))
        elif number % 3 == 1:
            write_picture(path, "black", (20, 20))
    for path in sorted((folder / "part2").glob("*.png"))[::2]:
        path.unlink()
    for number in range(10):
        write_picture(folder / "added" / f"{number}.png", COLOURS[number % 8], (30, 9 + number))


def strike(scenario: Scenario, place: Path, share: float, *, by_clock: bool = False) -> Outcome:
    """Kill one run of a copy after a share of its calls or time, run again, and compare."""
    folder = _copied(scenario.folder, place / "struck")
    try:
        if by_clock:
            after = share * scenario.seconds
            killed = _finished(folder, scenario.model, 0, kill_after=after) is None
        else:
            at = round(share * scenario.calls)
            killed = _finished(folder, scenario.model, at) is None
        state = _state(folder)
        wrong = _searched(folder)
        Indexer(folder, model=scenario.model).run()
        wrong += differences(scenario.expected, content(folder))
        with Store(folder / DIRECTORY) as store:
            wrong += [one.what for one in examine(store, samples=3)]
    finally:
        shutil.rmtree(folder)
    return Outcome(scenario.name, share, killed, state, wrong)


def run_until(folder: str, model: str, last_call: str) -> None:
    """Index, killed at a call of the system or of SQLite by its number; 0 is none.

    What is on the disk only changes in such calls, so numbers at random are moments at random.
    Prints the number of calls and the seconds.
    """
    import faiss  # noqa: F401  # paid for before the clock begins

    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    start = time.perf_counter()
    calls = counted(lambda: Indexer(folder, model=model).run(), int(last_call))
    sys.stdout.write(f"{calls} {time.perf_counter() - start}")


def counted(act: Callable[[], object], last: int) -> int:
    """How often something calls the system or SQLite, killed at such a call by its number."""
    calls, lock = 0, threading.Lock()

    def count(_frame: Any, event: str, called: Any) -> None:
        nonlocal calls
        if event in ("c_call", "c_return") and _changes_disk(called):
            with lock:
                calls += 1
                if calls == last:
                    os.kill(os.getpid(), signal.SIGKILL)

    threading.setprofile(count)
    sys.setprofile(count)
    try:
        act()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return calls


def _changes_disk(called: Any) -> bool:
    owner = getattr(called, "__self__", None)
    if owner is posix or called is open:
        return True
    return isinstance(owner, (sqlite3.Connection, sqlite3.Cursor, io.IOBase))


def moments(count: int, seed: int) -> list[float]:
    """Shares of a run, one at random in each of `count` equal stretches of it."""
    chance = random.Random(seed)
    return [(number + chance.random()) / count for number in range(count)]


def content(folder: Path) -> dict[str, Any]:
    """All that the store of a folder holds and answers, without the numbers of rows, which may
    differ.
    """
    return content_at(folder / DIRECTORY)


def content_at(place: Path) -> dict[str, Any]:
    """The same of a store that lies anywhere."""
    with Store(place) as store:
        catalog = store.catalog
        generations = catalog.generations()
        return {
            "assets": files.assets(catalog),
            "served": store.space and model_name(store.space),
            "items": {
                model_name(one.space): _items(store, one.space_id, one.space.dim)
                for one in generations
            },
            "answers": answers(place),
        }


def answers(folder: Path) -> dict[str, Any]:
    with cmsearch.open(folder) as engine:
        return {
            f"{text} for {target}": [
                (hit.score, hit.source, str(hit.path.relative_to(engine.store.root)), hit.text)
                for hit in engine.search(text, target=target, k=50)
            ]
            for text in QUERIES
            for target in ("image", "text", "caption")
        }


def differences(expected: dict[str, Any], found: dict[str, Any]) -> list[str]:
    return [
        f"{name} differ: {str(expected[name])[:200]} … {str(found[name])[:200]}"
        for name in expected
        if expected[name] != found[name]
    ]


def _items(store: Store, number: int, dim: int) -> list[tuple[Any, ...]]:
    """Every embedding in a space with its item, in an order that doesn't depend on rows."""
    found = []
    for modality in Modality:
        ids, rows = items.embeddings(store.catalog, number, modality, dim)
        known = items.of_embeddings(store.catalog, ids.tolist())
        for one, row in zip(ids.tolist(), rows, strict=True):
            item = known[one]
            vector = np.round(row, 6).tolist()
            found.append((item.path, item.locator, item.digest, str(item.about), vector))
    return sorted(found)


def _measured(name: str, folder: Path, model: str, place: Path) -> Scenario:
    copy = _copied(folder, place / "undisturbed")
    done = _finished(copy, model, 0)
    assert done is not None
    expected = content(copy)
    shutil.rmtree(copy)
    return Scenario(name, folder, model, done[1], done[0], expected)


def _copied(folder: Path, place: Path) -> Path:
    return Path(shutil.copytree(folder, place))


def _finished(
    folder: Path, model: str, last_call: int, kill_after: float | None = None
) -> tuple[int, float] | None:
    """The calls and the seconds of a run in a process of its own; None if it was killed."""
    with script(_RUN, folder, model, last_call) as process:
        assert process.stdin is not None and process.stdout is not None
        assert process.stdout.readline() == "ready\n", process.communicate()
        process.stdin.write("\n")
        process.stdin.flush()
        if kill_after is not None:
            time.sleep(kill_after)
            process.kill()
        stdout, stderr = process.communicate(timeout=120)
    if process.returncode == -signal.SIGKILL:
        return None
    assert process.returncode == 0, stderr
    calls, seconds = stdout.split()
    return int(calls), float(seconds)


def _state(folder: Path) -> str:
    """How far a run had come."""
    place = folder / DIRECTORY
    if not (place / CATALOG).exists():
        return "no catalog"
    with Store(place) as store:
        counts = [sum(n for n, _ in files.sizes(store.catalog, one.space_id).values())
                  for one in store.catalog.generations()]  # fmt: skip
        manifest = manifests.newest(place)
        left = sorted(path.name for path in place.glob("*.new"))
        tokens = len(store.catalog.snapshots())
        snapshot = manifest.snapshot if manifest else 0
        return f"embeddings {counts}, snapshot {snapshot}, tokens {tokens}, left over {left}"


def _searched(folder: Path) -> list[str]:
    """What is wrong with a search of what was left: each hit has to be a file that is there."""
    place = folder / DIRECTORY
    if not (place / CATALOG).exists():
        return []
    with Store(place) as store:
        if store.space is None:
            return []
        known = files.assets(store.catalog)
    found = answers(folder)
    paths = {path for hits in found.values() for _, _, path, _ in hits}
    return [f"{path} is not in the store" for path in sorted(paths - known.keys())]
