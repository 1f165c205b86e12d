"""The tools by which agents see: an item, or many as one numbered sheet."""

# Tested by tests/e2e/server/test_agents.py

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

from mcp.types import CallToolResult
from PIL import Image

from cmsearch.errors import CmsearchError, MediaError, QueryError
from cmsearch.media.thumbnails import each, read
from cmsearch.server.agents.answers import answered
from cmsearch.server.agents.arguments import (
    Cursor,
    Items,
    Literally,
    OneItem,
    Pixels,
    Shown,
    Store,
    Target,
    Text,
    Where,
)
from cmsearch.server.agents.names import item_named, store_of
from cmsearch.server.agents.results import Entry, ItemResult, SearchResult, entry, plain
from cmsearch.server.agents.searching import EVERYTHING, Searching
from cmsearch.server.located import item_of, located
from cmsearch.server.stores import Served, Stores
from cmsearch.show.numbered_sheet import numbered_sheet
from cmsearch.store.catalog import file_items
from cmsearch.store.object_places import address_of
from cmsearch.types import Item, Place

NONE: Items = []
_LONGEST = 20_000
"""Characters of a text that is looked at by itself."""
_MOST = 50
"""Captions, lines and names that are told of it."""
_SMALL = 320  # pixels of a picture on a sheet


class Seeing:
    """The tools that show pictures."""

    def __init__(self, opened: Callable[[], Stores], searching: Searching) -> None:
        self._opened = opened
        self._searching = searching

    def view_item(
        self, item: OneItem, size: Pixels = 1024, store: Store = ""
    ) -> Annotated[CallToolResult, ItemResult]:
        """Look at one item: its picture (of a film the frame, of a document the page), its whole
        text, captions, people, day and place.

        Example: {"item": 1234} or {"item": "beach.jpg"}. The picture comes first, then all else as
        text.
        """
        served = store_of(self._opened(), store)
        own = item_named(served, item)
        result = ItemResult(entry=_told(served, own), folder=plain(address_of(served.root), 4096))
        try:
            place = located(served, own.id)
            picture = read(place.path, size, place.locator)
        except CmsearchError as error:
            result.note = str(error)
            return answered(result)
        result.width, result.height = picture.size
        return answered(result, picture)

    def contact_sheet(
        self,
        query: Text = "",
        items: Items = NONE,
        target: Target = "image",
        k: Shown = 12,
        filters: Where = EVERYTHING,
        store: Store = "",
        cursor: Cursor = "",
        literal: Literally = False,
    ) -> Annotated[CallToolResult, SearchResult]:
        """See many hits at once: one picture with all of them small, each under its number.

        Example: {"query": "sunset at sea", "k": 12}, or {"items": [12, 34]}. The number is the
        `rank` of a hit; look closer at one by view_item with the `item` of that rank.
        """
        if items:
            served = store_of(self._opened(), store)
            hits = [_ranked(served, number, rank) for rank, number in enumerate(items, 1)]
            result = SearchResult(store=served.name, hits=hits, total=len(hits))
        else:
            if not query.strip() and not cursor:
                raise QueryError("Say what to show: `query` or `items`.")
            served, result = self._searching.searched(
                query, target, k, filters, store, cursor, literal=literal
            )
        if not result.hits:
            return answered(result)
        return answered(result, numbered_sheet(_pictures(served, result.hits)))


def _told(served: Served, item: Item) -> Entry:
    """An item with its whole text, and with what was read in its picture."""
    found = entry(served, item, _LONGEST, _MOST)
    there = file_items.in_files(served.engine.store.catalog, [item.about or item.path])
    read = [one.text for one in there if one.kind == "ocr" and one.text and one.id != item.id]
    found.text_in_picture = [plain(text) for text in read[:_MOST]]
    return found


def _ranked(served: Served, number: int, rank: int) -> Entry:
    return entry(served, item_of(served, number)).model_copy(update={"rank": rank})


def _pictures(served: Served, hits: Sequence[Entry]) -> list[tuple[int, Image.Image | None]]:
    """The pictures of hits by their ranks; None for what has none, or can't be read."""
    ranks = [one.rank or 0 for one in hits]
    found = each(lambda one: _small(served, one.item), hits)
    pictures = [one if isinstance(one, Image.Image) else None for one in found]
    return list(zip(ranks, pictures, strict=True))


def _small(served: Served, number: int) -> Image.Image:
    try:
        place: Place = located(served, number)
    except CmsearchError as error:
        raise MediaError(str(error)) from error
    return read(place.path, _SMALL, place.locator)
