"""Which assets are where a filter's path says, by a table of them as far as that tells."""

# Tested by tests/unit/cmsearch/store/test_filtering.py

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from cmsearch.common.text import caseless
from cmsearch.store.catalog import asset_rows
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.catalog.filters import path_globs
from cmsearch.store.index.asset_table import AssetTable, suffix_of

_SPECIAL = re.compile(r"[*?[]")
_ANYWHERE = "*/"
_BELOW = "/*"


def at_path(catalog: Catalog, table: AssetTable, path: str) -> NDArray[np.bool_]:
    """Which assets of a table pass a filter's path `(n,)`.

    Their folders tell it of globs that end with `/*`, and the ends of their names of `*.jpg` and
    the like. For others SQLite looks at each path.
    """
    names = table.names
    globs = [caseless(glob) for glob in path_globs(path, is_special=names.is_special)]
    found, scanned = np.full(len(table.ids), not globs), list[str]()
    for glob in globs:
        if glob.endswith(2 * _BELOW) and glob.removesuffix(_BELOW) in globs:
            continue  # that says it too
        suffix = _suffix(glob)
        if glob.endswith(_BELOW):
            below = np.zeros(len(names.folders), bool)
            below[_folders(catalog, table, glob)] = True
            found |= below[table.folders]
        elif suffix is not None:
            found |= table.suffixes == _place(table, suffix)
        elif _is_literal(glob) and _place(table, suffix_of(glob.rpartition("/")[2])) < 0:
            continue  # nothing ends as it does
        else:
            scanned.append(glob)
    if scanned:
        ids = asset_rows.at_globs(catalog, scanned, is_ascii=names.is_ascii)
        found |= asset_rows.among(ids, table.ids)
    return found


def _folders(catalog: Catalog, table: AssetTable, glob: str) -> list[int]:
    """The places of the folders in which files are as a glob that ends with `/*` says."""
    if not _is_literal(glob.removesuffix("*")):
        return list(asset_rows.folders(catalog, table.names.folders, glob))
    folders = (f"/{caseless(name)}" for name in table.names.folders)
    if glob.startswith(_ANYWHERE):
        part = glob[1:-1]
        return [place for place, name in enumerate(folders) if part in name]
    start = glob[:-1]
    return [place for place, name in enumerate(folders) if name.startswith(start)]


def _is_literal(glob: str) -> bool:
    """Whether a glob is what it matches, but for `*/` before it."""
    return not _SPECIAL.search(glob.removeprefix(_ANYWHERE))


def _suffix(glob: str) -> str | None:
    """What the names of files end with that are as a glob says, if it asks for nothing else."""
    end = glob.removeprefix(f"{_ANYWHERE}*.")
    is_told = end != glob and end and not _SPECIAL.search(end) and not set("./") & set(end)
    return f".{end}" if is_told else None


def _place(table: AssetTable, suffix: str) -> int:
    """The place of an end of names; −2 where no name ends so."""
    suffixes = list(table.names.suffixes)
    return suffixes.index(suffix) if suffix in suffixes else -2
