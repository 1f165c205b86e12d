"""Statements that SQLAlchemy compiles once and SQLite's driver runs, which is what searches read.

To compile a statement, and to make objects of its rows, takes many times as long as a hundred rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import dialect

from cmsearch.common.text import caseless
from cmsearch.store.catalog import budget

_DIALECT = dialect(paramstyle="named")


class Prepared:
    """A statement that is compiled at its first use. Safe from threads."""

    def __init__(self, query: sa.Executable) -> None:
        self._query: Any = query

    def rows(self, connection: sa.Connection, **values: Any) -> list[Any]:
        """All rows as tuples, with values for what is `given`."""
        budget.begin(connection)
        driver: Any = connection.connection.driver_connection
        text, known = self._compiled
        rows: list[Any] = driver.execute(text, {**known, **values}).fetchall()
        return rows

    def many(self, connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run it for each of many rows of values."""
        budget.begin(connection, is_many=True)
        driver: Any = connection.connection.driver_connection
        driver.executemany(self._compiled[0], rows)

    @cached_property
    def _compiled(self) -> tuple[str, dict[str, Any]]:
        made = self._query.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
        return str(made), {
            name: str.__str__(value) if isinstance(value, str) else value
            for name, value in made.params.items()
        }


def given(name: str) -> sa.BindParameter[Any]:
    """A parameter of this name, which `Prepared.rows` is given a value for."""
    return sa.bindparam(name, None, sa.Integer)


def listed(name: str) -> sa.Select[Any]:
    """The values of a parameter of this name, which `listing` makes, as rows."""
    rows = sa.func.json_each(given(name)).table_valued("value")
    return sa.select(rows.c.value)


def listing(values: Iterable[int] | Iterable[str]) -> str:
    """Any number of values as one parameter; those of a statement are limited."""
    return json.dumps(list(values))


def valued(values: Iterable[int] | Iterable[str]) -> sa.TableValuedAlias:
    """Values as a table for a statement that is compiled each time: their places, the values."""
    rows = sa.func.json_each(listing(values))
    return rows.table_valued(sa.column("key", sa.Integer), sa.column("value", sa.String))


def matches(
    column: sa.ColumnElement[str], glob: str, *, is_ascii: bool = False
) -> sa.ColumnElement[bool]:
    """Whether a text is as a glob says, in any case.

    To call Python for each takes SQLite longer than all else, so that it is called only for other
    texts than ASCII; for none where all `is_ascii`.
    """
    folded: sa.ColumnElement[str] = sa.func.lower(column)
    if not is_ascii:
        plain = sa.func.length(column) == sa.func.length(sa.cast(column, sa.LargeBinary))
        folded = sa.case((plain, folded), else_=sa.func.caseless(column))
    return folded.op("GLOB")(caseless(glob))
