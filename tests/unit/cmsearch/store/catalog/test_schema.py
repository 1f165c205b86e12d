"""Catalogs of an earlier version are brought up to date, where they can be written."""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

import cmsearch
from cmsearch.errors import StoreError
from cmsearch.media import phash
from cmsearch.store.catalog import embeddings, files, items, sqlite, sqlite_versions
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.store import CATALOG, DIRECTORY, Store
from indexer import Indexer
from indexer.doctor import examine
from tests.builders import BEFORE_NOTES, write_files, write_picture, write_scene

FIRST_TABLES = """
CREATE TABLE settings (name VARCHAR NOT NULL, value VARCHAR, PRIMARY KEY (name));
CREATE TABLE assets (
    id INTEGER NOT NULL, path VARCHAR NOT NULL, kind VARCHAR NOT NULL, size INTEGER NOT NULL,
    mtime_ns INTEGER, digest VARCHAR, error VARCHAR, about VARCHAR, taken VARCHAR, camera VARCHAR,
    latitude FLOAT, longitude FLOAT, PRIMARY KEY (id), UNIQUE (path));
CREATE INDEX ix_assets_digest ON assets (digest);
CREATE INDEX ix_assets_taken ON assets (taken);
CREATE TABLE items (
    id INTEGER NOT NULL, asset INTEGER NOT NULL, modality VARCHAR NOT NULL, kind VARCHAR NOT NULL,
    text VARCHAR, about INTEGER, locator VARCHAR NOT NULL, digest VARCHAR NOT NULL,
    PRIMARY KEY (id), FOREIGN KEY(asset) REFERENCES assets (id),
    FOREIGN KEY(about) REFERENCES assets (id));
CREATE INDEX ix_items_asset ON items (asset);
CREATE INDEX ix_items_about ON items (about);
CREATE TABLE spaces (
    id INTEGER NOT NULL, description VARCHAR NOT NULL, runtime VARCHAR NOT NULL,
    created VARCHAR NOT NULL, PRIMARY KEY (id), UNIQUE (description));
CREATE TABLE generations (
    id INTEGER NOT NULL, spaces VARCHAR NOT NULL, created VARCHAR NOT NULL, PRIMARY KEY (id));
CREATE TABLE embeddings (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, item INTEGER NOT NULL, space INTEGER NOT NULL,
    modality VARCHAR NOT NULL, part INTEGER NOT NULL, vector BLOB NOT NULL, features BLOB,
    tokens BLOB, FOREIGN KEY(item) REFERENCES items (id),
    FOREIGN KEY(space) REFERENCES spaces (id));
CREATE INDEX ix_embeddings_item ON embeddings (item);
CREATE INDEX embeddings_by_space ON embeddings (space, modality, id);
CREATE TABLE tombstones (
    embedding INTEGER NOT NULL, snapshot INTEGER NOT NULL, PRIMARY KEY (embedding));
PRAGMA user_version = 1;
"""
"""As version 1 made them."""
TABLES = ("settings", "assets", "items", "spaces", "embeddings", "tombstones")


@pytest.fixture
def folder(tmp_path: Path, fake_model: str) -> Path:
    """A folder whose catalog is as version 1 left it, with the same rows, and no derived files."""
    folder = tmp_path / "photos"
    for colour in ("red", "green", "blue"):
        write_picture(folder / f"{colour}.png", colour)
    write_files(folder, {"red.txt": "a red thing\n", "notes.md": "Green is a colour. " * 40})
    Indexer(folder, model=fake_model).run()
    place = folder / DIRECTORY
    (place / CATALOG).rename(place / "newer.db")
    with closing(sqlite3.connect(place / CATALOG)) as made:
        made.executescript(FIRST_TABLES)
        made.execute("ATTACH ? AS newer", (str(place / "newer.db"),))
        for table in TABLES:
            columns = ", ".join(row[1] for row in made.execute(f"PRAGMA main.table_info({table})"))
            made.execute(f"INSERT INTO main.{table} SELECT {columns} FROM newer.{table}")
        made.execute("INSERT INTO generations SELECT id, spaces, created FROM newer.generations")
        made.commit()
    for path in place.iterdir():
        if path.name != CATALOG:
            path.unlink()
    return folder


def layout(path: Path) -> dict[str, object]:
    """The columns and the indexes of every table, in any order."""
    found: dict[str, object] = {}
    with closing(sqlite3.connect(path)) as opened:
        for (name,) in opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'"):
            columns = {row[1]: row[2:] for row in opened.execute(f"PRAGMA table_info({name})")}
            indexes = {
                row[1]: [one[2] for one in opened.execute(f"PRAGMA index_info({row[1]})")]
                for row in opened.execute(f"PRAGMA index_list({name})")
            }
            found[name] = columns, indexes
        found["version"] = opened.execute("PRAGMA user_version").fetchone()
    return found


def best(folder: Path, text: str) -> str:
    with cmsearch.open(folder) as engine:
        return engine.search(text, target="image")[0].path.name


def test_an_older_catalog_is_migrated_searched_and_indexed_on(
    folder: Path, fake_model: str, tmp_path: Path
) -> None:
    assert best(folder, "green") == "green.png"
    Catalog(tmp_path / "new.db").close()
    assert layout(folder / DIRECTORY / CATALOG) == layout(tmp_path / "new.db")
    write_picture(folder / "cyan.png", "cyan")
    report = Indexer(folder).run()
    assert (report.model, report.added, report.unchanged) == (fake_model, 1, 5)
    with Store(folder / DIRECTORY) as store:
        assert examine(store, samples=100) == []
        assert [one.served for one in store.catalog.generations()] == [1]
    assert Indexer(folder, model="fake:shades").run().reencoded == 6


def test_the_newest_of_several_older_generations_serves(folder: Path) -> None:
    """Version 1 had no `served`: the row with the highest id counted."""
    with closing(sqlite3.connect(folder / DIRECTORY / CATALOG)) as opened, opened:
        query = "SELECT description FROM spaces"
        ((description,),) = opened.execute(query).fetchall()
        other = description.replace("colours", "others")
        opened.execute("INSERT INTO spaces VALUES (2, ?, 'numpy', '2020')", (other,))
        opened.execute("INSERT INTO generations VALUES (2, '[2]', '2020')")
    with Store(folder / DIRECTORY) as store:
        assert store.space is not None and store.space.model == "others"


def test_an_older_catalog_that_cannot_be_written_says_what_to_do(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / DIRECTORY / CATALOG
    before = path.read_bytes()
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(StoreError, match="Copy the folder to where it can be written"):
        cmsearch.open(folder)
    assert path.read_bytes() == before


def test_a_migration_that_fails_leaves_the_catalog_as_it_was(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / DIRECTORY / CATALOG
    before = layout(path)
    steps = {1: (*sqlite_versions.MIGRATIONS[1], "INSERT INTO nowhere VALUES (1)")}
    monkeypatch.setattr(sqlite, "MIGRATIONS", steps)
    with pytest.raises(StoreError, match="nowhere"):
        cmsearch.open(folder)
    assert layout(path) == before
    monkeypatch.undo()
    with Store(folder / DIRECTORY) as store:
        assert store.space is not None


def test_several_processes_migrate_at_once(folder: Path) -> None:
    from tests.processes import script

    code = "import sys; from cmsearch.store.store import Store; from pathlib import Path\n"
    code += "sys.stdin.readline(); Store(Path(sys.argv[1])).close()"
    with ExitStack() as stack:
        processes = [stack.enter_context(script(code, folder / DIRECTORY)) for _ in range(4)]
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        for process in processes:
            _, stderr = process.communicate(timeout=60)
            assert process.returncode == 0, stderr
    assert best(folder, "green") == "green.png"


def test_a_catalog_of_version_3_gets_its_hashes_without_encoding_again(
    tmp_path: Path, fake_model: str
) -> None:
    folder = tmp_path / "photos"
    write_scene(folder / "hills.png", 1)
    write_files(folder, {"hills.txt": "hills\n"})
    Indexer(folder, model=fake_model).run()
    path = folder / DIRECTORY / CATALOG
    with closing(sqlite3.connect(path)) as opened, opened:
        ((before,),) = opened.execute("SELECT phash FROM items WHERE modality = 'image'").fetchall()
        opened.execute("ALTER TABLE items DROP COLUMN phash")
        opened.execute("DROP TABLE adapters")
        opened.execute("DROP TABLE changes")
        opened.executescript(";".join(BEFORE_NOTES))
        opened.execute("PRAGMA user_version = 3")
    with Store(folder / DIRECTORY) as store:
        last = embeddings.last_embedding(store.catalog)
        assert files.unhashed(store.catalog) == {"hills.png"}
        assert items.hashes(store.catalog, range(last + 1)) == {}
    report = Indexer(folder).run()
    assert (report.added, report.changed, report.reencoded, report.unchanged) == (0, 0, 0, 2)
    with Store(folder / DIRECTORY) as store:
        assert embeddings.last_embedding(store.catalog) == last
        assert files.unhashed(store.catalog) == set()
        assert list(items.hashes(store.catalog, range(last + 1)).values()) == [before]
    assert len(before) == phash.BYTES
