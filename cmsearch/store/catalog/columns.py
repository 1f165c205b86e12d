"""Conditions on columns and forms of them that several modules ask for."""

# Tested by tests/unit/cmsearch/store/catalog/test_catalog.py

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from cmsearch.media import phash
from cmsearch.store.catalog import schema
from cmsearch.store.catalog.constructs import ByteCount, Damaged, IsBlob
from cmsearch.types import Modality

MAX_TEXT = 100_000
"""Characters of an item's text that are read; what is longer is no caption or passage."""
PAGE = "page"
"""The kind of pictures that are no photos, and of which a file may have several."""


def is_photo(items: sa.FromClause) -> sa.ColumnElement[bool]:
    """Whether an item is a picture by itself, and no page of a document."""
    return (items.c.modality == Modality.IMAGE) & (items.c.kind != PAGE)


def of_photos() -> sa.ColumnElement[bool]:
    """Whether an embedding is of a photo; there are few pages, if any."""
    pages = sa.select(schema.items.c.id).where(schema.items.c.kind == PAGE)
    is_picture = schema.embeddings.c.modality == Modality.IMAGE
    return is_picture & schema.embeddings.c.item.not_in(pages)


def is_vector(
    column: sa.ColumnElement[bytes], dim: int | sa.ColumnElement[int]
) -> sa.ColumnElement[bool]:
    """Whether a vector is the bytes of `dim` numbers."""
    return sa.and_(IsBlob(column), sa.func.length(column) == 2 * dim)


def is_hash(column: sa.ColumnElement[bytes]) -> sa.ColumnElement[bool]:
    """Whether a perceptual hash is as long as one, or is that of a picture that has none."""
    is_as_long = sa.func.length(column).in_((0, phash.BYTES))
    return sa.and_(IsBlob(column), is_as_long)


def whole(
    column: sa.ColumnElement[bytes], most: int | sa.ColumnElement[int]
) -> sa.ColumnElement[Any]:
    """A blob of at most `most` bytes, or null; 0 for anything else, which isn't read."""
    is_whole = sa.and_(IsBlob(column), sa.func.length(column) <= most)
    return sa.case((column.is_(None), sa.null()), (is_whole, column), else_=Damaged())


def shortened(column: sa.ColumnElement[str]) -> sa.ColumnElement[Any]:
    """A text, or of one that is too long its beginning."""
    return sa.case(
        (ByteCount(column) > 4 * MAX_TEXT, sa.func.substr(column, 1, MAX_TEXT)), else_=column
    )


def text_of(value: Any) -> str:
    """A value that is a text; raises `TypeError` for another."""
    if not isinstance(value, str):
        raise TypeError("a text is a string")
    return value
