"""Why an item was found, by its number: for whoever asks, over HTTP or otherwise."""

# Tested by tests/e2e/server/test_explain.py

from __future__ import annotations

from cmsearch.search.explain import Explanation
from cmsearch.search.query.understanding import Understood
from cmsearch.search.rank.second_stage import Ranking
from cmsearch.server.located import file_of, item_of
from cmsearch.server.stores import Served
from cmsearch.show import heatmap

DEEPEST = 1000
"""Hits that are looked through for an item; deeper it has no rank and no evidence."""
DEFAULT = Ranking()


def explained(
    served: Served, number: int, asked: Understood, ranking: Ranking = DEFAULT
) -> Explanation:
    """Why the picture that an item is, or is about, was found.

    Raises `NotThereError`, and `QueryError` for an item without a picture that has regions.
    """
    item = item_of(served, number)
    return served.engine.explain(
        asked.query,
        served.engine.store.absolute(item.about or item.path),
        where=asked.where,
        ranking=ranking,
        depth=DEEPEST,
    )


def drawn(served: Served, number: int, found: Explanation) -> bytes:
    """The explanation of an item as the bytes of a PNG.

    Raises `NotThereError` where its file isn't there, `MediaError` where that can't be read, and
    `QueryError` where there are no regions.
    """
    return heatmap.png(found, heatmap.read(file_of(served, item_of(served, number))))
