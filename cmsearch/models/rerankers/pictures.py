"""The pictures of candidates, read from their files anew for models that look at them."""

# Tested by tests/unit/cmsearch/models/rerankers/test_itm.py

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from cmsearch.errors import MediaError
from cmsearch.media.readers import make_reader, names_by_suffix, parts
from cmsearch.protocols import Placed, Reader
from cmsearch.types import Item, Part, Reading

log = logging.getLogger("cmsearch")


class Pictures:
    """Reads the pictures of items at about a size. Safe from threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._readers: dict[str, Reader] = {
            suffix: make_reader(name) for suffix, name in names_by_suffix().items()
        }

    def of(self, item: Item, path: Path) -> Any:
        """The picture of an item in the file at a path, upright and RGB; None, which is logged, if
        it can't be read any more.
        """
        try:
            reader = self._readers.get(path.suffix.lower())
            if reader is None:
                raise MediaError("no reader takes files of this kind")
            if isinstance(reader, Placed) and item.locator:
                return reader.picture(path, 2 * self._size, item.locator)
            for part in parts(reader, path, Reading(self._size)):
                if isinstance(part, Part) and _is_of(part, item):
                    return part.content
            raise MediaError("the picture is no longer in the file")
        except MediaError as error:
            log.warning("%s is not reranked: %s.", path, error)
            return None


def _is_of(part: Part, item: Item) -> bool:
    return part.modality is item.modality and part.locator == item.locator
