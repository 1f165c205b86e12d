"""A disk that becomes full ends a run with a message, and costs nothing that was there."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import cmsearch
from cmsearch.store.store import DIRECTORY
from indexer import Indexer
from tests import small_disk
from tests.builders import write_picture
from tests.processes import faked_apart

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="mounting needs root"
)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small one of its own."""
    with small_disk.mounted(tmp_path / "disk") as is_mounted:
        if not is_mounted:
            pytest.skip("this machine lets nobody mount")
        yield tmp_path / "disk"


@pytest.mark.parametrize(
    "left", [0, 150, *(pytest.param(one, marks=pytest.mark.long) for one in (60, 420))]
)
@pytest.mark.usefixtures("fake_model")
def test_a_full_disk_is_a_message_and_the_next_run_completes(
    disk: Path, tmp_path: Path, left: int
) -> None:
    """With so many KB left for a second run; `scripts/bench/full_disk.py` tries more."""
    small_disk.fill(disk, tmp_path / "photos", left)


def test_a_first_run_on_a_full_disk_leaves_a_store_that_the_next_one_fills(
    disk: Path, fake_model: str
) -> None:
    write_picture(disk / "red.png")
    status = os.statvfs(disk)
    filler = disk / "filler"
    filler.write_bytes(b"x" * (status.f_bavail * status.f_frsize - 8192))
    done = faked_apart("index", disk, "--model", small_disk.MODEL, status=1)
    assert b"make room" in done.stderr.lower(), done.stderr.decode()
    filler.unlink()
    Indexer(disk, model=small_disk.MODEL).run()
    with cmsearch.open(disk) as engine:
        assert engine.search("red")[0].path.name == "red.png"
    assert (disk / DIRECTORY).is_dir()
