"""Items by their numbers, with their files and their pictures.

Whoever asks names an item by its number; where its file is comes from the catalog alone.
"""

# Tested by tests/e2e/server/test_items.py

from __future__ import annotations

from pathlib import Path

from cmsearch.common import locators
from cmsearch.errors import MediaError
from cmsearch.media.thumbnails import shown_at
from cmsearch.server.errors import NotThereError
from cmsearch.server.stores import Served
from cmsearch.store.catalog import items
from cmsearch.types import Item, Modality, Place, QueryPart


def item_of(served: Served, number: int) -> Item:
    """The item of a number. Raises `NotThereError`."""
    found = items.numbered(served.engine.store.catalog, number)
    if found is None:
        raise NotThereError(
            f"There is no item {number} in {served.name}; it may have been deleted."
        )
    return found


def file_of(served: Served, item: Item) -> Path:
    """The file of what an item is of: its own, or that of the picture that it describes.

    Raises `NotThereError` for one that isn't there, or leads out of the store's folder.
    """
    path = served.engine.store.absolute(item.about or item.path)
    try:
        place, root = path.resolve(strict=True), served.root.resolve(strict=True)
        is_own = place.is_relative_to(root) and place.is_file()
    except OSError:
        is_own = False
    if not is_own:
        raise NotThereError(
            f"The file of item {item.id} isn't there any more. Index the folder again."
        )
    return path


def located(served: Served, number: int) -> Place:
    """Where the picture of an item is. Raises `NotThereError`, and `MediaError` if it has none."""
    item = item_of(served, number)
    page, span = locators.page(item.locator), locators.span(item.locator)
    found = shown_at(file_of(served, item), item.modality, item.kind, page=page, span=span)
    if found is None:
        raise MediaError(f"Item {number} has no picture: it is a {item.kind}.")
    return found


def like(served: Served, item: Item) -> QueryPart:
    """What asks for things like an item: its picture, or its text where it has none.

    Raises as `located` does.
    """
    if item.text is not None and item.kind not in ("caption", "ocr"):
        return QueryPart(item.text)
    return QueryPart(located(served, item.id), Modality.IMAGE)
