"""A word about what was asked, where something else was probably meant."""

# Tested by tests/unit/cmsearch/commands/test_search.py

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from shlex import quote
from typing import Any

from cmsearch.common.kinds import PICTURES, FileKind
from cmsearch.common.text import printable


def path_hint(text: Any) -> str:
    """How to search with the picture or the recording whose path a text is; else nothing."""
    if not isinstance(text, str) or Path(text).suffix in ("", "."):
        return ""
    with suppress(OSError, ValueError, RuntimeError):  # too long for a name, or a home of nobody
        if Path(text).expanduser().is_file() and (option := _option(text)):
            shown = quote(printable(text))
            return f"To search with what is in that file: cmsearch search {option} {shown}"
    return ""


def _option(path: str) -> str:
    """The option that takes such a file; nothing for others."""
    from cmsearch.media.readers import kind_at

    kind = kind_at(path)
    if kind is FileKind.RECORDING:
        return "--voice"
    return "--image" if kind in PICTURES else ""
