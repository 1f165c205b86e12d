"""`cmsearch duplicates` lists what is nearly the same, in a process, and changes nothing."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from cmsearch.store.store import CATALOG, DIRECTORY
from tests.builders import scene, write_picture
from tests.processes import faked, json_lines


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two scenes with copies of different kinds, one without, and two equal plain pictures."""
    folder = tmp_path_factory.mktemp("duplicates") / "photos"
    hills = scene(1)
    (folder / "old").mkdir(parents=True)
    hills.save(folder / "hills.bmp")
    hills.save(folder / "old" / "hills.jpg", quality=50)
    hills.transpose(Image.Transpose.ROTATE_90).resize((120, 160)).save(folder / "turned.webp")
    scene(2).save(folder / "lake.bmp")
    scene(2).resize((160, 120)).save(folder / "old" / "lake small.png")
    scene(3).save(folder / "alone.png")
    write_picture(folder / "red.png", "red")
    shutil.copy(folder / "red.png", folder / "old" / "red.png")
    write_picture(folder / "blue.png", "blue")
    faked("index", folder, "--model", "fake:colours")
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy, to be changed."""
    return Path(shutil.copytree(made, tmp_path / "photos"))


def edit(folder: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(folder / DIRECTORY / CATALOG)) as opened, opened:
        opened.execute(statement, values)


def groups(folder: Path, *arguments: object) -> list[list[str]]:
    """The files of each group, the best first."""
    done = faked("duplicates", *arguments, "--format", "json", cwd=folder)
    return [
        [Path(one["path"]).relative_to(folder.resolve()).as_posix() for one in files]
        for row in json_lines(done)
        for files in [[row["best"], *row["copies"]]]
    ]


def test_the_groups_as_json(made: Path) -> None:
    assert groups(made) == [
        ["lake.bmp", "old/lake small.png"],
        ["old/hills.jpg", "hills.bmp", "turned.webp"],
        ["old/red.png", "red.png"],
    ]


def test_the_table_names_the_best_and_its_copies(made: Path) -> None:
    done = faked("duplicates", cwd=made)
    rows = [line.split(maxsplit=7) for line in done.stdout.decode().splitlines()]
    assert [row[:2] + row[7:] for row in rows[:5]] == [
        ["1", "best", "lake.bmp"],
        ["1", "copy", "old/lake small.png  (fewer pixels)"],
        ["2", "best", "old/hills.jpg"],
        ["2", "copy", "hills.bmp  (not the format of a camera)"],
        ["2", "copy", "turned.webp  (fewer pixels)"],
    ]
    size = (made / "old" / "hills.jpg").stat().st_size
    assert rows[2][2:7] == ["320", "×", "240", f"{size / 1e6:.2f}", "MB"]


@pytest.mark.parametrize(("style", "end"), [("paths", b"\n"), ("paths0", b"\0")])
def test_paths_are_the_copies_without_the_best(made: Path, style: str, end: bytes) -> None:
    found = faked("duplicates", "--format", style, cwd=made).stdout
    names = {os.fsdecode(one) for one in found.split(end) if one}
    expected = {"hills.bmp", "turned.webp", "old/lake small.png"}
    assert {str(made.resolve() / name) for name in expected} < names
    assert len(names) == 4
    assert found.endswith(end)


def test_only_what_lies_below_a_folder(folder: Path) -> None:
    assert groups(folder, "old") == []
    shutil.copy(folder / "turned.webp", folder / "old")
    faked("index", folder)
    assert groups(folder, folder / "old") == [["old/hills.jpg", "old/turned.webp"]]
    assert groups(folder, "--store", folder / DIRECTORY, "old") == [
        ["old/hills.jpg", "old/turned.webp"]
    ]


def test_nothing_is_changed(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    faked("duplicates", cwd=folder)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_an_older_index_says_what_to_run(folder: Path) -> None:
    edit(folder, "UPDATE items SET phash = NULL")
    done = faked("duplicates", "--format", "json", cwd=folder)
    assert len(json_lines(done)) == 1, "equal files need no hash"
    assert b"run `cmsearch index`" in done.stderr
    faked("index", folder)
    assert len(groups(folder)) == 3


def test_a_folder_without_any_says_so(tmp_path: Path) -> None:
    write_picture(tmp_path / "red.png")
    faked("index", tmp_path, "--model", "fake:colours")
    done = faked("duplicates", cwd=tmp_path)
    assert done.stdout == b""
    assert b"None of the 1 pictures" in done.stderr
    done = faked("duplicates", cwd=tmp_path.parent, status=1)
    assert b"There is no index" in done.stderr


def test_control_characters_do_not_reach_the_terminal(folder: Path) -> None:
    edit(folder, "UPDATE assets SET path = char(27) || '[2J' || path WHERE path LIKE '%lake%'")
    assert b"\x1b" not in faked("duplicates", cwd=folder).stdout
