"""What happened to a folder since its catalog last saw it, and letting the catalog follow."""

# Tested by tests/unit/indexer/test_indexer.py

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from cmsearch.common.kinds import SUBJECTS
from cmsearch.errors import StoreError
from cmsearch.store.catalog import files as indexed
from cmsearch.store.catalog import notes
from cmsearch.store.catalog.skipped_lines import named
from cmsearch.store.object_places import address_of
from cmsearch.store.store import Store
from cmsearch.types import Asset, Generation
from indexer.changes import Changes, compare, find_moved, is_below, moved_asset, was_read
from indexer.scan import Found, Scan, of_kinds
from indexer.sources import Source


class Seen(NamedTuple):
    """What is compared with the catalog: the files of a source, as a scan of it finds them, and the
    kinds of files that are to be read again.
    """

    source: Source
    scan: Scan
    files: Iterable[Found]
    outdated: frozenset[str] = frozenset()


class Lacking(NamedTuple):
    """The paths of files that a model has not encoded, and of those that have no hashes yet."""

    encodings: set[str]
    hashes: set[str]


@dataclass(frozen=True, slots=True)
class Compared:
    """What happened to the files; the assets of those that are gone or moved; what files lack."""

    changes: Changes
    gone: Mapping[str, Asset]
    lacking: Lacking


def compared(store: Store, target: Generation | None, seen: Seen) -> Compared:
    """What happened to the files since the last run.

    Raises `StoreError` where all are gone.
    """
    catalog, rows, lacking = store.catalog, _rows(store, seen), Lacking(set(), set())
    if seen.scan.changed is None:
        again = indexed.unhashed(catalog) | notes.unnoted(catalog)
        lacking = Lacking(_unencoded(store, target), again)
    changes = compare(
        seen.files, rows, seen.scan.skipped,
        lacking=lacking.encodings, unhashed=lacking.hashes, outdated=seen.outdated,
    )  # fmt: skip
    if not changes.removed:
        return Compared(changes, {}, lacking)
    if _are_all_gone(store, seen, changes):
        raise StoreError(
            f"None of the {indexed.count(catalog)} files that were indexed is in "
            f"{address_of(seen.source.folder)} any more. If its drive is not mounted, mount it "
            "and run the command again; if they were deleted, delete the index too: "
            f"{store.name}."
        )
    gone = {
        path: replace(asset, mtime_ns=None) if asset.kind in seen.outdated else asset
        for path, asset in indexed.assets_at(catalog, changes.removed).items()
    }
    moved = find_moved(seen.source, changes, gone)
    places = {file.path for file in moved.values()}
    changes = replace(
        changes,
        added=[file for file in changes.added if file.path not in places],
        removed=[path for path in changes.removed if path not in moved],
        moved=moved,
    )
    return Compared(changes, gone, lacking)


def settled(store: Store, seen: Seen, found: Compared) -> Changes:
    """What is to be read, after the catalog has followed what was moved or is gone."""
    changes = found.changes
    again = _waiting(store, seen, changes)
    new = of_kinds((*changes.added, *changes.moved.values()), *SUBJECTS)
    again |= notes.of_originals(store.catalog, (file[:2] for file in new))
    if changes.removed or changes.moved:
        again |= _follow(store, found)
    if not again and not changes.moved:
        return changes
    changed, lacking, unhashed = [*changes.changed], [*changes.lacking], [*changes.unhashed]
    skipped = [*changes.skipped]
    for path, file in changes.moved.items():
        asset = moved_asset(found.gone[path], file, changes.moved)
        if asset.mtime_ns is None or file.path in again:
            changed.append(file)
        elif path in found.lacking.encodings:
            lacking.append(file)
        else:
            skipped += named(file.path, asset.error)
            unhashed += [file] if path in found.lacking.hashes else []
    known = {file.path for file in (*changes.added, *changed)}
    hidden = {one.path.rstrip("/") for one in seen.scan.skipped}
    assets = indexed.assets_at(store.catalog, again - known)
    read = [file for file in present(seen.source, assets) if not is_below(file.path, hidden)]
    paths, late = {file.path for file in read}, {file.path for file in lacking}
    counted = paths - late
    if seen.scan.changed is not None:
        counted &= {file.path for file in seen.files}
    return replace(
        changes,
        changed=[*changed, *read],
        unchanged=changes.unchanged - sum(was_read(assets[one].error) for one in counted),
        skipped=[one for one in skipped if one.path not in paths],
        lacking=[file for file in lacking if file.path not in paths],
        unhashed=[file for file in unhashed if file.path not in paths],
    )


def _rows(store: Store, seen: Seen) -> Iterable[Sequence[Any]]:
    """The rows that the files are compared with: all, or those of what may have changed."""
    changed = seen.scan.changed
    if changed is None:
        return indexed.rows(store.catalog)
    return indexed.rows_near(store.catalog, [file.path for file in seen.files], changed)


def _are_all_gone(store: Store, seen: Seen, changes: Changes) -> bool:
    if seen.scan.count:
        return False
    return seen.scan.changed is None or len(changes.removed) == indexed.count(store.catalog)


def _unencoded(store: Store, target: Generation | None) -> set[str]:
    """The paths of the files of which something is not encoded."""
    found = indexed.lacking(store.catalog, target.space_id if target else 0)
    sounds = store.catalog.sound_space()
    return found if sounds is None else found | indexed.lacking_sounds(store.catalog, sounds[0])


def _waiting(store: Store, seen: Seen, changes: Changes) -> frozenset[str]:
    """Files that are read in each run, since what they are about may have come, and that this one
    hasn't looked at.
    """
    new = (*changes.added, *changes.changed, *changes.moved.values())
    if seen.scan.changed is None or not any(True for _ in of_kinds(new, *SUBJECTS)):
        return frozenset()
    return frozenset(indexed.unsettled(store.catalog))


def _follow(store: Store, found: Compared) -> frozenset[str]:
    """Let the catalog follow what was moved or is gone; the paths of what is to be read again."""
    changes, snapshot, again = found.changes, store.snapshot(), set[str]()
    with store.catalog.writing() as writer:
        for path, file in changes.moved.items():
            again.discard(path)
            again |= writer.move_asset(path, moved_asset(found.gone[path], file, changes.moved))
        for path in changes.removed:
            again |= writer.remove_asset(path, snapshot)
    return frozenset(again.difference(changes.removed))


def present(source: Source, assets: Mapping[str, Asset]) -> Iterator[Found]:
    """The files of some assets as they are now, if they are there."""
    for path, asset in sorted(assets.items()):
        try:
            size, mtime_ns = source.status(path)
        except OSError:  # it is for the next run to say
            continue
        yield Found(path, asset.kind, size, mtime_ns, asset.about)
