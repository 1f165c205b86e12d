"""The items that stand in files, and the captions about them."""

# Tested by tests/unit/cmsearch/store/catalog/test_file_items.py

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from cmsearch.store.catalog import statements
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.catalog.items import item_of_row
from cmsearch.store.catalog.prepared import listing
from cmsearch.store.catalog.schema import understood
from cmsearch.types import Item

MOST = 1000
"""Items that are given at most, of all the files that are asked about."""


def in_files(catalog: Catalog, paths: Iterable[str], most: int = MOST) -> list[Item]:
    """The first items that stand in files at some paths, in the order of their numbers."""
    paths = listing(set(paths))
    return _items(catalog, catalog.run(statements.IN_FILES, paths=paths, most=most))


def captions_about(
    catalog: Catalog, paths: Iterable[str], most: int = MOST
) -> dict[str, list[str]]:
    """By the path of a file the texts of the first captions that are about it."""
    paths = listing(set(paths))
    rows = catalog.run(statements.CAPTIONS_OF_FILES, paths=paths, most=most)
    found: dict[str, list[str]] = {}
    for item in _items(catalog, rows):
        if item.about is not None and item.text:
            found.setdefault(item.about, []).append(item.text)
    return found


def _items(catalog: Catalog, rows: Iterable[Sequence[Any]]) -> list[Item]:
    with understood(catalog.path):
        return [item_of_row(row) for row in rows]
