"""Rows of marks: keeping what people said, and finding the things that it was said of."""

# Tested by tests/unit/cmsearch/search/test_marking.py

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any, NamedTuple

import sqlalchemy as sa

from cmsearch.errors import QueryError
from cmsearch.store.catalog import databases, schema
from cmsearch.store.catalog.columns import text_of
from cmsearch.store.catalog.prepared import Prepared, given, listed, listing

MOST = 2**16
"""Marks that a catalog has at most."""
LONGEST = 2**13
"""Characters of a query that is kept."""
_marks, _assets, _items = schema.marks.c, schema.assets.c, schema.items.c
_COLUMNS = (
    _marks.id, _marks.query, _marks.target, _marks.path, _marks.file, _marks.kind, _marks.locator,
    _marks.item, _marks.verdict, _marks.day,
)  # fmt: skip


def _is_wanted(name: str) -> sa.ColumnElement[bool]:
    """Whether a column is as is given, where anything is; PostgreSQL wants a value's type said."""
    wanted = sa.cast(given(name), schema.marks.c[name].type)
    return sa.or_(wanted.is_(None), schema.marks.c[name] == wanted)


_WANTED = _is_wanted("query"), _is_wanted("target")
SOME = Prepared(
    sa.select(*_COLUMNS)
    .where(*_WANTED)
    .order_by(_marks.id)
    .limit(given("limit"))
    .offset(given("offset"))
)
COUNT = Prepared(sa.select(sa.func.count()).select_from(schema.marks).where(*_WANTED))
_OF_QUERY = Prepared(
    sa.select(*_COLUMNS)
    .where(_marks.query == given("query"), _marks.target == given("target"))
    .order_by(_marks.id)
    .limit(MOST)
)
FILES = Prepared(
    sa.select(_assets.id, _assets.path, _assets.digest).where(
        sa.or_(_assets.path.in_(listed("paths", str)), _assets.digest.in_(listed("digests", str)))
    )
)
_subject = sa.func.coalesce(_items.about, _items.asset)
_IN_FILES = Prepared(
    sa.select(_items.id, _subject, _items.digest, _items.kind, _items.locator)
    .where(sa.or_(_items.asset.in_(listed("ids")), _items.about.in_(listed("ids"))))
    .where(sa.or_(_items.digest.in_(listed("digests", str)), _items.locator == ""))
    .order_by(_items.id)
)

_Run = Callable[..., list[Any]]


class Kept(NamedTuple):
    """A mark as it is kept: the query as text, the thing by digests and places of when it was
    marked, 1 for right or -1 for wrong, and the day.
    """

    query: str
    target: str
    path: str
    file: str | None
    kind: str
    locator: str
    item: str
    verdict: int
    day: str


class Located(NamedTuple):
    """A mark with its number, and where its thing is now: the path of its file, or None, and the
    numbers of its items.
    """

    number: int
    mark: Kept
    path: str | None
    items: tuple[int, ...]


def put(connection: sa.Connection, mark: Kept, item: int) -> int:
    """Keep a mark of an item, as a transaction begins, in place of those that its query has of the
    same item; one of the verdict 0 only takes these away. Gives how many they were.
    """
    databases.own(connection).begin_writing(connection)
    run = partial(_run, connection)
    own = locate(run, run(_OF_QUERY, query=mark.query, target=mark.target))
    former = [one.number for one in own if item in one.items]
    delete(connection, former)
    if mark.verdict:
        ((count,),) = run(COUNT, query=None, target=None)
        if count >= MOST:
            raise QueryError(f"An index has at most {MOST:,} marks. Take some away.")
        connection.execute(sa.insert(schema.marks).values(mark._asdict()))
    return len(former)


def delete(connection: sa.Connection, numbers: Sequence[int]) -> None:
    """Delete marks."""
    for chunk in schema.chunks(numbers):
        connection.execute(sa.delete(schema.marks).where(_marks.id.in_(chunk)))


def _run(connection: sa.Connection, statement: Prepared, **values: Any) -> list[Any]:
    return statement.rows(connection, **values)


def locate(run: _Run, rows: Sequence[Any]) -> list[Located]:
    """Rows of marks with the files and items that they are of now."""
    kept = [(int(row[0]), _kept(row[1:])) for row in rows]
    files = _files(run, {(one.path, one.file) for _, one in kept})
    ids, digests = ({number for number, _ in files.values()}, {one.item for _, one in kept})
    same: dict[tuple[int, str], list[int]] = {}
    whole: dict[tuple[int, str], list[int]] = {}
    for item, subject, digest, kind, locator in run(
        _IN_FILES, ids=listing(ids), digests=listing(digests)
    ):
        same.setdefault((subject, digest), []).append(item)
        if not locator:
            whole.setdefault((subject, kind), []).append(item)
    found = []
    for number, one in kept:
        file, path = files.get((one.path, one.file), (0, None))
        items = same.get((file, one.item), [])
        if not items and not one.locator:
            items = whole.get((file, one.kind), [])
        found.append(Located(number, one, path, tuple(items)))
    return found


def _files(
    run: _Run, wanted: Collection[tuple[str, str | None]]
) -> dict[tuple[str, str | None], tuple[int, str]]:
    """By a file's path and digest of once the number and the path that it has: the one of that
    content, at that place if there are several, or else what is at the place.
    """
    paths, digests = {path for path, _ in wanted}, {digest for _, digest in wanted if digest}
    at: dict[str, tuple[int, str]] = {}
    of: dict[str, tuple[int, str]] = {}
    exact: dict[tuple[str, str], tuple[int, str]] = {}
    for number, path, digest in sorted(
        run(FILES, paths=listing(paths), digests=listing(digests)), key=lambda row: row[1]
    ):
        at[path] = exact[path, digest] = number, path
        of.setdefault(digest, (number, path))
    found = {}
    for path, digest in wanted:
        place = exact.get((path, digest or "")) or of.get(digest or "") or at.get(path)
        if place is not None:
            found[path, digest] = place
    return found


def _kept(row: Sequence[Any]) -> Kept:
    query, target, path, file, kind, locator, item, verdict, day = row
    if len(text_of(query)) > LONGEST or type(verdict) is not int or abs(verdict) != 1:
        raise ValueError("a mark of a kind that is none")
    kind, locator, item = map(text_of, (kind, locator, item))
    file = None if file is None else text_of(file)
    place = text_of(target), text_of(path), file
    return Kept(query, *place, kind, locator, item, verdict, text_of(day))
