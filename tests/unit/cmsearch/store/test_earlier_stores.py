"""Stores that earlier versions wrote open, answer as a new one does, and are whole afterwards.

`tests/data/stores/version-N.sql` is a catalog as cmsearch wrote it when that was its version, of
the folder `photos` beside it; the index of words stands there as its rows. No commit wrote version
4, so that is made from the next.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import cmsearch
from cmsearch.store.catalog import sqlite
from cmsearch.store.store import CATALOG, DIRECTORY, Store
from indexer import Indexer
from indexer.doctor import examine

STORES = Path(__file__).parents[3] / "data" / "stores"
VERSIONS = (1, 2, 3, 4, 5, 6, 7, 8)
TO_4 = "DROP TABLE adapters; PRAGMA user_version = 4;"
"""What version 5 added, taken away."""
QUERIES = ("red", "a green thing", "blue", "is a colour", "nothing of the kind")
WHEN = 1_600_000_000


def write_folder(folder: Path) -> Path:
    """Three pictures, one with a caption, and a note, as old as when the stores were made."""
    shutil.copytree(STORES / "photos", folder)
    for path in folder.iterdir():
        os.utime(path, (WHEN, WHEN))
    return folder


def answers(folder: Path) -> dict[str, Any]:
    with cmsearch.open(folder) as engine:
        return {
            f"{text} for {target}": [
                (hit.path.name, hit.text, hit.score, hit.relevance, dict(hit.stages))
                for hit in engine.search(text, target=target)
            ]
            for text in QUERIES
            for target in ("image", "text")
        }


@pytest.fixture
def expected(tmp_path: Path, fake_model: str) -> dict[str, Any]:
    """What a store answers that is made now."""
    fresh = write_folder(tmp_path / "fresh")
    Indexer(fresh, model=fake_model).run()
    return answers(fresh)


def restored(folder: Path, version: int) -> Path:
    """A folder with a store of an earlier version, whose root it is."""
    write_folder(folder)
    place = folder / DIRECTORY
    place.mkdir()
    with closing(sqlite3.connect(place / CATALOG)) as made:
        script = STORES / f"version-{5 if version == 4 else version}.sql"
        made.executescript(script.read_text() + (TO_4 if version == 4 else ""))
        assert made.execute("PRAGMA user_version").fetchone() == (version,)
    return folder


@pytest.mark.parametrize("version", VERSIONS)
def test_a_store_of_an_earlier_version_is_as_good_as_a_new_one(
    tmp_path: Path, fake_model: str, expected: dict[str, Any], version: int
) -> None:
    folder = restored(tmp_path / "photos", version)
    found = answers(folder)
    assert {query: names(hits) for query, hits in found.items()} == {
        query: names(hits) for query, hits in expected.items()
    }
    assert [found[f"{one} for image"][0][0] for one in ("red", "blue")] == ["red.png", "blue.png"]
    with Store(folder / DIRECTORY) as store:
        assert [one.check for one in examine(store, samples=9)] == ["files"]  # only not made yet
    report = Indexer(folder).run()
    assert (report.model, report.unchanged, report.reencoded, report.added) == (fake_model, 5, 0, 0)
    assert answers(folder) == expected
    with Store(folder / DIRECTORY) as store:
        assert examine(store, samples=9) == []
    with closing(sqlite3.connect(folder / DIRECTORY / CATALOG)) as opened:
        assert opened.execute("PRAGMA user_version").fetchone() == (sqlite.VERSION,)


def test_one_of_version_8_that_cannot_be_written_is_searched_as_it_is(
    tmp_path: Path, fake_model: str, expected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = restored(tmp_path / "photos", 8)
    before = (folder / DIRECTORY / CATALOG).read_bytes()
    monkeypatch.setattr("os.access", lambda *_: False)
    found = answers(folder)
    assert {query: names(hits) for query, hits in found.items()} == {
        query: names(hits) for query, hits in expected.items()
    }
    assert (folder / DIRECTORY / CATALOG).read_bytes() == before


def names(hits: list[Any]) -> set[Any]:
    """What was found, in any order: the first versions kept no captions to judge by."""
    return {hit[:2] for hit in hits}


def test_there_is_a_store_of_each_version_that_was_written() -> None:
    kept = {int(path.stem.removeprefix("version-")) for path in STORES.glob("*.sql")}
    assert kept | {4} == set(VERSIONS) == set(range(1, sqlite.VERSION))
