"""What happened to a folder since its catalog last saw it, and letting the catalog follow."""

# Tested by tests/unit/indexer/test_indexer.py

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from cmsearch.errors import StoreError
from cmsearch.store.catalog import files as indexed
from cmsearch.store.store import Store
from cmsearch.types import Asset, Generation, Skipped
from indexer.changes import Changes, compare, find_moved, moved_asset
from indexer.scan import Found


class Seen(NamedTuple):
    """What a scan saw of a folder: its files, and what could not be looked at."""

    folder: Path
    files: Sequence[Found]
    unread: Sequence[Skipped]


def settled(store: Store, target: Generation | None, seen: Seen) -> Changes:
    """What is to be read, after the catalog has followed what was moved or is gone."""
    assets = indexed.assets(store.catalog)
    first = compared(store, target, assets, seen)
    if not first.removed and not first.moved:
        return first
    _follow(store, assets, first)
    again = compared(store, target, assets, seen)
    read = {file.path for file in (*again.changed, *again.lacking)}
    kept = [file for file in first.moved.values() if file.path not in read]
    unchanged = again.unchanged - len(kept)
    return replace(again, unchanged=unchanged, removed=first.removed, moved=first.moved)


def compared(
    store: Store, target: Generation | None, assets: Mapping[str, Asset], seen: Seen
) -> Changes:
    """What happened to the files since the last run, when the catalog had these assets.

    Raises `StoreError` where all are gone.
    """
    lacking = indexed.lacking(store.catalog, target.space_id if target else 0)
    sounds = store.catalog.sound_space()
    if sounds is not None:
        lacking |= indexed.lacking_sounds(store.catalog, sounds[0])
    unhashed = indexed.unhashed(store.catalog)
    changes = compare(seen.files, assets, seen.unread, lacking=lacking, unhashed=unhashed)
    if not changes.removed:
        return changes
    if not seen.files:
        raise StoreError(
            f"None of the {len(assets)} files that were indexed is in {seen.folder} any more. "
            "If its drive is not mounted, mount it and run the command again; if they were "
            f"deleted, delete the index too: {store.path}."
        )
    moved = find_moved(seen.folder, changes, assets)
    places = {file.path for file in moved.values()}
    return replace(
        changes,
        added=[file for file in changes.added if file.path not in places],
        removed=[path for path in changes.removed if path not in moved],
        moved=moved,
    )


def _follow(store: Store, assets: dict[str, Asset], changes: Changes) -> None:
    """Let the catalog, and the assets that were read of it, follow what was moved or is gone."""
    snapshot = store.snapshot()

    def read_again(paths: frozenset[str]) -> None:
        assets.update({path: replace(assets[path], mtime_ns=None) for path in paths})

    with store.catalog.writing() as writer:
        for path, file in changes.moved.items():
            moved = moved_asset(assets.pop(path), file, changes.moved)
            assets[moved.path] = moved
            read_again(writer.move_asset(path, moved))
        for path in changes.removed:
            del assets[path]
            read_again(writer.remove_asset(path, snapshot) & assets.keys())
