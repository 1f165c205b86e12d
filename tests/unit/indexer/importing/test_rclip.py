"""rclip's database is read as a stranger's: never written, and for no longer than its size says."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from cmsearch.errors import CmsearchError
from cmsearch.store.catalog.sqlite_foreign import Foreign
from indexer.importing.rclip import of_rclip
from indexer.importing.rows import Row
from tests import imports


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    imports.write_pictures(tmp_path / "pics", 5)
    return tmp_path / "pics"


@pytest.fixture
def path(folder: Path, tmp_path: Path) -> Path:
    names = sorted(one.relative_to(folder).as_posix() for one in folder.rglob("*.png"))
    return imports.write_rclip(tmp_path / "data" / "db.sqlite3", folder, names)


def rows_of(path: Path) -> list[tuple[Row, bool]]:
    """The rows, and whether each has a vector."""
    return [
        (row, bool(np.isfinite(vector).all()))
        for page in of_rclip(path).pages()
        for row, vector in zip(page.rows, page.vectors, strict=True)
    ]


def change(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as made:
        made.executescript(script)


def test_it_gives_what_is_not_deleted_with_its_model(path: Path, folder: Path) -> None:
    source = of_rclip(path)
    assert (source.rows, source.dim) == (5, 8)
    assert source.model == "open_clip:ViT-B-32-quickgelu/openai"
    for row, has_vector in rows_of(path):
        status = Path(row.path).stat()
        assert has_vector and (row.size, row.modified) == (status.st_size, status.st_mtime)
    change(path, "UPDATE db_version SET version = 3")
    assert of_rclip(path).model == "open_clip:ViT-B-32-256/datacomp_s34b_b86k"
    change(path, "DROP TABLE db_version")
    assert of_rclip(path).model == "open_clip:ViT-B-32-quickgelu/openai"


def test_nothing_is_written_and_nothing_lies_beside_it(path: Path) -> None:
    before = path.read_bytes()
    path.chmod(0o400)
    rows_of(path)
    assert path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("end", ["-journal", "-wal"])
def test_one_that_is_being_written_is_refused(path: Path, end: str) -> None:
    Path(f"{path}{end}").write_bytes(b"x")
    with pytest.raises(CmsearchError, match="is being written"):
        of_rclip(path)
    Path(f"{path}{end}").write_bytes(b"")
    assert len(rows_of(path)) == 5


ODD = {
    "a newer one": "UPDATE db_version SET version = 4",
    "none of its tables": "DROP TABLE images",
    "a view": "ALTER TABLE images RENAME TO i; CREATE VIEW images AS SELECT * FROM i",
    "computed columns": (
        "CREATE TABLE i AS SELECT * FROM images; DROP TABLE images; CREATE TABLE images (id, "
        "deleted, filepath, modified_at, size, vector AS (zeroblob(1000)))"
    ),
    "an index of words": "DROP TABLE images; CREATE VIRTUAL TABLE images USING fts5(id, deleted, "
    "filepath, modified_at, size, vector)",
    "no vectors": "UPDATE images SET vector = ''",
    "texts": "UPDATE images SET vector = 'abcdefgh'",
}


@pytest.mark.parametrize("script", ODD.values(), ids=ODD)
def test_what_is_no_database_of_rclip_is_told(path: Path, script: str) -> None:
    change(path, script)
    with pytest.raises(CmsearchError, match=r"db\.sqlite3"):
        rows_of(path)


def test_odd_rows_are_told_apart(path: Path) -> None:
    change(
        path,
        """
        UPDATE images SET filepath = x'ff' WHERE id = 1;
        UPDATE images SET vector = zeroblob(1000000) WHERE id = 2;
        UPDATE images SET modified_at = 'soon', size = 'big' WHERE id = 3;
        UPDATE images SET filepath = CAST(x'2fff2e6a7067' AS TEXT) WHERE id = 4;
        UPDATE images SET filepath = printf('%.1000000c', 'x') WHERE id = 5;
        """,
    )
    found = rows_of(path)
    assert [row.problem for row, _ in found] == ["has no path", "", "", "", "has no path"]
    assert [has_vector for _, has_vector in found] == [True, False, True, True, True]
    assert (found[2][0].size, found[2][0].modified) == (None, None)
    assert found[3][0].path == os.fsdecode(b"/\xff.jpg")


def test_damaged_bytes_end_with_a_sentence(path: Path) -> None:
    whole, random, told = path.read_bytes(), np.random.default_rng(0), 0
    for _ in range(150):
        data = bytearray(whole)
        for place in random.integers(0, len(data), 20):
            data[place] = random.integers(0, 256)
        path.write_bytes(data)
        try:
            rows_of(path)
        except CmsearchError as error:
            told += 1
            assert "db.sqlite3" in str(error)
    assert told > 20


def test_a_table_without_end_ends(tmp_path: Path) -> None:
    """Every branch of its tree leads to one page, so that 100 kB have millions of rows."""
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as made:
        made.execute("PRAGMA page_size = 512")
        made.execute("CREATE TABLE images (id INTEGER PRIMARY KEY, deleted, filepath, vector)")
        made.executemany(
            "INSERT INTO images VALUES (?, NULL, ?, ?)",
            [(n, "x" * 40, b"y" * 40) for n in range(20_000)],
        )
        made.commit()
        root = made.execute("SELECT rootpage FROM sqlite_master").fetchone()[0]
    data = bytearray(path.read_bytes())
    for number in range(2, len(data) // 512 + 1):  # let inner pages lead to the root's first child
        start = 512 * (number - 1)
        if data[start] == 5 and number != root:
            cells = int.from_bytes(data[start + 3 : start + 5])
            for cell in range(cells):
                place = start + 12 + 2 * cell
                at = start + int.from_bytes(data[place : place + 2])
                data[at : at + 4] = root.to_bytes(4)
    path.write_bytes(data)
    with Foreign(path) as database, pytest.raises(CmsearchError):
        database.rows("SELECT count(*) FROM images WHERE deleted IS NULL")


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda path: os.mkfifo(path)])
def test_what_is_no_file_is_told(tmp_path: Path, make: Callable[[Path], object]) -> None:
    make(tmp_path / "db.sqlite3")
    with pytest.raises(CmsearchError, match="can't be read"):
        Foreign(tmp_path / "db.sqlite3")
