"""Adding many items at once whose vectors are known, and giving them the digests of their files.

A picture that was taken over isn't read for it. Its item has a digest that says how its file was,
until the indexer reads the file and knows the real one.
"""

# Tested by tests/unit/indexer/importing/test_importer.py

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from cmsearch.common.kinds import is_placed
from cmsearch.store.catalog import databases, schema
from cmsearch.store.catalog.rows import NewItem, asset_row, embedding_blobs, item_row
from cmsearch.store.catalog.schema import chunks
from cmsearch.types import Asset

AWAITED = "imported "
"""What the digests begin with of items whose files weren't read yet."""

Addition = tuple[Asset, NewItem | None]
"""A file, and an item of it; None for a file that others are about."""


class _Known(NamedTuple):
    """An item that is here, and whether it has an embedding in the space."""

    number: int
    is_encoded: bool


def add(connection: sa.Connection, space: int, rows: Sequence[Addition]) -> tuple[int, set[int]]:
    """Add files and items with their embeddings in a space; returns how many items got some, and
    the numbers of the files.

    What is here already stays as it is: a file keeps what is known of it, an item its embeddings.
    """
    assets = _Assets(connection)
    assets.put([asset for asset, _ in rows])
    items = _Items(connection, space, assets)
    added = items.put([(asset, item) for asset, item in rows if item is not None])
    return added, set(assets.numbers.values())


def adopt(connection: sa.Connection, asset: int, digests: Mapping[str, str]) -> None:
    """Give items of an asset their digests in place of those that they had until it was read."""
    table = schema.items.c
    for awaited, digest in digests.items():
        own = sa.update(schema.items).where(table.asset == asset, table.digest == awaited)
        connection.execute(own.values(digest=digest))


class _Assets:
    """The numbers of files by their paths, in one transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self.numbers: dict[str, int] = {}
        self.former: set[int] = set()
        """Those that were here before."""

    def put(self, assets: Iterable[Asset]) -> None:
        """Add those that aren't here; what was noted of a file that wasn't there gets its time."""
        table = schema.assets
        wanted = dict[str, Asset]()
        for asset in assets:
            if wanted.setdefault(asset.path, asset).mtime_ns is None:
                wanted[asset.path] = asset
        for chunk in chunks(list[str](wanted)):
            query = sa.select(table.c.path, table.c.id).where(table.c.path.in_(chunk))
            self.numbers |= {row[0]: row[1] for row in self._connection.execute(query)}
        self.former = set(self.numbers.values())
        timed = [one for path, one in wanted.items() if path in self.numbers and one.mtime_ns]
        _place(self._connection, [(self.numbers[one.path], one) for one in timed])
        new = [one for path, one in wanted.items() if path not in self.numbers]
        first = _next(self._connection, table)
        self.numbers |= {asset.path: number for number, asset in enumerate(new, first)}
        if new:
            rows = [{"id": self.numbers[asset.path], **asset_row(asset)} for asset in new]
            self._connection.execute(sa.insert(table), rows)
            databases.own(self._connection).count_on(self._connection, table)


def _place(connection: sa.Connection, assets: Sequence[tuple[int, Asset]]) -> None:
    """Note the size and time of files that were never read and not there before."""
    table = schema.assets.c
    unseen = (table.digest.is_(None), table.mtime_ns.is_(None), table.error.is_(None))
    change = sa.update(schema.assets).where(table.id == sa.bindparam("number"), *unseen)
    change = change.values({name: sa.bindparam(f"new_{name}") for name in _TIMES})
    rows = []
    for number, asset in assets:
        row = asset_row(asset)
        rows.append({"number": number} | {f"new_{name}": row[name] for name in _TIMES})
    if rows:
        connection.execute(change, rows)


_TIMES = ("size", "mtime_ns", "taken")


class _Items:
    """The items of files, in one transaction."""

    def __init__(self, connection: sa.Connection, space: int, assets: _Assets) -> None:
        self._connection, self._space, self._assets = connection, space, assets

    def put(self, pairs: Sequence[tuple[Asset, NewItem]]) -> int:
        """Add the items that aren't here, and the embeddings of those that have none."""
        numbers = self._assets.numbers
        owners = {numbers[asset.path] for asset, _ in pairs} & self._assets.former
        known = self._known(sorted(owners))
        after = _next(self._connection, schema.items) - 1
        items, rows, added = list[dict[str, Any]](), list[dict[str, Any]](), 0
        for asset, item in pairs:
            number = numbers[asset.path]
            key = _key(number, item.part.kind, item.part.locator, item.digest)
            own = known.get(key)
            if own is None:
                about = None if item.about is None else numbers[item.about]
                own = _Known(after + 1 + len(items), is_encoded=False)
                items.append({"id": own.number, **item_row(number, about, item)})
            if not own.is_encoded:
                common = {"item": own.number, "space": self._space, "modality": item.part.modality}
                rows += [{**common, **blobs} for blobs in embedding_blobs(item.encoding)]
                added += 1
            known[key] = own._replace(is_encoded=True)
        for table, found in ((schema.items, items), (schema.embeddings, rows)):
            if found:
                self._connection.execute(sa.insert(table), found)
        if items:
            databases.own(self._connection).count_on(self._connection, schema.items)
        databases.words(self._connection).fill_after(self._connection, after)
        return added

    def _known(self, assets: Sequence[int]) -> dict[object, _Known]:
        table, embeddings = schema.items.c, schema.embeddings.c
        own = sa.select(embeddings.id).where(
            embeddings.item == table.id, embeddings.space == self._space
        )
        columns = (table.id, table.asset, table.kind, table.locator, table.digest, own.exists())
        query: sa.Select[Any] = sa.select(*columns)
        found: dict[object, _Known] = {}
        for chunk in chunks(assets):
            for row in self._connection.execute(query.where(table.asset.in_(chunk))):
                found[_key(*row[1:5])] = _Known(row[0], bool(row[5]))
        return found


def _key(asset: int, kind: str, locator: str, digest: str) -> object:
    """What an item is known again by: a picture isn't read, so by its kind and its place."""
    if kind in _SEEN:
        return asset, kind, locator if is_placed(kind) else ""
    return asset, digest


_SEEN = ("photo", "page", "shot")


def _next(connection: sa.Connection, table: sa.Table) -> int:
    return int(connection.execute(sa.select(sa.func.max(table.c.id))).scalar() or 0) + 1
