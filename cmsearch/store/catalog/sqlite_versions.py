"""What each version of the catalog added, and which tables and indexes one of a version has."""

# Tested by tests/unit/cmsearch/store/catalog/test_schema.py

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from cmsearch.store.catalog import schema, sqlite_tables, sqlite_words

MIGRATIONS = {
    1: (
        "ALTER TABLE generations ADD COLUMN served INTEGER",
        "UPDATE generations SET served = id",
        "DROP INDEX ix_items_asset",
        "CREATE INDEX items_by_digest ON items (asset, digest)",
        "DROP INDEX ix_embeddings_item",
        "CREATE INDEX embeddings_by_item ON embeddings (item, space)",
    ),
    2: sqlite_words.MAKE_BARE,
    3: ("ALTER TABLE items ADD COLUMN phash BLOB",),
    4: ("CREATE TABLE adapters (digest VARCHAR PRIMARY KEY NOT NULL, content BLOB NOT NULL)",),
    5: sqlite_words.NAME_TEXTS,
    6: (
        "CREATE TABLE changes "
        "(id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, assets BLOB NOT NULL)",
    ),
    7: (
        "CREATE TABLE notes (id INTEGER NOT NULL PRIMARY KEY, asset INTEGER NOT NULL, "
        "about INTEGER NOT NULL, kind VARCHAR NOT NULL, value VARCHAR NOT NULL, "
        "folded VARCHAR NOT NULL, rank INTEGER NOT NULL, "
        "FOREIGN KEY(asset) REFERENCES assets (id), FOREIGN KEY(about) REFERENCES assets (id))",
        "CREATE INDEX ix_notes_asset ON notes (asset)",
        "CREATE INDEX notes_by_subject ON notes (about, kind)",
        "CREATE INDEX notes_by_value ON notes (kind, folded, about)",
        "ALTER TABLE assets ADD COLUMN taken_source VARCHAR",
        "ALTER TABLE assets ADD COLUMN taken_more VARCHAR",
    ),
    8: (
        "CREATE TABLE marks (id INTEGER NOT NULL PRIMARY KEY, query VARCHAR NOT NULL, "
        "target VARCHAR NOT NULL, path VARCHAR NOT NULL, file VARCHAR, kind VARCHAR NOT NULL, "
        "locator VARCHAR NOT NULL, item VARCHAR NOT NULL, verdict INTEGER NOT NULL, "
        "day VARCHAR NOT NULL)",
        "CREATE INDEX marks_by_query ON marks (query, target)",
        "DROP INDEX IF EXISTS notes_by_subject",
        "DROP INDEX IF EXISTS notes_by_value",
        "CREATE INDEX notes_by_subject ON notes (about, kind, rank)",
        "CREATE INDEX notes_by_value ON notes (kind, folded, about, rank)",
    ),
}
"""By the version that they start from, the statements that lead to the next one."""
VERSION = max(MIGRATIONS) + 1
"""The schema's version, in `PRAGMA user_version`."""
READABLE = 8
"""The earliest version that is read as it is where it can't be written: it lacks only marks."""


@cache
def parts(version: int) -> tuple[Mapping[str, sqlite_tables.Layout], Mapping[str, str]]:
    """The tables and the indexes of a version."""
    known = sqlite_tables.expected(list(schema.meta.tables.values()))
    indexes = {
        str(index.name): f"{table.name}({','.join(index.columns.keys())})"
        for table in schema.meta.tables.values()
        for index in table.indexes
    }
    if version < 9:
        del known["marks"], indexes["marks_by_query"]
        indexes["notes_by_subject"] = "notes(about,kind)"
        indexes["notes_by_value"] = "notes(kind,folded,about)"
    if version < 7:
        del known["changes"]
    if version < 8:
        del known["notes"]
        for name in ("ix_notes_asset", "notes_by_subject", "notes_by_value"):
            del indexes[name]
        for column in ("taken_source", "taken_more"):
            known["assets"] = known["assets"].without(column)
    if version < 5:
        del known["adapters"]
    if version < 4:
        known["items"] = known["items"].without("phash")
    if version < 2:
        known["generations"] = known["generations"].without("served")
        del indexes["items_by_digest"], indexes["embeddings_by_item"]
        indexes |= {"ix_items_asset": "items(asset)", "ix_embeddings_item": "embeddings(item)"}
    return known, indexes
