"""Merging, mending and learning that are killed at any moment lose nothing, and are done again."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import cmsearch
from cmsearch.store.store import DIRECTORY, Store
from indexer import Indexer
from indexer.doctor import examine
from tests import acts, damage, kills
from tests.processes import script

KILLS = 3
STORM = """
import json, os, shutil, sys
from pathlib import Path
from tests import acts, kills

place, count = Path(sys.argv[1]), int(sys.argv[2])

def done(act, name, last):
    copy = Path(shutil.copytree(place / act / "prepared", place / act / name))
    return kills.counted(lambda: acts.ACTS[act](copy), last)

killed = {}
for act in acts.ACTS:
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

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="it is killed in forks")


def damaged(folder: Path) -> None:
    """A vector that is none, another that is missing, words that are wrong, and a file less."""
    damage.sql(
        folder,
        "UPDATE embeddings SET vector = zeroblob(16) WHERE id = 3",
        "DELETE FROM embeddings WHERE id = 5",
        "DELETE FROM words WHERE rowid = 7",
    )
    damage.derived(folder)[0].unlink()


PREPARED: dict[str, Callable[[Path], object]] = {
    "compact": lambda folder: None,
    "repair": damaged,
    "rollback": lambda folder: Indexer(folder, model=kills.NEW).run(),
    "prune": lambda folder: Indexer(folder, model=kills.NEW).run(),
}


@pytest.fixture(scope="module")
def struck(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[bool]]]:
    """By the name of what is done a folder before it, after it, and after each kill."""
    from cmsearch.models.plugins import encoders

    place = tmp_path_factory.mktemp("acts")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(encoders._rows, "fake", "tests.fakes:load")  # type: ignore[index]
        folder = kills.write_folder(place / "photos", 32)
        Indexer(folder, model=kills.OLD).run()
        for path in sorted((folder / "part2").glob("*.png")):
            path.unlink()
        Indexer(folder).run()
        for act, prepare in PREPARED.items():
            prepare(Path(shutil.copytree(folder, place / act / "prepared")))
    with script(STORM, place, KILLS) as process:
        said, problem = process.communicate(timeout=300)
    assert said, problem
    return place, json.loads(said)


@pytest.mark.parametrize("act", PREPARED)
def test_what_is_killed_is_done_by_the_next_run(
    struck: tuple[Path, dict[str, list[bool]]], fake_model: str, act: str
) -> None:
    place, killed = struck[0] / act, struck[1][act]
    assert sum(killed) >= KILLS // 2
    expected = kills.content(place / "whole")
    for number in range(KILLS):
        folder = place / str(number)
        if act != "repair":
            with cmsearch.open(folder) as engine:  # what was left can be searched
                assert engine.search("red", k=3)
        acts.ACTS[act](folder)
        assert kills.differences(expected, kills.content(folder)) == []
        with Store(folder / DIRECTORY) as store:
            assert examine(store, samples=2) == []
