"""One process that writes a store without pause, and several that search it meanwhile.

Each transaction adds `STEP` numbered files and deletes as many old ones, so that each committed
state is a window of `WINDOW` numbers that begins at a multiple of `STEP`.
"""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cmsearch.store.catalog.rows import NewItem
from cmsearch.store.store import DIRECTORY, Store
from cmsearch.types import FloatArray
from tests import fakes
from tests.builders import asset, photo
from tests.processes import script

STEP, WINDOW, READERS = 5, 60, 4
COMMITS, ANSWERS = 20, 5
"""The writer and each reader go on until they have so many, however busy the machine is."""
_WRITER = "import sys; from tests import crowd; crowd.write(sys.argv[1], float(sys.argv[2]))"
_READER = "import sys; from tests import crowd; crowd.read(sys.argv[1], float(sys.argv[2]))"
SPACES = (fakes.SPACE, fakes.load("shades").space)


@dataclass(frozen=True, slots=True)
class Tally:
    """What came of a trial: transactions of the writer, answers of the readers, what was wrong."""

    commits: int
    answers: int
    wrong: list[str]


def trial(folder: Path, seconds: float) -> Tally:
    """Let one write and `READERS` read for some seconds, each in a process of its own."""
    _filled(folder)
    tallies: list[dict[str, Any]] = []
    wrong: list[str] = []
    with ExitStack() as stack:
        codes = [_WRITER] + [_READER] * READERS
        processes = [stack.enter_context(script(code, folder, seconds)) for code in codes]
        for process in processes:
            stdout, stderr = process.communicate(timeout=seconds + 120)
            if process.returncode:
                wrong.append(stderr[-1500:])
            else:
                tallies.append(json.loads(stdout))
    wrong += [one for tally in tallies for one in tally["wrong"]]
    return Tally(
        sum(one.get("commits", 0) for one in tallies),
        sum(one.get("answers", 0) for one in tallies),
        wrong,
    )


def write(folder: str, seconds: float) -> None:
    """Move the window on and on, publish now and then, and switch back and forth meanwhile."""
    from time import monotonic

    commits, start, end = 0, 0, monotonic() + seconds
    with Store(Path(folder, DIRECTORY)) as store, store.locked():
        while monotonic() < end or commits < COMMITS:
            with store.catalog.writing() as writer:
                for number in range(start, start + STEP):
                    writer.remove_asset(_name(number), store.snapshot())
                    _add(writer, number + WINDOW)
            start += STEP
            commits += 1
            if commits % 7 == 0:
                with store.catalog.writing() as writer:
                    writer.serve(1 + commits % 2)
            if commits % 5 == 0:
                store.publish()
    sys.stdout.write(json.dumps({"commits": commits, "wrong": []}))


def read(folder: str, seconds: float) -> None:
    """Search again and again; each answer has to be one window, and none an older one."""
    from time import monotonic

    import cmsearch

    wrong: list[str] = []
    answers, former, end = 0, 0, monotonic() + seconds
    with cmsearch.open(folder) as engine:
        while monotonic() < end or answers < ANSWERS:
            hits = engine.search("red", target="image", k=10 * WINDOW)
            found = sorted(int(hit.path.stem) for hit in hits)
            answers += 1
            if not is_window(found):
                wrong.append(f"no committed state: {len(found)} files, {found[:8]} … {found[-8:]}")
            elif found[0] < former:
                wrong.append(f"a state from before: {found[0]} after {former}")
            else:
                former = found[0]
    sys.stdout.write(json.dumps({"answers": answers, "wrong": wrong[:5]}))


def is_window(found: list[int]) -> bool:
    first = found[0] if found else -1
    return first >= 0 and first % STEP == 0 and found == list(range(first, first + WINDOW))


def _filled(folder: Path) -> None:
    """A store of two generations, both whole, of which the second serves."""
    with Store(folder / DIRECTORY, folder) as store:
        with store.catalog.writing() as writer:
            numbers = [writer.put_space(space, "numpy") for space in SPACES]
            assert numbers == [1, 2]
            for number in range(WINDOW):
                _add(writer, number)
            for generation in numbers:
                writer.serve(generation)
        store.publish()


def _add(writer: Any, number: int) -> None:
    place = writer.put_asset(asset(_name(number)))
    for space, one in enumerate(SPACES, 1):
        writer.add_item(place, space, _photo(number, one.dim))


def _photo(number: int, dim: int) -> NewItem:
    vector: FloatArray = np.random.default_rng(number).normal(size=dim).astype(np.float32)
    return photo(vector / np.linalg.norm(vector), digest=_name(number))


def _name(number: int) -> str:
    return f"{number:06}.jpg"
