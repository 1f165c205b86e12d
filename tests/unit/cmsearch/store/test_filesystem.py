"""On a network file system SQLite keeps a rollback journal: a log doesn't work there."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

import cmsearch
from cmsearch.store import filesystem
from cmsearch.store.filesystem import is_remote
from cmsearch.store.store import CATALOG, DIRECTORY
from indexer import Indexer
from tests.builders import write_picture
from tests.processes import script


class Mount(NamedTuple):
    """As psutil describes one."""

    device: str
    mountpoint: str
    fstype: str
    opts: str = "rw"


ROOT = Mount("/dev/sda1", "/", "ext4")


@pytest.mark.parametrize(
    ("mounts", "remote"),
    [
        ([ROOT], False),
        ([], False),
        ([ROOT, Mount("server:/home", "/home", "nfs")], True),
        ([ROOT, Mount("server:/home", "/home", "nfs4")], True),
        ([ROOT, Mount("//server/x", "/home/me", "cifs")], True),
        ([ROOT, Mount("//server/x", "/home/me", "smbfs")], True),
        ([ROOT, Mount("me@server:", "/home/me", "fuse.sshfs")], True),
        ([ROOT, Mount("hgfs", "/home/me", "9p")], True),
        ([ROOT, Mount("server:/home", "/ho", "nfs")], False),
        ([ROOT, Mount("server:/home", "/home", "nfs"), Mount("/dev/b", "/home/me", "xfs")], False),
        ([Mount("server:/", "/", "nfs"), Mount("/dev/b", "/home", "btrfs")], False),
        ([ROOT, Mount("z", "/home", "NTFS", "rw,remote")], True),
        ([ROOT, Mount("z", "/home", "NTFS", "rw,noremote")], False),
        ([ROOT, Mount("tmpfs", "/home", "tmpfs"), Mount("s:/", "/home", "nfs")], True),
        ([ROOT, Mount("s:/", "/home", "autofs"), Mount("s:/", "/home", "nfs4")], True),
    ],
)
def test_the_innermost_mount_decides(
    monkeypatch: pytest.MonkeyPatch, mounts: Sequence[Mount], remote: bool
) -> None:
    monkeypatch.setattr(psutil, "disk_partitions", lambda **_: list(mounts))
    assert is_remote(Path("/home/me/photos/.cmsearch")) is remote


def test_this_machine_can_be_asked(tmp_path: Path) -> None:
    assert is_remote(tmp_path) in (False, True)


def journal(folder: Path) -> str:
    """The mode that a store's catalog is in, as anyone who opens it finds it."""
    with closing(sqlite3.connect(folder / DIRECTORY / CATALOG)) as opened:
        found: str = opened.execute("PRAGMA journal_mode").fetchone()[0]
        return found


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filesystem, "is_remote", lambda _: True)


def test_a_store_on_a_network_has_a_rollback_journal(
    tmp_path: Path, fake_model: str, remote: None
) -> None:
    write_picture(tmp_path / "red.png")
    Indexer(tmp_path, model=fake_model).run()
    assert journal(tmp_path) == "delete"
    assert not list((tmp_path / DIRECTORY).glob("*-wal"))
    with cmsearch.open(tmp_path) as engine:
        assert engine.search("red")[0].path.name == "red.png"
    assert journal(tmp_path) == "delete"


def test_another_process_reads_while_one_writes_on_a_network(
    tmp_path: Path, fake_model: str, remote: None
) -> None:
    write_picture(tmp_path / "0.png")
    Indexer(tmp_path, model=fake_model).run()
    code = """
import sys, cmsearch
with cmsearch.open(sys.argv[1]) as engine:
    print("ready", flush=True)
    seen = 0
    while seen < 5:
        hits = len(engine.search("red", target="image", k=100))
        assert hits >= seen, (hits, seen)
        seen = hits
print(seen)
"""
    with script(code, tmp_path) as reader:
        assert reader.stdout is not None and reader.stdout.readline() == "ready\n"
        for number in range(1, 5):
            write_picture(tmp_path / f"{number}.png", "blue", (9, 9 + number))
            assert Indexer(tmp_path, model=fake_model).run().added == 1
        stdout, stderr = reader.communicate(timeout=60)
    assert (reader.returncode, stdout) == (0, "5\n"), stderr
    assert journal(tmp_path) == "delete"


def test_a_store_that_comes_to_a_network_changes_its_journal_and_back(
    tmp_path: Path, fake_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_picture(tmp_path / "red.png")
    Indexer(tmp_path, model=fake_model).run()
    assert journal(tmp_path) == "wal"
    for number, (remote, mode) in enumerate([(True, "delete"), (False, "wal")]):
        monkeypatch.setattr(filesystem, "is_remote", lambda _, remote=remote: remote)
        write_picture(tmp_path / f"{number}.png", "blue", (9, 9 + number))
        assert Indexer(tmp_path).run().added == 1
        assert journal(tmp_path) == mode
    with cmsearch.open(tmp_path) as engine:
        assert len(engine.search("red", target="image")) == 3


def test_a_store_that_is_being_read_is_still_written(
    tmp_path: Path, fake_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal can't be changed beneath a reader; that has to wait, not to fail."""
    write_picture(tmp_path / "red.png")
    Indexer(tmp_path, model=fake_model).run()
    monkeypatch.setattr(filesystem, "is_remote", lambda _: True)
    with cmsearch.open(tmp_path) as engine:
        assert len(engine.search("red")) == 1
        write_picture(tmp_path / "blue.png", "blue")
        assert Indexer(tmp_path).run().added == 1
        assert len(engine.search("red")) == 2
