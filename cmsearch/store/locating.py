"""Where the store of a folder is."""

# Tested by tests/unit/cmsearch/store/test_store.py

from __future__ import annotations

import os
from pathlib import Path

from cmsearch.common.arguments import checked_path
from cmsearch.errors import StoreError, StoreNotFoundError

DIRECTORY = ".cmsearch"
CATALOG = "catalog.db"


def find(start: Path) -> Path:
    """The directory of the store that is at, in, or above `start`."""
    checked_path(start, "The place of an index")
    try:
        for folder in (start, *start.resolve().parents):
            if os.path.lexists(folder / DIRECTORY / CATALOG):
                return folder / DIRECTORY
            if (folder / CATALOG).is_file():  # another program may have a folder of that name
                return folder
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links
        reason = getattr(error, "strerror", None) or "it is a loop of links"
        raise StoreError(
            f"{start} can't be looked into: {reason}. Name the index with --store DIR."
        ) from error
    raise not_found(f"{start} or above it")


def not_found(place: object) -> StoreNotFoundError:
    """What is raised where no store is."""
    return StoreNotFoundError(
        f"There is no index in {place}. Make one with `cmsearch index FOLDER`."
    )
