"""Running compiled statements by SQLite's driver itself."""

# Tested by tests/unit/cmsearch/store/catalog/test_prepared.py

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import dialect

from cmsearch.store.catalog import budget

_DIALECT = dialect(paramstyle="named")


def runs(connection: sa.Connection) -> bool:
    """Whether a connection is to SQLite, and not to another database."""
    return bool(connection.dialect.name == _DIALECT.name)


def compiled(query: Any) -> tuple[str, dict[str, Any]]:
    """A statement as SQLite's own SQL, and its values that are known."""
    made = query.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    return str(made), {
        name: str.__str__(value) if isinstance(value, str) else value
        for name, value in made.params.items()
    }


def rows(connection: sa.Connection, text: str, values: Mapping[str, Any]) -> list[Any]:
    """All rows of a statement, as tuples."""
    budget.begin(connection)
    driver: Any = connection.connection.driver_connection
    found: list[Any] = driver.execute(text, values).fetchall()
    return found


def many(connection: sa.Connection, text: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Run a statement for each of many rows of values."""
    budget.begin(connection, is_many=True)
    driver: Any = connection.connection.driver_connection
    driver.executemany(text, rows)
