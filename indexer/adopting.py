"""Pictures that were imported become those of the folder when the indexer first reads their files.

An import reads no file, so it can't know the digests by which items are known again. It notes the
size and the time of each file, and what is still so has the picture that was encoded elsewhere.
"""

# Tested by tests/unit/indexer/importing/test_importer.py

from __future__ import annotations

import re
from pathlib import Path

from cmsearch.common.digest import file_digest
from cmsearch.common.text import native
from cmsearch.store.catalog.additions import AWAITED
from cmsearch.store.catalog.awaited import waiting
from cmsearch.store.catalog.catalog import Catalog
from indexer.read import item_digest
from indexer.scan import Found

_CLOSE = 1_000
"""Nanoseconds by which a time that others wrote as a fraction of seconds may differ."""
_NOTED = re.compile(rf"{AWAITED}(-|\d{{1,19}}) (-|-?\d{{1,19}}) .*", re.ASCII | re.DOTALL)


def awaited(size: int | None, mtime_ns: int | None, kind: str, locator: str) -> str:
    """The digest of an item until its file is read, which was of this size and time; None where
    nobody knows.
    """
    noted = ("-" if one is None else str(one) for one in (size, mtime_ns))
    return f"{AWAITED}{' '.join(noted)} {kind} {locator}"


def digests(catalog: Catalog, folder: Path, file: Found) -> dict[str, str]:
    """The digests of the items of a file that was not read since they were imported, by those that
    they have until then; nothing if the file isn't as it was, or can't be read.
    """
    items = [one for one in waiting(catalog, file.path) if _is_of(one.digest, file)]
    if not items:
        return {}
    try:
        content = file_digest(folder / native(file.path))
    except OSError:  # it will be reported when it is read
        return {}
    return {one.digest: item_digest(one.kind, None, content, one.locator) for one in items}


def _is_of(digest: str, file: Found) -> bool:
    """Whether the size and time that a digest notes, if any, are a file's."""
    noted = _NOTED.fullmatch(digest)
    if noted is None:
        return False
    size, mtime_ns = (None if one == "-" else int(one) for one in noted.groups())
    if size is not None and size != file.size:
        return False
    return mtime_ns is None or abs(mtime_ns - file.mtime_ns) <= _CLOSE
