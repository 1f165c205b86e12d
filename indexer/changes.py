"""Comparing a folder with the catalog: what is new, changed, gone, or as it was."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

from cmsearch.common.digest import file_digest
from cmsearch.common.kinds import FileKind
from cmsearch.media.readers import kind_of, make_reader
from cmsearch.store.catalog.skipped_lines import is_of_lines, named
from cmsearch.types import STALE, Asset, Skipped
from indexer.scan import Found
from indexer.sources import Source


@dataclass(frozen=True, slots=True)
class Changes:
    """The files to read, the number of those as before, and the paths that are gone.

    `moved` has the old path of each file that is at a new one with the same content.
    `skipped` are files, and lines of them, that could not be read the last time and haven't
    changed since, `lacking` those that are as before, but with items that the model has not
    encoded yet. Of the unchanged ones those that are `unhashed` are to be read once more, for the
    perceptual hashes of their pictures.
    """

    added: Sequence[Found]
    changed: Sequence[Found]
    unchanged: int
    removed: Sequence[str]
    skipped: Sequence[Skipped]
    moved: Mapping[str, Found] = field(default_factory=dict)
    lacking: Sequence[Found] = ()
    unhashed: Sequence[Found] = ()


_UNSEEN = (0, None)
"""Size and time of a picture that was imported while its file was away."""


def compare(
    files: Iterable[Found],
    rows: Iterable[Sequence[Any]],
    unread: Iterable[Skipped] = (),
    *,
    lacking: Container[str] = frozenset(),
    unhashed: Container[str] = frozenset(),
    outdated: Container[str] = frozenset(),
) -> Changes:
    """What happened since the catalog last saw the files; only their `stat` is looked at.

    `rows` are what `cmsearch.store.catalog.files.rows` gives, in the order of paths. Files may have
    any order; the rows between are kept for one that comes late. What is `unread`, which may be
    known only after the last file, is not gone, nor what is below it: a link whose target is not
    mounted may have led to a file or to a folder. Files of `outdated` kinds count as changed.
    """
    added, changed, skipped, again, unseen = [], [], [], [], []
    unchanged, gone = 0, dict[str, Sequence[Any]]()
    for file, row in _joined(files, rows, gone):
        if row is None:
            added.append(file)
        elif file[0] in unhashed and row[1:4] == (file[1], *_UNSEEN) and was_read(row[5]):
            unchanged += 1
            unseen.append(file)
        elif row[:5] != file or file[1] in outdated:
            changed.append(file)
        elif file[0] in lacking and was_read(row[5]):
            again.append(file)
        else:
            skipped += named(file[0], row[5])
            unchanged += was_read(row[5])
            if file[0] in unhashed and was_read(row[5]):
                unseen.append(file)
    hidden = {one.path.rstrip("/") for one in unread}
    removed = sorted(path for path in gone if not is_below(path, hidden))
    return Changes(
        added, changed, unchanged, removed, skipped, lacking=tuple(again), unhashed=tuple(unseen)
    )


def _joined(
    files: Iterable[Found], rows: Iterable[Sequence[Any]], others: dict[str, Sequence[Any]]
) -> Iterator[tuple[Found, Sequence[Any] | None]]:
    """Each file with its row, if it has one; rows without a file are left among the `others`."""
    rest = iter(rows)
    row = next(rest, None)
    for file in files:
        path = file[0]
        while row is not None and row[0] < path:
            others[row[0]] = row
            row = next(rest, None)
        if row is not None and row[0] == path:
            yield file, row
            row = next(rest, None)
        else:
            yield file, others.pop(path, None)
    while row is not None:
        others[row[0]] = row
        row = next(rest, None)


def find_moved(source: Source, changes: Changes, assets: Mapping[str, Asset]) -> dict[str, Found]:
    """The added files whose content is that of one that is gone, by the path that it had.

    Only files of the size and kind of one that is gone are read.
    """
    gone: dict[tuple[int, str, str | None], list[str]] = {}
    for path in changes.removed:
        asset = assets[path]
        if was_read(asset.error) and asset.digest and asset.mtime_ns not in (None, STALE):
            gone.setdefault((asset.size, asset.kind, asset.digest), []).append(path)
    sizes = {key[:2] for key in gone}
    moved: dict[str, Found] = {}
    for file in changes.added:
        if (file.size, file.kind) in sizes:
            paths = gone.get((file.size, file.kind, _digest(source, file.path)))
            if paths:
                moved[paths.pop(0)] = file
    return moved


def moved_asset(asset: Asset, file: Found, moved: Mapping[str, Found]) -> Asset:
    """The asset at its new place, to be read again where its captions may be of other pictures."""
    picture = moved.get(asset.about or "")
    parted = file.about is not None and (picture is None or picture.path != file.about)
    is_table = kind_of(make_reader(file.kind)) is FileKind.CAPTIONS
    mtime_ns = None if is_table or parted else file.mtime_ns
    return replace(asset, path=file.path, mtime_ns=mtime_ns, about=file.about)


def is_below(path: str, places: Set[str]) -> bool:
    """Whether a path is among `places`, or one of the folders that it is in."""
    if not places:
        return False
    return path in places or any(str(folder) in places for folder in PurePosixPath(path).parents)


def was_read(error: str | None) -> bool:
    """Whether the file could be read, if perhaps not every line of it."""
    return error is None or is_of_lines(error)


def _digest(source: Source, path: str) -> str | None:
    try:
        with source.here(path) as place:
            return file_digest(place)
    except OSError:  # it will be reported when it is read
        return None
