"""What databases spell in ways of their own, as constructs of SQLAlchemy: one for each meaning.

`sqlite_constructs` and `postgres_constructs` have the spellings.
"""

# Tested by tests/unit/cmsearch/store/catalog/test_postgres.py

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import UserDefinedType


class At(FunctionElement[Any]):
    """What stands in a column of JSON: a number by its place in a list, or a text by its name."""

    inherit_cache = True
    name = "at"

    def __init__(self, column: sa.ColumnElement[str], place: int | str) -> None:
        self.type = sa.Integer() if isinstance(place, int) else sa.String()
        path = f"$[{place}]" if isinstance(place, int) else f"$.{place}"
        super().__init__(column, sa.literal_column(f"'{path}'"))


class IsBlob(FunctionElement[bool]):
    """Whether a value is bytes: a column of SQLite holds any type."""

    inherit_cache = True
    name = "is_blob"
    type = sa.Boolean()


class ByteCount(FunctionElement[int]):
    """The bytes of a text; that of characters ends at a zero in SQLite."""

    inherit_cache = True
    name = "byte_count"
    type = sa.Integer()


class LeadingNumber(FunctionElement[int]):
    """The number that a text begins with."""

    inherit_cache = True
    name = "leading_number"
    type = sa.Integer()


class Damaged(FunctionElement[Any]):
    """What is given in place of a blob that can't be one: 0, where a column can hold such."""

    inherit_cache = True
    name = "damaged"
    type = sa.Integer()


class EachText(FunctionElement[Any]):
    """The texts of a list in JSON as rows of their places, from 0 on, and values."""

    inherit_cache = True
    name = "each_text"


class EachNumber(FunctionElement[Any]):
    """The same of whole numbers."""

    inherit_cache = True
    name = "each_number"


class Matches(FunctionElement[bool]):
    """Whether a text is as a glob in small letters says, in any case; with it as a pattern."""

    inherit_cache = True
    name = "matches"
    type = sa.Boolean()


class MatchesAscii(Matches):
    """The same of texts that are ASCII."""

    inherit_cache = True


class Upsert(sa.Insert):
    """A statement that adds a row, or changes the one with its key: a path, name or digest."""

    inherit_cache = True


@compiles(Upsert)
def _upsert(element: Upsert, compiler: Any, **options: Any) -> str:
    columns = element.table.columns
    (key,) = (one.name for one in columns if one.unique or (one.primary_key and one.name != "id"))
    names = [one.name for one in columns if one.name not in ("id", key)]
    put = ", ".join(f"{name} = excluded.{name}" for name in names)
    added = compiler.visit_insert(element, **options)
    return f"{added} ON CONFLICT ({key}) DO UPDATE SET {put}"


def upsert(table: sa.Table) -> Upsert:
    """A statement that adds a row, or changes the one that has its key."""
    return Upsert(table).inline()  # it gives no number back


class HalfVector(UserDefinedType[bytes]):
    """A vector of float16 of any length, as its bytes, little-endian."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """Give the name of the type."""
        return "HALFVEC"

    def bind_processor(self, dialect: Any) -> Any:
        """Give bytes as what its driver sends as such a vector."""
        from cmsearch.store.catalog.postgres_types import Half

        return lambda value: None if value is None else Half(value)
