"""Which items were given to somebody, told again after the catalog has changed."""

# Tested by tests/unit/cmsearch/search/test_pages.py

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from cmsearch.store.catalog import schema
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.catalog.prepared import Prepared, listed, listing
from cmsearch.store.catalog.schema import understood

_assets, _items = schema.assets, schema.items
_subject = sa.func.coalesce(_items.c.about, _items.c.asset)
_chosen = _items.c.id.in_(listed("items"))
_columns = (
    _items.c.id, _items.c.digest, _items.c.kind, _items.c.locator,
    _assets.c.id, _assets.c.path, _assets.c.digest,
)  # fmt: skip
_STANDING = Prepared(
    sa.select(*_columns).join(_assets, _items.c.asset == _assets.c.id).where(_chosen)
)
_MEANT = Prepared(sa.select(*_columns).join(_assets, _subject == _assets.c.id).where(_chosen))
_FILES = Prepared(
    sa.select(_assets.c.id, _assets.c.path, _assets.c.digest).where(
        sa.or_(_assets.c.id.in_(listed("ids")), _assets.c.path.in_(listed("paths", str)))
    )
)
_ABOUT = Prepared(sa.select(_items.c.id).where(_items.c.about.in_(listed("ids"))))
_IN = Prepared(  # the sum keeps SQLite from reading all that is about nothing else by that index
    sa.select(_items.c.id).where(_items.c.asset.in_(listed("ids")), (_items.c.about + 0).is_(None))
)
_LIKE = Prepared(
    sa.select(_items.c.id, _items.c.digest, _items.c.kind, _items.c.locator, _items.c.asset).where(
        _items.c.asset.in_(listed("ids")),
        sa.or_(_items.c.digest.in_(listed("digests", str)), _items.c.locator == ""),
    )
)

_File = tuple[int, str, str | None]


class Given(NamedTuple):
    """An item that was given, and the file that it is of: by numbers alone it isn't known, since
    those of deleted rows are used again.
    """

    item: int
    digest: str
    kind: str
    locator: str
    asset: int
    path: str
    file_digest: str | None

    @property
    def file(self) -> _File:
        """The file as it was: two may have had the same number, one after the other."""
        return self.asset, self.path, self.file_digest


def described(catalog: Catalog, items: Iterable[int], *, as_things: bool) -> list[Given]:
    """What items are, by which they are known again. `as_things` it is the files that count, which
    they are about or else stand in.
    """
    statement = _MEANT if as_things else _STANDING
    return [Given(*row) for row in catalog.run(statement, items=listing(set(items)))]


def items_now(catalog: Catalog, given: Sequence[Given], *, as_things: bool) -> set[int]:
    """The numbers that what was given has now.

    A file is the same under another name, and with another content at its place; an item is, whose
    content is the same, or that is all of such a file. `as_things` these are all that stand in the
    files, or are about them.
    """
    if not given:
        return set()
    with understood(catalog.path):
        files = _files_now(catalog, given)
        ids = listing(set(files.values()))
        if as_things:
            return {row[0] for one in (_ABOUT, _IN) for row in catalog.run(one, ids=ids)}
        digests = {(files.get(one.file), one.digest) for one in given}
        whole = {(files.get(one.file), one.kind) for one in given if not one.locator}
        rows = catalog.run(_LIKE, ids=ids, digests=listing({one.digest for one in given}))
        return {
            number
            for number, digest, kind, locator, asset in rows
            if (asset, digest) in digests or (not locator and (asset, kind) in whole)
        }


def _files_now(catalog: Catalog, given: Collection[Given]) -> dict[_File, int]:
    """By a file as it was the number that it has: it is at its place or has its content."""
    own = {one.file for one in given}
    ids, paths = listing({one[0] for one in own}), listing({one[1] for one in own})
    rows = catalog.run(_FILES, ids=ids, paths=paths)
    by_id = {row[0]: row for row in rows}
    by_path = {row[1]: row for row in rows}
    files = {}
    for one in own:
        number, path, digest = one
        same, at = by_id.get(number), by_path.get(path)
        if same and (same[1] == path or (digest and same[2] == digest)):
            files[one] = number
        elif at and digest and at[2] == digest:  # it was deleted and came back
            files[one] = int(at[0])
    return files
