"""The tables of a catalog, and how their values are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy import Column, Float, ForeignKey, Integer, LargeBinary, String, Table

from cmsearch.errors import StoreError

meta = sa.MetaData()
settings = Table(
    "settings", meta, Column("name", String, primary_key=True), Column("value", String)
)
assets = Table(
    "assets",
    meta,
    Column("id", Integer, primary_key=True),
    Column("path", String, nullable=False, unique=True),
    Column("kind", String, nullable=False),
    Column("size", Integer, nullable=False),
    Column("mtime_ns", Integer),
    Column("digest", String, index=True),
    Column("error", String),
    Column("about", String),
    Column("taken", String, index=True),
    Column("camera", String),
    Column("latitude", Float),
    Column("longitude", Float),
    Column("taken_source", String),
    Column("taken_more", String),
)
items = Table(
    "items",
    meta,
    Column("id", Integer, primary_key=True),
    Column("asset", ForeignKey(assets.c.id), nullable=False),
    Column("modality", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("text", String),
    Column("about", ForeignKey(assets.c.id), index=True),
    Column("locator", String, nullable=False),
    Column("digest", String, nullable=False),
    Column("phash", LargeBinary),
    sa.Index("items_by_digest", "asset", "digest"),
)
spaces = Table(
    "spaces",
    meta,
    Column("id", Integer, primary_key=True),
    Column("description", String, nullable=False, unique=True),
    Column("runtime", String, nullable=False),
    Column("created", String, nullable=False),
)
generations = Table(
    "generations",
    meta,
    Column("id", Integer, primary_key=True),
    Column("spaces", String, nullable=False),
    Column("created", String, nullable=False),
    Column("served", Integer),
)
embeddings = Table(
    "embeddings",
    meta,
    Column("id", Integer, primary_key=True),
    Column("item", ForeignKey(items.c.id), nullable=False),
    Column("space", ForeignKey(spaces.c.id), nullable=False),
    Column("modality", String, nullable=False),
    Column("part", Integer, nullable=False),
    Column("vector", LargeBinary, nullable=False),
    Column("features", LargeBinary),
    Column("tokens", LargeBinary),
    sa.Index("embeddings_by_item", "item", "space"),
    sa.Index("embeddings_by_space", "space", "modality", "id"),
    sqlite_autoincrement=True,
)
tombstones = Table(
    "tombstones",
    meta,
    Column("embedding", Integer, primary_key=True),
    Column("snapshot", Integer, nullable=False),
)
changes = Table(
    "changes",
    meta,
    Column("id", Integer, primary_key=True),
    Column("assets", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)
"""For each transaction that changed assets the ids of these, as long as a table made before it is
used: what was derived from the assets knows by them what it doesn't know.
"""
notes = Table(
    "notes",
    meta,
    Column("id", Integer, primary_key=True),
    Column("asset", ForeignKey(assets.c.id), nullable=False, index=True),
    Column("about", ForeignKey(assets.c.id), nullable=False),
    Column("kind", String, nullable=False),
    Column("value", String, nullable=False),
    Column("folded", String, nullable=False),
    Column("rank", Integer, nullable=False),
    sa.Index("notes_by_subject", "about", "kind", "rank"),
    sa.Index("notes_by_value", "kind", "folded", "about", "rank"),
)
"""What is noted of files: `asset` is the one that it stands in, `folded` the value without case."""
marks = Table(
    "marks",
    meta,
    Column("id", Integer, primary_key=True),
    Column("query", String, nullable=False),
    Column("target", String, nullable=False),
    Column("path", String, nullable=False),
    Column("file", String),
    Column("kind", String, nullable=False),
    Column("locator", String, nullable=False),
    Column("item", String, nullable=False),
    Column("verdict", Integer, nullable=False),
    Column("day", String, nullable=False),
    sa.Index("marks_by_query", "query", "target"),
)
"""What people said is right (1) or wrong (-1) for a query; `file` and `item` are digests."""
MARKED = 9
"""The first version of a catalog with marks."""
adapters = Table(
    "adapters",
    meta,
    Column("digest", String, primary_key=True),
    Column("content", LargeBinary, nullable=False),
)
"""What was learned from the store, each as the bytes of its file."""
words = sa.table("words", Column("rowid", Integer), Column("text", String))
"""One row for each item, under its id: the words of its text, or of its picture's path."""
_CHUNK = 500  # SQLite takes at most 999 variables in a statement in its older builds


@contextmanager
def understood(path: Path) -> Iterator[None]:
    """Raise `StoreError` where a catalog's values can't be what cmsearch wrote."""
    try:
        yield
    except (TypeError, ValueError, OverflowError) as error:
        raise StoreError(
            f"The catalog {path} holds a value that cmsearch doesn't write: {error}. Restore a "
            "copy of the index, or move it away and run `cmsearch index` again."
        ) from error


Value = TypeVar("Value", int, str)


def chunks(values: Sequence[Value]) -> Iterator[Sequence[Value]]:
    """The values in pieces that fit into one statement."""
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]
