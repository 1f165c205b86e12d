"""Small catalogs that SQLite would scan without end are told."""

from __future__ import annotations

import sqlite3
import struct
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from cmsearch.errors import StoreError
from cmsearch.store.catalog import budget, files
from cmsearch.store.catalog.catalog import Catalog
from tests.builders import photo, put, serve

_CHILDREN = 500


def make_endless(path: Path, name: str, levels: int = 6) -> None:
    """Let the root of a table lead to its rows by `_CHILDREN ** levels` ways.

    What was the root becomes a page at the end; above it stand pages all of whose children are the
    page below (https://www.sqlite.org/fileformat2.html#b_tree_pages).
    """
    with closing(sqlite3.connect(path)) as connection:
        query = "SELECT rootpage FROM sqlite_master WHERE name = ?"
        ((root,),) = connection.execute(query, (name,))
        ((size,),) = connection.execute("PRAGMA page_size")
        assert connection.execute("PRAGMA journal_mode = DELETE").fetchone() == ("delete",)
    data = bytearray(path.read_bytes())
    start = (root - 1) * size
    data += data[start : start + size]
    for _ in range(levels - 1):
        data += parent(len(data) // size, size)
    data[start : start + size] = parent(len(data) // size, size)
    data[28:32] = struct.pack(">I", len(data) // size)
    path.write_bytes(data)


def parent(child: int, size: int) -> bytes:
    """An interior page of a table with one child in all places."""
    cell = struct.pack(">IB", child, 1)
    places = [size - len(cell) * number for number in range(1, _CHILDREN + 1)]
    head = struct.pack(">BHHHBI", 5, 0, _CHILDREN, places[-1], 0, child)
    head += struct.pack(f">{_CHILDREN}H", *places)
    return head.ljust(places[-1], b"\0") + cell * _CHILDREN


@pytest.fixture
def path(tmp_path: Path) -> Path:
    catalog = Catalog(tmp_path / "catalog.db")
    number = serve(catalog, 4)
    for name in range(10):
        put(catalog, number, f"{name}.jpg", photo(np.eye(4)[:1], str(name)))
    catalog.close()
    return tmp_path / "catalog.db"


@pytest.mark.parametrize("name", ["assets", "items"])
def test_a_table_whose_pages_come_again_and_again_is_told(path: Path, name: str) -> None:
    make_endless(path, name)
    assert path.stat().st_size < 2**20
    catalog = Catalog(path)
    start = time.process_time()
    with pytest.raises(StoreError, match="cmsearch writes no such catalog"):
        files.assets(catalog) if name == "assets" else files.counts(catalog)
    assert time.process_time() - start < 20
    catalog.close()


def test_a_large_file_may_take_as_long_as_it_is(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long statement of this program is none of the file's, and its steps are those of rows."""
    monkeypatch.setattr(budget, "LEAST", 0)
    monkeypatch.setattr(budget, "EACH", 100)
    catalog = Catalog(path)
    assert len(files.assets(catalog)) == 10
    catalog.close()
    work = budget.Work(path)
    looks = 0
    while not work.look():
        looks += 1
    assert looks == path.stat().st_size * budget.PER_BYTE // budget.EACH
    work.begin(is_many=True)
    assert not any(work.look() for _ in range(looks + 1))
