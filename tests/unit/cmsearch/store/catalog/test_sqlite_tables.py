"""A catalog has the tables of its version, and no other part that SQLite would run."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from cmsearch.errors import StoreError
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.catalog.sqlite_tables import odd
from cmsearch.store.catalog.sqlite_versions import VERSION, parts

Rewrite = Callable[[str], str]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "catalog.db"
    Catalog(path).close()
    return path


def changed(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as opened:
        for statement in statements:
            opened.execute(statement)


def rewritten(path: Path, table: str, change: Rewrite) -> None:
    """Let the schema say something else of a table, as no statement of SQL would."""
    with closing(sqlite3.connect(path, isolation_level=None)) as opened:
        opened.execute("PRAGMA writable_schema = ON")
        query = "SELECT sql FROM sqlite_master WHERE name = ?"
        ((text,),) = opened.execute(query, (table,)).fetchall()
        assert change(text) != text
        update = "UPDATE sqlite_master SET sql = ? WHERE name = ?"
        opened.execute(update, (change(text), table))


def refused(path: Path, what: str = "unlike any catalog") -> None:
    with pytest.raises(StoreError, match=what):
        Catalog(path)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE more (id)",
        "CREATE TABLE words_more (id)",
        "CREATE TABLE sqlite (id)",
        "CREATE TEMP VIEW seen AS SELECT 1",
        "CREATE VIEW seen AS SELECT 1",
        "CREATE VIEW IF NOT EXISTS words_seen AS SELECT 1",
        "CREATE TRIGGER done AFTER INSERT ON items BEGIN DELETE FROM items; END",
        "CREATE VIRTUAL TABLE other USING fts5(text)",
        "CREATE VIRTUAL TABLE other USING rtree(id, a, b)",
        "CREATE INDEX more ON items (kind)",
        "CREATE INDEX more ON items (replace(hex(zeroblob(1000000)), '0', '000'))",
        "CREATE INDEX more ON items (kind) WHERE kind LIKE '%a%a%a%b'",
        "CREATE UNIQUE INDEX more ON items (kind)",
        "CREATE UNIQUE INDEX ix_items_asset ON items (asset)",
        "CREATE INDEX ix_items_asset ON items (asset)",
        "ALTER TABLE items ADD COLUMN more",
        "ALTER TABLE items ADD COLUMN more AS (hex(zeroblob(100000000)))",
        "ALTER TABLE items ADD COLUMN more VARCHAR DEFAULT (1)",
        "ALTER TABLE items ADD COLUMN more VARCHAR CHECK (kind LIKE '%a%a%b')",
        "ALTER TABLE items RENAME TO kept",
        "ALTER TABLE items RENAME COLUMN text TO kept",
        "ALTER TABLE items DROP COLUMN phash",
        "DROP TABLE tombstones",
        "DROP TABLE adapters",
        "PRAGMA user_version = 4",
        "PRAGMA user_version = 1",
    ],
)
def test_a_catalog_with_more_less_or_other_parts_is_refused(path: Path, statement: str) -> None:
    changed(path, statement)
    if "TEMP" in statement:  # stays with the connection that made it
        Catalog(path).close()
    else:
        refused(path)


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("items", lambda text: text.replace("text VARCHAR", "text AS (hex(zeroblob(9)))")),
        ("items", lambda text: text.replace("text V", "text GENERATED ALWAYS AS (1) V")),
        ("items", lambda text: text.replace("text VARCHAR", "text VARCHAR DEFAULT (random())")),
        ("items", lambda text: text.replace("text VARCHAR", "text VARCHAR COLLATE NOCASE")),
        ("items", lambda text: text.replace("text VARCHAR", "text VARCHAR CHECK (text > 1)")),
        ("items", lambda text: text.replace("text VARCHAR", "text VARCHAR, more VARCHAR")),
        ("items", lambda text: text.replace("text VARCHAR", "text BLOB")),
        ("items", lambda text: text.replace("text VARCHAR", "text")),
        ("items", lambda text: text.replace("kind VARCHAR NOT NULL", "kind VARCHAR")),
        ("items", lambda text: text.replace("PRIMARY KEY (id)", "PRIMARY KEY (id DESC)")),
        ("items", lambda text: text.replace("(asset) REFERENCES assets (id)",
                                            "(asset) REFERENCES assets (id) ON DELETE CASCADE")),
        ("items", lambda text: text.replace("t) REFERENCES assets", "t) REFERENCES words")),
        ("items", lambda text: text[:-1] + ", CHECK (hex(zeroblob(100)) LIKE '%1%'))"),
        ("items", lambda text: text[:-1] + ", CONSTRAINT a UNIQUE (text) ON CONFLICT REPLACE)"),
        ("items", lambda text: text + " STRICT"),
        ("items", lambda text: text.replace("CREATE TABLE", "CREATE /* more */ TABLE")),
        ("items", lambda text: text.replace("items", "assets2", 1)),
        ("tombstones", lambda text: text + " WITHOUT ROWID"),
        ("embeddings", lambda text: text.replace(" AUTOINCREMENT", "")),
        ("settings", lambda text: text[:-1] + f", CHECK ('{'x' * 100_000}' = name))"),
        ("words", lambda text: text.replace("'ascii'", "'unicode61'")),
        ("words", lambda text: text.replace("'ascii'", "'ascii', content = 'items'")),
        ("words_data", lambda text: text.replace("block BLOB", "block AS (zeroblob(1000000))")),
        ("words_content", lambda text: text.replace("c0", "c0 AS (hex(zeroblob(1000000)))")),
        ("words_config", lambda text: text.replace("v)", "v DEFAULT 1)")),
        ("ix_items_about", lambda text: text.replace("(about)", "(about COLLATE NOCASE)")),
        ("ix_items_about", lambda text: text.replace("(about)", "(about) WHERE about > 1")),
    ],
)  # fmt: skip
def test_a_table_in_another_form_is_refused(path: Path, table: str, change: Rewrite) -> None:
    rewritten(path, table, change)
    refused(path, "unlike any catalog|can't be used|malformed")


@pytest.mark.parametrize("version", [-1, -(2**31), VERSION + 1, 2**31 - 1, 0])
def test_no_other_version_is_read(path: Path, version: int) -> None:
    changed(path, f"PRAGMA user_version = {version}")
    refused(path, "newer cmsearch|another program")


def test_what_sqlite_makes_for_itself_may_be_there(path: Path) -> None:
    changed(path, "INSERT INTO settings VALUES ('a', 'b')", "ANALYZE", "VACUUM")
    with closing(sqlite3.connect(path)) as opened:
        names = {row[0] for row in opened.execute("SELECT name FROM sqlite_master")}
    assert {"sqlite_stat1", "sqlite_sequence"} <= names
    Catalog(path).close()


def test_what_can_be_made_anew_may_be_missing(path: Path) -> None:
    changed(path, "DROP INDEX ix_items_about", "DROP TABLE words")
    Catalog(path).close()


def test_a_schema_that_takes_long_to_read_is_given_up(path: Path) -> None:
    """SQLite reads its own statistics before anything can be asked of a database."""
    changed(path, "INSERT INTO settings VALUES ('a', 'b')", "ANALYZE")
    slow = "(hex(zeroblob(4000000)))"
    rewritten(path, "sqlite_stat1", lambda text: text.replace("stat)", f"stat AS {slow})"))
    changed(
        path,
        "INSERT INTO sqlite_stat1 (tbl, idx) WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL"
        " SELECT i + 1 FROM r WHERE i < 1000) SELECT 'items', 'ix_items_about' FROM r",
    )
    refused(path, "interrupted|unlike any catalog")


def test_many_parts_are_not_all_read(path: Path) -> None:
    with closing(sqlite3.connect(path)) as opened, opened:
        opened.execute("BEGIN")
        for number in range(300):
            opened.execute(f"CREATE TABLE more_{number} (id)")
    refused(path)


def test_every_older_version_is_known_by_its_own_tables() -> None:
    for version in range(1, VERSION + 1):
        known, _ = parts(version)
        assert odd([], known, {}) == f"no table {min(known)}"
    first, last = parts(1)[0], parts(VERSION)[0]
    added = {"adapters", "changes", "marks", "notes"}
    assert set(last) - set(first) == added and first["items"] != last["items"]
