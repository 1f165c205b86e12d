"""What stores that are searched as one find, cut as one store would cut it."""

# Tested by tests/unit/cmsearch/search/test_federated.py

from __future__ import annotations

from collections.abc import Collection, Sequence

from cmsearch.search.query.compose import QueryVector
from cmsearch.search.rank.request import Direction, Found
from cmsearch.search.retrieve.nearest import Candidate, NearestRequest, ordered
from cmsearch.types import Modality

Excluded = Sequence[Sequence[Collection[int]]]
"""For each store and query the items that it may not find."""
FoundThere = Sequence[Found | None]
"""What one way finds for a query in each store; None where it isn't asked."""


def nearest(
    directions: Sequence[Direction],
    queries: Sequence[QueryVector],
    excluded: Excluded,
    modality: Modality,
    k: int,
    kind: str | None,
) -> list[list[list[Candidate]]]:
    """For each query, and of it for each store, what is among the k nearest of all stores."""
    found = [
        own.source.nearest(queries, NearestRequest(modality, k, kind, own.where, out))
        for own, out in zip(directions, excluded, strict=True)
    ]
    rows = [list(row) for row in zip(*found, strict=True)]
    return rows if len(directions) == 1 else [_cut(row, k) for row in rows]


def _cut(found: Sequence[Sequence[Candidate]], k: int) -> list[list[Candidate]]:
    kept = {own.key for own in ordered(one for each in found for one in each)[:k]}
    return [[one for one in each if one.key in kept] for each in found]
