"""Whether a catalog's file has the tables and indexes of its version, and nothing else.

SQLite runs what a schema says: a view or a generated column may never end, a trigger changes what
nobody asked for, and a constraint, a default or an index may be of any expression. So each table is
read clause by clause, in the one form that cmsearch writes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_NAME = r"[\"'`\[]?(\w+)[\"'`\]]?"
_TABLE = re.compile(rf"CREATE TABLE {_NAME} ?\((.*)\)", re.S)
_COLUMN = re.compile(
    rf"{_NAME} (VARCHAR|INTEGER|FLOAT|BLOB)((?: NOT NULL| PRIMARY KEY| AUTOINCREMENT)*)"
)
_KEY = re.compile(rf"(PRIMARY KEY|UNIQUE) ?\({_NAME}\)")
_FOREIGN = re.compile(rf"FOREIGN KEY ?\({_NAME}\) REFERENCES {_NAME} ?\({_NAME}\)")
_INDEX = re.compile(rf"CREATE INDEX {_NAME} ON {_NAME} ?\(([\w, \"]*)\)")
_LONGEST = 10_000

_WORDS = "CREATE VIRTUAL TABLE words USING fts5(text, tokenize = 'ascii')"
_SHADOWS = {
    "words_config": "k PRIMARY KEY, v",
    "words_content": "id INTEGER PRIMARY KEY, c0",
    "words_data": "id INTEGER PRIMARY KEY, block BLOB",
    "words_docsize": "id INTEGER PRIMARY KEY, sz BLOB",
    "words_idx": "segid, term, pgno, PRIMARY KEY(segid, term)",
}
"""The tables in which FTS5 keeps an index of words, with their columns."""
_SHADOW = re.compile(rf"CREATE TABLE {_NAME} ?\((.*)\)(?: WITHOUT ROWID)?", re.S)
_OWN = {
    "sqlite_sequence": "name,seq",
    "sqlite_stat1": "tbl,idx,stat",
    "sqlite_stat4": "tbl,idx,neq,nlt,ndlt,sample",
}
"""The tables that SQLite makes for itself, with their columns."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A table's columns with their types, `!` after those that aren't null, and its keys."""

    columns: Mapping[str, str]
    keys: frozenset[str]

    def without(self, column: str) -> Layout:
        """The layout before a column was added that no key is of."""
        kept = {name: kind for name, kind in self.columns.items() if name != column}
        return Layout(kept, self.keys)


def expected(tables: Sequence[Any]) -> dict[str, Layout]:
    """The layouts of tables as SQLAlchemy describes them."""
    return {table.name: _described(table) for table in tables}


def odd(rows: Sequence[Any], tables: Mapping[str, Layout], indexes: Mapping[str, str]) -> str:
    """What in the rows `(type, name, sql)` of a schema isn't as it should be; "" if all is.

    All tables have to be there. Indexes, and the words, may be missing: they can be made anew.
    """
    missing = set(tables)
    for kind, name, sql in rows:
        if not (isinstance(name, str) and isinstance(sql or "", str)):
            return "a nameless part"
        shown = f"the {kind} {name[:100]}"
        text = " ".join((sql or "")[: _LONGEST + 1].split())
        if kind == "table" and _is_own(name, text):
            continue
        if kind == "index" and _is_index(name, text, indexes):
            continue
        if kind != "table" or name not in tables:
            return shown
        if _layout(name, text) != tables[name]:
            return f"{shown} in another form"
        missing.discard(name)
    return f"no table {min(missing)}" if missing else ""


def _is_own(name: str, text: str) -> bool:
    """Whether a table is one of SQLite's, or of those that hold the words."""
    if name == "words":
        return text == _WORDS
    found = _SHADOW.fullmatch(text)
    if found is None or found[1] != name:
        return False
    if name in _OWN:
        return text == f"CREATE TABLE {name}({_OWN[name]})"
    return found[2] == _SHADOWS.get(name)


def _is_index(name: str, text: str, indexes: Mapping[str, str]) -> bool:
    if not text:
        return name.startswith("sqlite_autoindex_")  # of a key, which SQLite checks
    found = _INDEX.fullmatch(text)
    if found is None or found[1] != name:
        return False
    columns = ",".join(column.strip(' "') for column in found[3].split(","))
    return indexes.get(name) == f"{found[2]}({columns})"


def _layout(name: str, text: str) -> Layout | None:
    """The layout of a table by the SQL that made it; None for one in any other form."""
    found = _TABLE.fullmatch(text)
    if found is None or found[1] != name or len(text) > _LONGEST:
        return None
    columns, keys = dict[str, str](), set[str]()
    for clause in _clauses(found[2]):
        if column := _COLUMN.fullmatch(clause):
            own, needed = column[1], " NOT NULL" in column[3]
            columns[own] = column[2] + "!" * needed
            if " PRIMARY KEY" in column[3]:
                keys.add(f"PRIMARY KEY {own}")
            if " AUTOINCREMENT" in column[3]:
                keys.add("AUTOINCREMENT")
        elif key := _KEY.fullmatch(clause):
            keys.add(f"{key[1]} {key[2]}")
        elif foreign := _FOREIGN.fullmatch(clause):
            keys.add(f"{foreign[1]} {foreign[2]}.{foreign[3]}")
        else:
            return None
    return Layout(columns, frozenset(keys))


def _clauses(body: str) -> Iterator[str]:
    """What stands between the commas that are in no brackets."""
    depth = start = 0
    for at, sign in enumerate(body):
        depth += (sign == "(") - (sign == ")")
        if sign == "," and depth == 0:
            yield body[start:at].strip()
            start = at + 1
    yield body[start:].strip()


def _described(table: Any) -> Layout:
    keys = {f"PRIMARY KEY {column.name}" for column in table.primary_key}
    if table.kwargs.get("sqlite_autoincrement"):
        keys.add("AUTOINCREMENT")
    columns = {}
    for column in table.columns:
        columns[column.name] = str(column.type.compile()) + "!" * (not column.nullable)
        if column.unique:
            keys.add(f"UNIQUE {column.name}")
        for foreign in column.foreign_keys:
            keys.add(f"{column.name} {foreign.column.table.name}.{foreign.column.name}")
    return Layout(columns, frozenset(keys))
