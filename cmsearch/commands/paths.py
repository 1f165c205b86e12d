"""How paths are shown to people: from the current folder on, as text that is safe to print."""

from __future__ import annotations

from pathlib import Path

from cmsearch.common.text import printable
from cmsearch.store.object_places import url_of


def shown(path: Path) -> str:
    """A path from the current folder on, if it is below that, and whole where it isn't; what is in
    object storage by its URL.
    """
    if (url := url_of(path)) is not None:
        return printable(url)
    try:
        here = Path.cwd()
    except OSError:  # the current folder was deleted
        return printable(str(path))
    return printable(str(path.relative_to(here) if path.is_relative_to(here) else path))
