"""Marks: what people said is right or wrong for a query, by things that outlive their numbers."""

# Tested by tests/unit/cmsearch/search/test_marking.py

from __future__ import annotations

from collections.abc import Collection

from cmsearch.store.catalog import mark_rows
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.catalog.columns import text_of
from cmsearch.store.catalog.mark_rows import Located
from cmsearch.store.catalog.schema import MARKED, understood
from cmsearch.store.catalog.sqlite_statements import listing


def located(catalog: Catalog, query: str | None = None, target: str | None = None) -> list[Located]:
    """All marks, or those of a query for a target, the oldest first, with where their things are.

    One of before there were marks, which is only read, has none.
    """
    if catalog.format < MARKED:
        return []
    with catalog.reading(), understood(catalog.path):
        if query is None:
            found = catalog.run(mark_rows.ALL)
        else:
            found = catalog.run(mark_rows.OF_QUERY, query=query, target=target)
        return mark_rows.locate(catalog.run, found)


def count(catalog: Catalog) -> int:
    """How many marks there are."""
    return 0 if catalog.format < MARKED else int(catalog.scalar(mark_rows.COUNT) or 0)


def files_of(catalog: Catalog, digests: Collection[str]) -> dict[str, str]:
    """By the digest of a file the path of one that has it, for those that are there."""
    found = catalog.run(mark_rows.FILES, paths=listing(()), digests=listing(set(digests)))
    with understood(catalog.path):
        return {text_of(row[2]): text_of(row[1]) for row in sorted(found, reverse=True)}
