"""Why an item was found, by its number: for whoever asks, over HTTP or otherwise."""

# Tested by tests/e2e/server/test_explain.py

from __future__ import annotations

from cmsearch.errors import QueryError
from cmsearch.search.explain import Explanation
from cmsearch.search.query.understanding import Understood
from cmsearch.search.rank.second_stage import Ranking
from cmsearch.search.wire import NO_REGIONS
from cmsearch.server.located import file_of, item_of, located
from cmsearch.server.stores import Served
from cmsearch.show import heatmap
from cmsearch.types import Modality

DEEPEST = 1000
"""Hits that are looked through for an item; deeper it has no rank and no evidence."""
DEFAULT = Ranking()


def explained(
    served: Served, number: int, asked: Understood, ranking: Ranking = DEFAULT
) -> Explanation:
    """Why an item, or the picture that it is about, was found.

    Raises `NotThereError`, also for a shot of a film that isn't there.
    """
    item = item_of(served, number)
    if item.modality is Modality.VIDEO:
        file_of(served, item)  # a frame of it is looked at
    return served.engine.explain(
        asked.query,
        item=number,
        where=asked.where,
        ranking=ranking,
        depth=DEEPEST,
    )


def drawn(served: Served, number: int, found: Explanation) -> bytes:
    """The explanation of an item as the bytes of a PNG.

    Raises `NotThereError` where its file isn't there, `MediaError` where that can't be read or has
    no picture, and `QueryError` where there are no regions.
    """
    place = located(served, number)
    if not found.words:
        raise QueryError(NO_REGIONS)
    return heatmap.png(found, heatmap.read(place.path, found.locator))
