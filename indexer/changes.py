"""Comparing a folder with the catalog: what is new, changed, gone, or as it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cmsearch.catalog import file_digest
from cmsearch.types import Asset, Skipped
from indexer.scan import Found


@dataclass(frozen=True, slots=True)
class Changes:
    """The files to read, the number of those as before, and the paths that are gone.

    `moved` has the old path of each file that is at a new one with the same content.
    `skipped` are files that could not be read the last time and haven't changed since.
    """

    added: Sequence[Found]
    changed: Sequence[Found]
    unchanged: int
    removed: Sequence[str]
    skipped: Sequence[Skipped]
    moved: Mapping[str, Found] = field(default_factory=dict)


def compare(
    files: Sequence[Found], assets: Mapping[str, Asset], unread: Sequence[Skipped] = ()
) -> Changes:
    """What happened since the catalog last saw the files; only their `stat` is looked at.

    What is `unread`, a file or a folder with a slash at its end, is not gone.
    """
    added, changed, skipped = [], [], []
    unchanged = 0
    for file in files:
        asset = assets.get(file.path)
        if asset is None:
            added.append(file)
        elif _seen(file) != _seen(asset):
            changed.append(file)
        elif asset.error is not None:
            skipped.append(Skipped(file.path, asset.error))
        else:
            unchanged += 1
    hidden = {one.path for one in unread}
    folders = tuple(path for path in hidden if path.endswith("/"))
    gone = assets.keys() - {file.path for file in files} - hidden
    removed = sorted(path for path in gone if not path.startswith(folders))
    return Changes(added, changed, unchanged, removed, skipped)


def find_moved(folder: Path, changes: Changes, assets: Mapping[str, Asset]) -> dict[str, Found]:
    """The added files whose content is that of one that is gone, by the path that it had.

    Only files of the size and kind of one that is gone are read.
    """
    gone: dict[tuple[int, str, str | None], list[str]] = {}
    for path in changes.removed:
        asset = assets[path]
        if asset.error is None and asset.mtime_ns is not None:
            gone.setdefault((asset.size, asset.kind, asset.digest), []).append(path)
    sizes = {key[:2] for key in gone}
    moved: dict[str, Found] = {}
    for file in changes.added:
        if (file.size, file.kind) in sizes:
            paths = gone.get((file.size, file.kind, _digest(folder / file.path)))
            if paths:
                moved[paths.pop(0)] = file
    return moved


def _digest(path: Path) -> str | None:
    try:
        return file_digest(path)
    except OSError:  # it will be reported when it is read
        return None


def _seen(file: Found | Asset) -> tuple[object, ...]:
    return file.size, file.mtime_ns, file.kind, file.about
