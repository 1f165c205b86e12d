"""Making the directory of a store, and being the only one that writes it."""

# Tested by tests/unit/cmsearch/store/test_store.py

from __future__ import annotations

import os
from pathlib import Path

from cmsearch.common.files import new_file, unused
from cmsearch.errors import StoreError, StoreReadOnlyError
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.catalog.sqlite_journals import BESIDE
from cmsearch.store.locating import CATALOG
from cmsearch.store.lock import lock
from cmsearch.store.object_places import recorded


def make(path: Path, root: Path) -> None:
    """Make the directory of a store, and in it an empty catalog of the folder `root`."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"The directory {path} can't be made ({error.strerror}). Name another place for the "
            "index with --store DIR."
        ) from error
    if not os.access(path, os.W_OK):
        raise StoreReadOnlyError(path)
    with lock(path, timeout=10):
        if os.path.lexists(path / CATALOG):
            return
        beside = unused(path)
        new_file(beside).close()
        catalog = Catalog(beside)
        with catalog.writing() as writer:
            writer.put_root(recorded(root))
        catalog.close()
        # To another catalog those of one that was deleted alone do harm.
        _delete(*(path / f"{CATALOG}{end}" for end in BESIDE))
        beside.replace(path / CATALOG)


def _delete(*paths: Path) -> None:
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:  # a folder
            raise StoreError(f"{path} can't be deleted: {error.strerror}. Delete it.") from error
