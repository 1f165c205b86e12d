"""The first item of each of some files, and when these were taken: what a list of files shows."""

# Tested by tests/unit/cmsearch/search/test_listing.py

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from cmsearch.store.catalog import schema, statements
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.catalog.columns import text_of
from cmsearch.store.catalog.items import item_of_row
from cmsearch.store.catalog.prepared import Prepared, listed, listing
from cmsearch.store.catalog.schema import understood
from cmsearch.types import Item

_TAKEN = Prepared(
    sa.select(schema.assets.c.id, schema.assets.c.taken).where(
        schema.assets.c.id.in_(listed("assets")), schema.assets.c.taken.is_not(None)
    )
)


def of_files(catalog: Catalog, assets: Iterable[int]) -> dict[int, Item]:
    """The first item of each file, by its number; one in which nothing was found is missing."""
    with understood(catalog.path):
        rows = catalog.run(statements.FIRST_OF_FILES, assets=listing(assets))
        return {row[0]: item_of_row(row) for row in rows}


def times(catalog: Catalog, assets: Iterable[int]) -> dict[int, str]:
    """When files were taken, as texts in the order of time; those of which nothing says are
    missing.
    """
    with understood(catalog.path):
        rows = catalog.run(_TAKEN, assets=listing(assets))
        return {row[0]: text_of(row[1]) for row in rows}
