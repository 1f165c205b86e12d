"""Items by their numbers, with their files and their pictures.

Whoever asks names an item by its number; where its file is comes from the catalog alone.
"""

# Tested by tests/e2e/server/test_items.py

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from cmsearch.common import locators
from cmsearch.errors import CmsearchError, MediaError
from cmsearch.media.thumbnails import shown_at
from cmsearch.search.query import feedback
from cmsearch.server.errors import NotThereError
from cmsearch.server.stores import Served
from cmsearch.store.catalog import items
from cmsearch.store.catalog.given import described, items_now
from cmsearch.store.object_files import bring, is_let
from cmsearch.types import Item, Modality, Place, Query


class Folder:
    """The folder of a store during one request, in which the files of many items are found: what
    it is through all links is looked up once.
    """

    def __init__(self, served: Served) -> None:
        self._served = served
        self._root = os.path.realpath(served.root).rstrip(os.sep) + os.sep

    def holds(self, path: Path) -> bool:
        """Whether a path leads to what is in the folder, if it is there, through all links."""
        return (os.path.realpath(path) + os.sep).startswith(self._root)

    def file_of(self, item: Item) -> Path:
        """The file of what an item is of: its own, or that of the picture that it describes. One in
        object storage may have to be brought yet.

        Raises `NotThereError` for one that isn't there, or leads out of the folder, and
        `NotTrustedError` where that may be any folder.
        """
        self._served.check_trusted()
        path = self._served.engine.store.absolute(item.about or item.path)
        try:
            is_own = self.holds(path) and (is_let(path) or path.is_file())
        except OSError:
            is_own = False
        if not is_own:
            bring(path)
            raise NotThereError(
                f"The file of item {item.id} isn't there any more. Index the folder again."
            )
        return path

    def here(self, item: Item) -> Path:
        """The same, brought. Raises as `file_of`, and `MediaError` where it can't be fetched."""
        path = self.file_of(item)
        bring(path)
        return path

    def picture_of(self, item: Item) -> Place:
        """Where the picture of an item is. Raises as `file_of`, and `MediaError` if it has none."""
        page, span = locators.page(item.locator), locators.span(item.locator)
        found = shown_at(self.file_of(item), item.modality, item.kind, page=page, span=span)
        if found is None:
            raise MediaError(f"Item {item.id} has no picture: it is a {item.kind}.")
        return found


def item_of(served: Served, number: int) -> Item:
    """The item of a number. Raises `NotThereError`."""
    found = items.numbered(served.engine.store.catalog, [number]).get(number)
    if found is None:
        raise NotThereError(
            f"There is no item {number} in {served.name}; it may have been deleted."
        )
    return found


def file_of(served: Served, item: Item) -> Path:
    """The file of an item, which is here. Raises as `Folder.here`."""
    return Folder(served).here(item)


def files_of(served: Served, numbers: Sequence[int]) -> list[tuple[Item, Path]]:
    """The items of numbers whose files are there, each with its file. Raises `NotTrustedError`."""
    served.check_trusted()
    known = items.numbered(served.engine.store.catalog, numbers)
    folder, found = Folder(served), []
    for item in (known[number] for number in dict.fromkeys(numbers) if number in known):
        with suppress(CmsearchError):  # deleted meanwhile
            found.append((item, folder.here(item)))
    return found


def located(served: Served, number: int) -> Place:
    """Where the picture of an item is, whose file is here. Raises `NotThereError`, and `MediaError`
    if it has none, or can't be fetched.
    """
    place = Folder(served).picture_of(item_of(served, number))
    bring(place.path)
    return place


def like(served: Served, item: Item, target: str | None = None) -> tuple[Query, str]:
    """What asks for things like an item, without itself, and for which target: by default pictures,
    or anything for a text. Where that is anything, all is left out that is of its file or about it.

    Raises as `located` does.
    """
    part = feedback.like(item, lambda: Folder(served).picture_of(item))
    wanted = target or ("image" if part.modality is Modality.IMAGE else "any")
    own, catalog = {item.id}, served.engine.store.catalog
    if wanted == "any":
        own |= items_now(catalog, described(catalog, own, as_things=True), as_things=True)
    return Query((part,), left_out=frozenset(own)), wanted
