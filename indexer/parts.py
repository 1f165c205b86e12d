"""Looking only where something changed in a folder, and not at all of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from cmsearch.common.text import native
from indexer.walk import IGNORE_FILE, Listed, Walk, split

MOST = 1_000
"""Paths up to which only their folders are looked at."""


class Unclear(Exception):  # noqa: N818 - it is no error
    """What changed may concern other files too, so that all have to be looked at."""


def parts(folder: Path, walk: Walk, changed: Collection[str]) -> Iterator[Listed]:
    """The folders of the files at `changed` paths, and the folders there with all in them.

    A folder is listed whole, since what lies beside a file may be about it. Raises `Unclear` for
    many paths, for the folder itself, for rules of what is ignored, and where there are links:
    which of two places a file is known by depends on all others.
    """
    names = {split(path)[1] for path in changed}
    if len(changed) > MOST or not names.isdisjoint({"", IGNORE_FILE}):
        raise Unclear
    try:
        trees = sorted(path for path in changed if (folder / native(path)).is_dir())
        for path in trees:
            yield from _part(walk, path, is_whole=True)
        for path in sorted({split(path)[0] for path in changed}):
            yield from _part(walk, path, is_whole=False)
    except OSError as error:
        raise Unclear from error


def _part(walk: Walk, path: str, *, is_whole: bool) -> Iterator[Listed]:
    for listed in walk.part(path, is_whole=is_whole):
        if walk.has_links:
            break
        yield listed
    if walk.has_links:
        raise Unclear
