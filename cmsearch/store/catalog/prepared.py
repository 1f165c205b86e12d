"""Statements that SQLAlchemy compiles once and SQLite's driver runs, which is what searches read.

To compile a statement, and to make objects of its rows, takes many times as long as a hundred rows.
Of another database, to which a statement travels longer than that, SQLAlchemy runs it.
"""

# Tested by tests/unit/cmsearch/store/catalog/test_prepared.py

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from cmsearch.common.text import caseless as folded
from cmsearch.store.catalog import constructs, postgres_constructs, sqlite_constructs, sqlite_run

__all__ = ["Prepared", "given", "listed", "listing", "matches", "valued"]
_SPELLED = postgres_constructs, sqlite_constructs  # which are to be known before any is compiled


class Prepared:
    """A statement that is compiled at its first use. Safe from threads."""

    def __init__(self, query: sa.Executable, other: sa.Executable | None = None) -> None:
        """Give an `other` one where SQL of SQLite's own stands in it, for all other databases."""
        self._query: Any = query
        self._other: Any = query if other is None else other

    def rows(self, connection: sa.Connection, **values: Any) -> list[Any]:
        """All rows as tuples, with values for what is `given`."""
        if sqlite_run.runs(connection):
            text, known = self._compiled
            return sqlite_run.rows(connection, text, {**known, **values})
        result = connection.execute(self._other, values)
        return [tuple(row) for row in result] if result.returns_rows else []

    def many(self, connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run it for each of many rows of values, of which one without an id is to get one."""
        if sqlite_run.runs(connection):
            sqlite_run.many(connection, self._compiled[0], rows)
        elif rows:
            is_new = "id" in rows[0] and rows[0]["id"] is None
            left_out = {"id"} if is_new else set()
            connection.execute(
                self._other,
                [{name: row[name] for name in row.keys() - left_out} for row in rows],
            )

    @cached_property
    def _compiled(self) -> tuple[str, dict[str, Any]]:
        return sqlite_run.compiled(self._query)


def given(name: str) -> sa.BindParameter[Any]:
    """A parameter of this name, which `Prepared.rows` is given a value for."""
    return sa.bindparam(name, None, _ANY)


_ANY = sa.Integer().with_variant(sa.types.NullType(), "postgresql")  # SQLite takes values as given


def listed(name: str, kind: type[int] | type[str] = int) -> sa.Select[Any]:
    """The values of a parameter of this name, which `listing` makes, as rows."""
    return sa.select(_each(given(name), kind).table_valued("value").c.value)


def listing(values: Iterable[int] | Iterable[str]) -> str:
    """Any number of values as one parameter; those of a statement are limited."""
    return json.dumps(list(values))


def valued(
    values: Sequence[int] | Sequence[str], kind: type[int] | type[str]
) -> sa.TableValuedAlias:
    """Values as a table for a statement that is compiled each time: their places, the values."""
    rows = _each(sa.literal(listing(values)), kind)
    found: sa.TableValuedAlias = rows.table_valued(
        sa.column("key", sa.Integer), sa.column("value", sa.String)
    )
    return found


def _each(values: sa.ColumnElement[Any], kind: type[int] | type[str]) -> Any:
    return constructs.EachNumber(values) if kind is int else constructs.EachText(values)


def matches(
    column: sa.ColumnElement[str], glob: str, *, is_ascii: bool = False
) -> sa.ColumnElement[bool]:
    """Whether a text is as a glob says, in any case; `is_ascii` where all texts are."""
    found = constructs.MatchesAscii if is_ascii else constructs.Matches
    name = folded(glob)
    return found(column, sa.literal(name), sa.literal(postgres_constructs.pattern(name)))
