"""An import that is killed, or for which the disk is full, is run again and is whole."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from cmsearch.store.store import DIRECTORY, Store
from indexer.doctor import examine
from indexer.importing.importer import Importer, Wanted
from tests import imports
from tests.limits import limited_files
from tests.processes import faked, script
from tests.unit.indexer.importing.test_importer import content

KILLS = 20
WAS = Wanted("fake:colours", was="pics")
STORM = """
import json, os, signal, sys
from pathlib import Path
import faiss
from indexer.importing.importer import Importer, Wanted
from tests.kills import _changes_disk

def imported(source, folder, store, last):
    calls = 0

    def count(_frame, event, called):
        nonlocal calls
        if event in ("c_call", "c_return") and _changes_disk(called):
            calls += 1
            if calls == last:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(count)
    Importer(source, folder, store=store, wanted=Wanted("fake:colours", was="pics")).run()
    sys.setprofile(None)
    return calls

source, folder, place = map(Path, sys.argv[1:4])
imported(source, folder, place / "warm", 0)
calls = imported(source, folder, place / "whole", 0)
killed = []
for number in range(int(sys.argv[4])):
    child = os.fork()
    if child == 0:
        last = 1 + (2 * number + 1) * calls // (2 * int(sys.argv[4]))
        imported(source, folder, place / str(number), last)
        os._exit(0)
    killed.append(os.WIFSIGNALED(os.waitpid(child, 0)[1]))
print(json.dumps(killed))
"""


@pytest.fixture
def folder(tmp_path: Path, fake_model: str) -> Path:
    imports.write_pictures(tmp_path / "pics", 12)
    return tmp_path / "pics"


@pytest.fixture
def source(folder: Path, tmp_path: Path) -> Path:
    """Of JSON lines, so that no other process reads it."""
    names = sorted(one.relative_to(folder).as_posix() for one in folder.rglob("*.png"))
    vectors = imports.pictures(folder, names)
    return imports.write_arrays(tmp_path / "from", vectors, names, ".jsonl")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="it is killed in forks")
def test_an_import_that_is_killed_goes_on(folder: Path, source: Path, tmp_path: Path) -> None:
    place = tmp_path / "stores"
    place.mkdir()
    with script(STORM, source, folder, place, KILLS) as process:
        said, problem = process.communicate(timeout=300)
    killed = json.loads(said or "[]")
    assert sum(killed) >= KILLS * 3 // 4, problem
    for number in range(KILLS):
        done = Importer(source, folder, store=place / str(number), wanted=WAS).run()
        assert done.added + done.known == 12
        with Store(place / str(number)) as store:
            assert examine(store, samples=0) == []
            assert store.catalog.has_bank(1)


@pytest.mark.parametrize("size", [1_000, 50_000, 90_000])
def test_a_full_disk_is_told_and_the_next_import_completes(
    folder: Path, source: Path, size: int
) -> None:
    with limited_files(size):
        done = faked("import", source, folder, "--model", WAS.model, status=1)
    assert b"make room" in done.stderr.lower(), done.stderr
    Importer(source, folder, wanted=WAS).run()
    assert len(content(folder)) == 12
    with Store(folder / DIRECTORY) as store:
        assert examine(store) == []
