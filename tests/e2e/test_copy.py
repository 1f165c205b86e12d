"""`cmsearch copy`: a copy answers as its original, and mistakes are told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders import write_files, write_picture
from tests.processes import faked

MODEL = "fake:colours"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a picture and its caption, which is indexed."""
    folder = tmp_path / "photos"
    write_picture(folder / "red.png")
    write_files(folder, {"red.txt": "a red thing\n"})
    faked("index", folder, "--model", MODEL)
    return folder


def test_a_copy_is_searched_by_its_place(folder: Path, tmp_path: Path) -> None:
    to = tmp_path / "copy"
    said = faked("copy", folder, to).stdout.decode()
    assert said.startswith(f"copied to {to.resolve()}: 2 items of {folder.resolve()}, ")
    asked = ("search", "red", "--format", "paths")
    found = faked(*asked, "--store", to).stdout
    assert found == faked(*asked, "--store", folder).stdout
    assert os.fsencode(folder.resolve() / "red.png") in found.splitlines()
    fields = json.loads(faked("copy", folder, tmp_path / "a.db", "--format", "json").stdout)
    assert fields == {
        "copy": str((tmp_path / "a.db").resolve()),
        "folder": str(folder.resolve()),
        "items": 2,
        "bytes": (tmp_path / "a.db").stat().st_size,
    }


def test_mistakes_are_told(folder: Path, tmp_path: Path) -> None:
    assert b"cmsearch index FOLDER" in faked("copy", tmp_path, tmp_path / "x", status=1).stderr
    assert b"Name a place outside" in faked("copy", folder, folder / "x", status=1).stderr
    assert b"is there already" in faked("copy", folder, tmp_path, status=1).stderr
    assert b"TO" in faked("copy", folder, status=2).stderr


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounting needs root")
def test_a_full_disk_is_told_and_leaves_nothing(folder: Path, tmp_path: Path) -> None:
    """It is full while the catalog is copied, then while its vectors are laid out."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if subprocess.run(mount, check=False).returncode:
        pytest.skip("this machine lets nobody mount")
    try:
        for left in (0, 16, 64, 136, 180, 184):
            status = os.statvfs(disk)
            filler = disk / "filler"
            filler.write_bytes(b"x" * (status.f_bavail * status.f_frsize - left * 1024))
            done = faked("copy", folder, disk / "copy", status=None)
            if done.returncode:
                assert b"make room" in done.stderr.lower(), done.stderr.decode()
                assert [path.name for path in disk.iterdir()] == ["filler"]
            else:
                assert left > 64
                break
            filler.unlink()
    finally:
        subprocess.run(["umount", "-l", disk], check=True)
