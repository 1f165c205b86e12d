"""The perceptual hashes of items, and of files: what their pictures look like from afar."""

# Tested by tests/e2e/server/test_listing.py

from __future__ import annotations

from collections.abc import Iterable

from cmsearch.store.catalog import statements
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.catalog.prepared import listing


def of_items(catalog: Catalog, numbers: Iterable[int]) -> dict[int, bytes]:
    """The hash of each item by its number; some have none."""
    return dict(catalog.run(statements.ITEM_HASHES, items=listing(set(numbers))))


def of_files(catalog: Catalog, assets: Iterable[int]) -> dict[int, bytes]:
    """The hash of the first item of each file, by the file's number; some have none."""
    return dict(catalog.run(statements.FIRST_HASHES, assets=listing(assets)))
