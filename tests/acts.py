"""Killing what changes an index besides indexing: merging, mending, changing models, learning."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import cmsearch
from cmsearch.learning.fit_adapter import Wish, fit
from cmsearch.models.spaces import model_name
from cmsearch.store.compaction import compact
from cmsearch.store.generations import delete, prunable, switch
from cmsearch.store.store import DIRECTORY, Store
from indexer import Indexer
from indexer.doctor import encode_missing, examine, repair
from tests import damage, kills
from tests.processes import script

_STORM = """
import json, os, shutil, sys
from pathlib import Path
from tests import acts, kills

place, count, names = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]

def done(act, name, last):
    copy = Path(shutil.copytree(place / act / "prepared", place / act / name))
    return kills.counted(lambda: acts.ACTS[act](copy), last)

killed = {}
for act in names:
    done(act, "warm", 0)
    calls = done(act, "whole", 0)
    for number in range(count):
        child = os.fork()
        if child == 0:
            done(act, str(number), 1 + (2 * number + 1) * calls // (2 * count))
            os._exit(0)
        killed.setdefault(act, []).append(os.WIFSIGNALED(os.waitpid(child, 0)[1]))
print(json.dumps(killed))
"""


def _merged(folder: Path) -> None:
    with Store(folder / DIRECTORY) as store:
        compact(store)


def _mended(folder: Path) -> None:
    with Store(folder / DIRECTORY) as store:
        repair(store, examine(store, samples=0))
        encode_missing(store)


def _rolled_back(folder: Path) -> None:
    with Store(folder / DIRECTORY) as store:
        if store.space is not None and model_name(store.space) == kills.NEW:
            switch(store)
        else:
            with store.locked():
                store.publish()


def _pruned(folder: Path) -> None:
    with Store(folder / DIRECTORY) as store:
        if gone := prunable(store):
            delete(store, gone)


def _learned(folder: Path) -> None:
    with Store(folder / DIRECTORY) as store:
        if store.space is not None and store.space.adapter is None:
            fit(store, Wish(force=True), tell=lambda event: None)
        else:
            with store.locked():
                store.publish()


ACTS: Mapping[str, Callable[[Path], None]] = {
    "compact": _merged,
    "repair": _mended,
    "rollback": _rolled_back,
    "prune": _pruned,
    "fit": _learned,
}
"""What is done with a folder. Each may find that it was done already."""


def _damaged(folder: Path) -> None:
    """A vector that is none, another that is missing, words that are wrong, and a file less."""
    damage.sql(
        folder,
        "UPDATE embeddings SET vector = zeroblob(16) WHERE id = 3",
        "DELETE FROM embeddings WHERE id = 5",
        "DELETE FROM words WHERE rowid = 7",
    )
    damage.derived(folder)[0].unlink()


def _with_second_model(folder: Path) -> None:
    Indexer(folder, model=kills.NEW).run()


_PREPARED: Mapping[str, Callable[[Path], object]] = {
    "repair": _damaged,
    "rollback": _with_second_model,
    "prune": _with_second_model,
}


def struck(place: Path, pictures: int, count: int, acts: Iterable[str]) -> dict[str, list[bool]]:
    """Prepare a folder for each act, do it, and kill it at `count` moments spread over it.

    Below `place` and the name of an act is the folder `prepared`, as `whole` after it, and as a
    number after a kill. Says which were killed at work.
    """
    folder, names = kills.write_folder(place / "photos", pictures), list(acts)
    Indexer(folder, model=kills.OLD).run()
    for path in sorted((folder / "part2").glob("*.png")):
        path.unlink()
    Indexer(folder).run()
    for act in names:
        prepared = Path(shutil.copytree(folder, place / act / "prepared"))
        _PREPARED.get(act, lambda _: None)(prepared)
    with script(_STORM, place, count, *names) as process:
        said, problem = process.communicate(timeout=3_000)
    assert said, problem
    killed: dict[str, list[bool]] = json.loads(said)
    return killed


def wrong_after(place: Path, act: str, number: int) -> list[str]:
    """What differs from a folder in which nothing was killed, once the act is done again."""
    folder = place / act / str(number)
    if act != "repair":
        with cmsearch.open(folder) as engine:  # what was left can be searched
            assert engine.search("red", k=3)
    ACTS[act](folder)
    expected = kills.content(place / act / "whole")
    if act == "repair":  # what chance gives may be measured while something is still missing
        del expected["answers"]
    found = kills.differences(expected, kills.content(folder))
    with Store(folder / DIRECTORY) as store:
        return found + [one.what for one in examine(store, samples=2)]
