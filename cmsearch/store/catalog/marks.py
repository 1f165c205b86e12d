"""Marks: what people said is right or wrong for a query, by things that outlive their numbers."""

# Tested by tests/unit/cmsearch/search/test_marking.py

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from cmsearch.store.catalog import mark_rows
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.catalog.columns import text_of
from cmsearch.store.catalog.mark_rows import MOST, Located
from cmsearch.store.catalog.prepared import listing
from cmsearch.store.catalog.schema import MARKED, understood


class Which(NamedTuple):
    """Which marks: those of a query and for a target, where these are given, and which part."""

    query: str | None = None
    target: str | None = None
    offset: int = 0
    limit: int = MOST


EVERY = Which()


def located(catalog: Catalog, which: Which = EVERY) -> list[Located]:
    """Marks, the oldest first, with where their things are.

    A catalog of before there were marks, which is only read, has none.
    """
    if catalog.format < MARKED:
        return []
    with catalog.reading(), understood(catalog.path):
        return mark_rows.locate(catalog.run, catalog.run(mark_rows.SOME, **which._asdict()))


def count(catalog: Catalog, which: Which = EVERY) -> int:
    """How many marks there are, in all parts."""
    if catalog.format < MARKED:
        return 0
    ((found,),) = catalog.run(mark_rows.COUNT, query=which.query, target=which.target)
    return int(found)


def files_of(catalog: Catalog, digests: Collection[str]) -> dict[str, str]:
    """By the digest of a file the path of one that has it, for those that are there."""
    found = catalog.run(mark_rows.FILES, paths=listing(()), digests=listing(set(digests)))
    with understood(catalog.path):
        return {text_of(row[2]): text_of(row[1]) for row in sorted(found, reverse=True)}
