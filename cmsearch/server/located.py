"""Items by their numbers, with their files and their pictures.

Whoever asks names an item by its number; where its file is comes from the catalog alone.
"""

# Tested by tests/e2e/server/test_items.py

from __future__ import annotations

import os
from pathlib import Path

from cmsearch.common import locators
from cmsearch.errors import MediaError
from cmsearch.media.thumbnails import shown_at
from cmsearch.search.query import feedback
from cmsearch.server.errors import NotThereError
from cmsearch.server.stores import Served
from cmsearch.store.catalog import items
from cmsearch.store.catalog.given import described, items_now
from cmsearch.types import Item, Modality, Place, Query


def item_of(served: Served, number: int) -> Item:
    """The item of a number. Raises `NotThereError`."""
    found = items.numbered(served.engine.store.catalog, [number]).get(number)
    if found is None:
        raise NotThereError(
            f"There is no item {number} in {served.name}; it may have been deleted."
        )
    return found


def file_of(served: Served, item: Item) -> Path:
    """The file of what an item is of: its own, or that of the picture that it describes.

    Raises `NotThereError` for one that isn't there, or leads out of the store's folder, and
    `NotTrustedError` where that may be any folder.
    """
    served.check_trusted()
    path = served.engine.store.absolute(item.about or item.path)
    try:
        is_own = is_within(served, path) and path.is_file()
    except OSError:
        is_own = False
    if not is_own:
        raise NotThereError(
            f"The file of item {item.id} isn't there any more. Index the folder again."
        )
    return path


def is_within(served: Served, path: Path) -> bool:
    """Whether a path leads to what is in the store's folder, if it is there, through all links."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(served.root))


def located(served: Served, number: int) -> Place:
    """Where the picture of an item is. Raises `NotThereError`, and `MediaError` if it has none."""
    return picture_of(served, item_of(served, number))


def picture_of(served: Served, item: Item) -> Place:
    """Likewise of an item that is known."""
    page, span = locators.page(item.locator), locators.span(item.locator)
    found = shown_at(file_of(served, item), item.modality, item.kind, page=page, span=span)
    if found is None:
        raise MediaError(f"Item {item.id} has no picture: it is a {item.kind}.")
    return found


def like(served: Served, item: Item, target: str | None = None) -> tuple[Query, str]:
    """What asks for things like an item, without itself, and for which target: by default pictures,
    or anything for a text. Where that is anything, all is left out that is of its file or about it.

    Raises as `located` does.
    """
    part = feedback.like(item, lambda: picture_of(served, item))
    wanted = target or ("image" if part.modality is Modality.IMAGE else "any")
    own, catalog = {item.id}, served.engine.store.catalog
    if wanted == "any":
        own |= items_now(catalog, described(catalog, own, as_things=True), as_things=True)
    return Query((part,), left_out=frozenset(own)), wanted
