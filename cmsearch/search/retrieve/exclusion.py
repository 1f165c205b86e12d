"""What a query may not find: its own pictures, what is about something, by words and by
calibration, and what it leaves out.
"""

# Tested by tests/unit/cmsearch/search/test_pipeline.py

from __future__ import annotations

from cmsearch.protocols import VectorIndex
from cmsearch.store.catalog import fulltext, items
from cmsearch.store.store import Store
from cmsearch.store.view import View
from cmsearch.types import ComposedQuery, EncodedQuery, Modality

_FIRST = 64


def excluded(store: Store, view: View, query: ComposedQuery) -> set[int]:
    """The items that a query may not find: its own pictures, sounds and films, what it is to be
    without, and what it leaves out. None of them speaks for another item either.

    What it is to be without is what is about one of `without`, and what shows or says the same
    picture. About it are items at least as near to it as the best hit of an ordinary query is (a
    relevance of 0.5), and those that have its words; without a background to judge by, only these.
    """
    about = set().union(*(_about(store, view, part) for part in query.without))
    digests = {(part.digest, part.modality) for part in query.parts if part.digest}
    pictures = (items.with_digest(store.catalog, *own) for own in digests)
    return items.about_same(store.catalog, about).union(query.left_out, *pictures)


def _about(store: Store, view: View, part: EncodedQuery) -> set[int]:
    near: set[int] = set()
    for modality, index in view.indexes.items():
        bank = "bank" if part.modality is Modality.TEXT else part.modality
        scale = view.background.get(bank, {}).get(modality)
        if scale is not None and len(index):
            ids = _near(index, part, scale.best)
            near |= {item.id for item in items.of_embeddings(store.catalog, ids).values()}
    if part.modality is Modality.TEXT:
        near |= fulltext.items_with(store.catalog, part.content)
    return near


def _near(index: VectorIndex, part: EncodedQuery, least: float) -> list[int]:
    """The ids with a cosine of at least `least`."""
    depth = _FIRST
    while True:
        scores, ids = index.search(part.vector[None], min(depth, len(index)))
        if depth >= len(index) or scores[0, -1] < least:
            return [int(number) for number in ids[0][(scores[0] >= least) & (ids[0] >= 0)]]
        depth *= 4
