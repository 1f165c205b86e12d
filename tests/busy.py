"""A store of many pictures that is searched, and a process that commits to it meanwhile."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np

from cmsearch.store.store import DIRECTORY, Store
from tests import fakes
from tests.builders import asset, photo

QUERIES = ("red", "green", "blue", "red green", "a blue sea", "grass", "evening", "red sky")
ROWS = 4
"""Pictures that a commit adds; as many old ones go."""
COMMITS_A_SECOND = 10


def fill(folder: Path, count: int) -> None:
    """A store of `count` pictures, published."""
    with Store(folder / DIRECTORY, folder) as store:
        with store.catalog.writing() as writer:
            space = writer.put_space(fakes.SPACE, "numpy")
            for number in range(count):
                _add(writer, space, number)
            writer.serve(space)
        store.publish()


def write(folder: str, first: int) -> None:
    """Commit until standard input ends; tells when it begins, and at the end how many it made."""
    ended = Event()
    Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    commits, started = 0, time.monotonic()
    with Store(Path(folder, DIRECTORY)) as store, store.locked():
        while not ended.wait(max(0.0, started + commits / COMMITS_A_SECOND - time.monotonic())):
            with store.catalog.writing() as writer:
                for number in range(first + ROWS * commits, first + ROWS * (commits + 1)):
                    writer.remove_asset(_name(number - 5 * ROWS), store.snapshot())
                    _add(writer, 1, number)
            commits += 1
    seconds = time.monotonic() - started
    sys.stdout.write(json.dumps({"commits": commits, "seconds": seconds}))


def _add(writer: Any, space: int, number: int) -> None:
    vector = np.abs(np.random.default_rng(number).normal(size=fakes.SPACE.dim)).astype(np.float32)
    place = writer.put_asset(asset(_name(number)))
    writer.add_item(place, space, photo(vector / np.linalg.norm(vector), digest=_name(number)))


def _name(number: int) -> str:
    return f"{number:07}.jpg"
