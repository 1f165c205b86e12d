"""Nothing opens the file of a catalog but SQLite.

Where a process has a database open, closing its file in any other way ends the process's locks on
it: another process then takes the log away that is still read here. What is committed isn't seen,
or is lost.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cmsearch.store.store import CATALOG, DIRECTORY, Store
from tests.processes import ROOT, faked, faked_apart

_watched: list[set[str]] = []


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and _watched and Path(str(arguments[0])).name == CATALOG:
        _watched[-1].add(str(arguments[0]))


sys.addaudithook(_note)  # it stays as long as the process, and is told of all but SQLite's own


@contextmanager
def watching() -> Iterator[set[str]]:
    """Give the catalogs that anything but SQLite opens meanwhile."""
    _watched.append(set())
    try:
        yield _watched[-1]
    finally:
        _watched.pop()


def test_no_command_opens_the_file_of_a_catalog(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    shutil.copytree(ROOT / "sample_data" / "photos", folder)
    copy = tmp_path / "copy"
    with watching() as opened:
        faked("index", folder, "--model", "fake:colours")
        faked("index", folder)
        faked("search", "red", "--store", folder, "--no-daemon")
        picture = next(folder.glob("*.jpg"))
        faked("explain", "red", picture, "--store", folder, "--no-daemon", cwd=tmp_path)
        for command in ("info", "doctor", "generations", "compact", "duplicates"):
            faked(command, "--store", folder)
        faked("copy", folder, copy)
        faked("index", folder, "--store", copy)
        faked("index", folder, "--model", "fake:shades")
        faked("rollback", 1, "--store", folder)
        faked("prune", "--yes", "--store", folder)
    assert not opened


def test_what_others_commit_is_seen_whatever_else_this_process_does(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    shutil.copytree(ROOT / "sample_data" / "photos", folder)
    faked("index", folder, "--model", "fake:colours")
    place = folder / DIRECTORY
    with Store(place) as store, watching() as opened:
        before = store.catalog.version()
        assert str(place) in store.name
        Store(place).close()
        faked_apart("index", folder, "--model", "fake:shades")  # it is the last one to leave
        assert store.catalog.version() != before
        space = store.space
        assert space is not None and space.model == "shades"
    assert not opened
