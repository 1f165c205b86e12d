"""A disk that fills while an index grows on it, and what has to be true then and afterwards."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cmsearch.store.catalog import files
from cmsearch.store.store import Store
from indexer.doctor import examine
from tests.builders import write_picture
from tests.processes import faked_apart

MODEL = "fake:colours"
FIRST, MORE = 20, 400


@contextmanager
def mounted(place: Path) -> Iterator[bool]:
    """A disk of 16 MB of its own at a place, where this machine lets somebody mount."""
    place.mkdir()
    options = ["-t", "tmpfs", "-o", "size=16m", "tmpfs"]
    if subprocess.run(["mount", *options, place], check=False).returncode:
        yield False
        return
    try:
        yield True
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def fill(disk: Path, folder: Path, left: int) -> None:
    """Index a folder on a disk, let so many KB be left for a second run, which would take more, and
    look at what it says and at what it leaves; a third one with room completes.
    """
    place = disk / "store"
    for number in range(FIRST):
        write_picture(folder / f"{number}.png", "red", (8, 8 + number))
    faked_apart("index", folder, "--store", place, "--model", MODEL)
    for number in range(MORE):
        write_picture(folder / f"more{number}.png", "blue", (9, 8 + number))
    status = os.statvfs(disk)
    filler = disk / "filler"
    filler.write_bytes(b"x" * (status.f_bavail * status.f_frsize - left * 1024))
    done = faked_apart("index", folder, "--store", place, status=1)
    assert b"make room" in done.stderr.lower(), done.stderr.decode()
    if left < 50:  # SQLite has to have room for the few KB by which its readers and writer agree
        filler.unlink()
    found = faked_apart("search", "red", "--store", place, "-k", "3", "--for", "image")
    assert found.stdout.count(b"\n") == 3
    filler.unlink(missing_ok=True)
    faked_apart("index", folder, "--store", place)
    with Store(place) as store:
        assert examine(store, samples=3) == []
        assert files.counts(store.catalog) == {"photo": FIRST + MORE}
