"""A disk that becomes full ends a run with a message, and costs nothing that was there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import cmsearch
from cmsearch.store.catalog import files
from cmsearch.store.store import DIRECTORY, Store
from indexer import Indexer
from indexer.doctor import examine
from tests.builders import write_picture
from tests.processes import faked_apart

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="mounting needs root"
)
MODEL = "fake:colours"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 MB of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", place], check=False
    ).returncode:
        pytest.skip("this machine lets nobody mount")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.parametrize("left", [0, 60, 150, 420])
def test_a_full_disk_is_a_message_and_the_next_run_completes(
    small_disk: Path, tmp_path: Path, fake_model: str, left: int
) -> None:
    """With so many KB left for a second run, which would take more."""
    folder, place = tmp_path / "photos", small_disk / "store"
    for number in range(20):
        write_picture(folder / f"{number}.png", "red", (8, 8 + number))
    faked_apart("index", folder, "--store", place, "--model", MODEL)
    for number in range(400):
        write_picture(folder / f"more{number}.png", "blue", (9, 8 + number))
    status = os.statvfs(small_disk)
    filler = small_disk / "filler"
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
        assert files.counts(store.catalog) == {"photo": 420}


def test_a_first_run_on_a_full_disk_leaves_a_store_that_the_next_one_fills(
    small_disk: Path, fake_model: str
) -> None:
    write_picture(small_disk / "red.png")
    status = os.statvfs(small_disk)
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * (status.f_bavail * status.f_frsize - 8192))
    done = faked_apart("index", small_disk, "--model", MODEL, status=1)
    assert b"make room" in done.stderr.lower(), done.stderr.decode()
    filler.unlink()
    Indexer(small_disk, model=MODEL).run()
    with cmsearch.open(small_disk) as engine:
        assert engine.search("red")[0].path.name == "red.png"
    assert (small_disk / DIRECTORY).is_dir()
