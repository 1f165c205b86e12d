"""The text that was read in pictures: what is to be read, what is to be encoded, and the lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa

from cmsearch.common import locators
from cmsearch.store.catalog import reading_rows, schema
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.catalog.columns import text_of
from cmsearch.store.catalog.constructs import ByteCount, LeadingNumber
from cmsearch.store.catalog.reading_rows import Reading
from cmsearch.store.catalog.schema import understood
from cmsearch.types import TextLine


class ReadFile(NamedTuple):
    """A file that may hold text in pictures."""

    asset: int
    path: str
    kind: str
    digest: str


def unread(catalog: Catalog, kinds: Sequence[str], reader: str, every: bool) -> list[ReadFile]:
    """The files of some kinds in which `reader` has read nothing yet; if `every` picture is to be
    looked at closely, those too in which it only glanced. Of copies there is one.
    """
    assets, kept = schema.assets.c, schema.settings
    name = sa.literal(reading_rows.name("")) + assets.digest
    query = sa.select(sa.func.min(assets.id), sa.func.min(assets.path), sa.func.min(assets.kind))
    # Nothing of a value is parsed here: it ends with many lines, and may be damaged.
    head = sa.func.min(sa.func.substr(kept.c.value, 1, 200))
    query = query.add_columns(assets.digest, head)
    query = query.join(kept, kept.c.name == name, isouter=True)
    query = query.where(assets.kind.in_(kinds), assets.digest.is_not(None))
    query = query.where(assets.mtime_ns.is_not(None))
    rows = catalog.rows(query.group_by(assets.digest).order_by(sa.func.min(assets.path)))
    with understood(catalog.path):
        return [
            ReadFile(int(row[0]), text_of(row[1]), text_of(row[2]), text_of(row[3]))
            for row in rows
            if not _is_enough(row[4], reader, every)
        ]


def unencoded(catalog: Catalog, space: int, digests: Sequence[str] | None = None) -> list[ReadFile]:
    """The files of which blocks of text have no embedding in a space; among those of some digests,
    if given.
    """
    assets, items, table, kept = (
        schema.assets.c,
        schema.items.c,
        schema.embeddings.c,
        schema.settings,
    )
    name = sa.literal(reading_rows.name("")) + assets.digest
    encoded = (
        sa.select(sa.func.count(sa.distinct(items.id)))
        .join(schema.embeddings, table.item == items.id)
        .where(items.asset == assets.id, table.space == space)
        .where(items.digest.startswith(reading_rows.PREFIX))
        .scalar_subquery()
    )
    count = LeadingNumber(sa.func.substr(kept.c.value, 2, 9))
    query = sa.select(assets.id, assets.path, assets.kind, assets.digest)
    query = query.join(kept, kept.c.name == name).where(count > 0, encoded < count)
    if digests is not None:
        query = query.where(assets.digest.in_(digests))
    with understood(catalog.path):
        return [
            ReadFile(int(row[0]), text_of(row[1]), text_of(row[2]), text_of(row[3]))
            for row in catalog.rows(query.order_by(assets.path))
        ]


def encoded(catalog: Catalog, space: int, asset: int) -> set[str]:
    """The digests of the blocks of a file that have an embedding in a space."""
    items = schema.items.c
    query = sa.select(items.digest).join(schema.embeddings, schema.embeddings.c.item == items.id)
    query = query.where(items.asset == asset, schema.embeddings.c.space == space)
    own = items.digest.startswith(reading_rows.PREFIX)
    return {row[0] for row in catalog.rows(query.where(own))}


def reading(catalog: Catalog, digest: str) -> Reading | None:
    """What was read in the files of a digest; None where nothing was. Raises `StoreError`."""
    kept = schema.settings.c
    query = sa.select(kept.value).where(kept.name == reading_rows.name(digest))
    found = catalog.scalar(query.where(ByteCount(kept.value) <= reading_rows.MOST_BYTES))
    if found is None:
        return None
    with understood(catalog.path):
        return reading_rows.unpack(text_of(found))


def item_digest(catalog: Catalog, item: int) -> str:
    """The digest of the item of a number; empty where there is none."""
    found = catalog.scalar(sa.select(schema.items.c.digest).where(schema.items.c.id == item))
    return found if isinstance(found, str) else ""


def lines(catalog: Catalog, item: str) -> tuple[TextLine, ...]:
    """The lines of the block that an item of this digest is; none of another item."""
    with understood(catalog.path):
        found = reading_rows.block_of(text_of(item))
    known = None if found is None else reading(catalog, found[0])
    if found is None or known is None or not 0 < found[1] <= len(known.blocks):
        return ()
    return tuple(known.blocks[found[1] - 1])


def _is_enough(head: object, reader: str, every: bool) -> bool:
    """Whether the beginning of a reading is of this reader, whole, and as close as is wanted."""
    if not isinstance(head, str):
        return False
    parts = head.split(", ", 2)
    is_own = len(parts) == 3 and parts[2].startswith(f'"{reader}",')
    return is_own and parts[1] in (("1",) if every else ("0", "1"))


def pages(catalog: Catalog, asset: int) -> tuple[set[int], set[int]]:
    """The numbers of the pages of a document that are indexed as pictures, and of those that have
    text of their own.
    """
    items = schema.items.c
    rows = catalog.rows(
        sa.select(items.kind, items.locator, items.digest).where(
            items.asset == asset, items.kind.in_(("page", "passage"))
        )
    )
    seen, written = set[int](), set[int]()
    with understood(catalog.path):
        for kind, locator, digest in rows:
            number = locators.page(text_of(locator))
            if number is not None and reading_rows.block_of(text_of(digest)) is None:
                (seen if kind == "page" else written).add(number)
    return seen, written
