"""The tables of a catalog, and how their values are read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy import Column, Float, ForeignKey, LargeBinary, Table

from cmsearch.errors import StoreError
from cmsearch.store.catalog.constructs import HalfVector

meta = sa.MetaData()
# In PostgreSQL numbers are as large as SQLite's, texts sort by bytes, and vectors are vectors.
Number = sa.Integer().with_variant(sa.BigInteger(), "postgresql")
Text = sa.String().with_variant(sa.String(collation="C"), "postgresql")
Vector = LargeBinary().with_variant(HalfVector(), "postgresql")

settings = Table("settings", meta, Column("name", Text, primary_key=True), Column("value", Text))
assets = Table(
    "assets",
    meta,
    Column("id", Number, primary_key=True),
    Column("path", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("size", Number, nullable=False),
    Column("mtime_ns", Number),
    Column("digest", Text, index=True),
    Column("error", Text),
    Column("about", Text),
    Column("taken", Text, index=True),
    Column("camera", Text),
    Column("latitude", Float),
    Column("longitude", Float),
    Column("taken_source", Text),
    Column("taken_more", Text),
)
items = Table(
    "items",
    meta,
    Column("id", Number, primary_key=True),
    Column("asset", ForeignKey(assets.c.id), nullable=False),
    Column("modality", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("text", Text),
    Column("about", ForeignKey(assets.c.id), index=True),
    Column("locator", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("phash", LargeBinary),
    sa.Index("items_by_digest", "asset", "digest"),
)
spaces = Table(
    "spaces",
    meta,
    Column("id", Number, primary_key=True),
    Column("description", Text, nullable=False, unique=True),
    Column("runtime", Text, nullable=False),
    Column("created", Text, nullable=False),
)
generations = Table(
    "generations",
    meta,
    Column("id", Number, primary_key=True),
    Column("spaces", Text, nullable=False),
    Column("created", Text, nullable=False),
    Column("served", Number),
)
embeddings = Table(
    "embeddings",
    meta,
    Column("id", Number, primary_key=True),
    Column("item", ForeignKey(items.c.id), nullable=False),
    Column("space", ForeignKey(spaces.c.id), nullable=False),
    Column("modality", Text, nullable=False),
    Column("part", Number, nullable=False),
    Column("vector", Vector, nullable=False),
    Column("features", LargeBinary),
    Column("tokens", LargeBinary),
    sa.Index("embeddings_by_item", "item", "space"),
    sa.Index("embeddings_by_space", "space", "modality", "id"),
    sqlite_autoincrement=True,
)
tombstones = Table(
    "tombstones",
    meta,
    Column("embedding", Number, primary_key=True),
    Column("snapshot", Number, nullable=False),
)
changes = Table(
    "changes",
    meta,
    Column("id", Number, primary_key=True),
    Column("assets", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)
"""For each transaction that changed assets the ids of these, as long as a table made before it is
used: what was derived from the assets knows by them what it doesn't know.
"""
notes = Table(
    "notes",
    meta,
    Column("id", Number, primary_key=True),
    Column("asset", ForeignKey(assets.c.id), nullable=False, index=True),
    Column("about", ForeignKey(assets.c.id), nullable=False),
    Column("kind", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("folded", Text, nullable=False),
    Column("rank", Number, nullable=False),
    sa.Index("notes_by_subject", "about", "kind", "rank"),
    sa.Index("notes_by_value", "kind", "folded", "about", "rank"),
)
"""What is noted of files: `asset` is the one that it stands in, `folded` the value without case."""
marks = Table(
    "marks",
    meta,
    Column("id", Number, primary_key=True),
    Column("query", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("file", Text),
    Column("kind", Text, nullable=False),
    Column("locator", Text, nullable=False),
    Column("item", Text, nullable=False),
    Column("verdict", Number, nullable=False),
    Column("day", Text, nullable=False),
    sa.Index("marks_by_query", "query", "target"),
)
"""What people said is right (1) or wrong (-1) for a query; `file` and `item` are digests."""
MARKED = 9
"""The first version of a catalog with marks."""
adapters = Table(
    "adapters",
    meta,
    Column("digest", Text, primary_key=True),
    Column("content", LargeBinary, nullable=False),
)
"""What was learned from the store, each as the bytes of its file."""
words = sa.table("words", Column("rowid", Number), Column("text", Text))
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
