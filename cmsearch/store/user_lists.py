"""Lists that are the user's own, as of stores that are trusted: a file of lines each.

They are in the folder for settings, and none that a store brings. Lines that begin with # say
nothing.
"""

from __future__ import annotations

import os
from pathlib import Path

from cmsearch.common.files import read_file, replace_file
from cmsearch.errors import CmsearchError

_LARGEST = 2**20


def folder() -> Path:
    """Where the user's own settings are."""
    import platformdirs

    return Path(os.environ.get("CMSEARCH_CONFIG") or platformdirs.user_config_dir("cmsearch"))


def lines(name: str) -> list[str]:
    """What a list says; nothing where it isn't there, or can't be read."""
    stripped = (line.strip() for line in _kept(name).split("\n"))
    return [line for line in stripped if line and not line.startswith("#")]


def add(name: str, line: str, otherwise: str) -> None:
    """Put a line after those of a list.

    Raises `CmsearchError`, which says what to do `otherwise`, where it can't be written, or where
    it wouldn't be read as it is.
    """
    path, kept = folder() / name, _kept(name)
    if kept and not kept.endswith("\n"):
        kept += "\n"
    try:
        if "\n" in line or line.strip() != line:
            raise OSError(0, "its name has a line break, or a blank at an end")
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, os.fsencode(f"{kept}{line}\n"))
    except OSError as error:
        raise CmsearchError(
            f"{line} can't be remembered in {path}: {error.strerror}. {otherwise}"
        ) from error


def _kept(name: str) -> str:
    try:
        return os.fsdecode(read_file(folder() / name, _LARGEST))
    except OSError:
        return ""
