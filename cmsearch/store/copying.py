"""Copying a store to another place, while others may write it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cmsearch.common.arguments import checked_path
from cmsearch.common.files import create_file, creating, folder_beside, give_name, open_file
from cmsearch.errors import StoreError
from cmsearch.store import publication, remote
from cmsearch.store.catalog import files, health, moving
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.catalog.writer import Writer
from cmsearch.store.index import plugins, snapshot
from cmsearch.store.index.address import is_address
from cmsearch.store.index.manifest import DERIVED, Manifest, sealed
from cmsearch.store.store import CATALOG, DIRECTORY, Store, find
from cmsearch.types import Progress

FILE = ".db"
"""How the name of a copy ends that is one file."""
_BLOCK = 2**20
_UNFINISHED = "catalog.part"  # in which nothing looks for a store

Tell = Callable[[Progress], object]


@dataclass(frozen=True, slots=True)
class Copied:
    """A copy that was made: where it is, of which folder, how many items it has, and its bytes."""

    copy: Path
    folder: Path
    items: int
    bytes: int


def open_original(place: Path) -> Store:
    """The store that is at or in `place` itself; raises `StoreError` for one that isn't trusted.

    A copy of it would be the user's own, and believed.
    """
    found = find(place)
    if found not in (place, place / DIRECTORY):
        raise StoreError(
            f"There is no index in {place}, only above it, in {found}. Name that if you mean it."
        )
    store = Store(found)
    if store.strange is not None:
        store.close()
        raise StoreError(f"A copy of {found} would count as your own. {store.strange}")
    return store


def copy(store: Store, to: Path, tell: Tell = lambda event: None) -> Copied:
    """Copy one committed state of a store to a new directory, or to a file called `….db`.

    A directory is a store of the same folder, with its derived files; a file is its catalog alone.
    Either is built beside its place and renamed, so there is a whole one or none. Raises
    `StoreError` for a place where something is, or where none can be made, and `QueryError` for
    what is no place.
    """
    _check(store, to)
    is_file = to.suffix.lower() == FILE
    try:
        with folder_beside(to, 0o700) as folder:
            copied = _fill(store, folder, is_file, tell)
            size = sum(path.stat().st_size for path in folder.iterdir())
            give_name(folder / CATALOG if is_file else folder, to)
    except StoreError as error:  # of the unfinished copy, which has no name that anybody knows
        raise StoreError(f"{store.name} can't be copied to {to}. {error}") from error
    except FileExistsError as error:
        raise _taken(to) from error
    except OSError as error:
        raise StoreError(
            f"{to} can't be written: {error.strerror}. Make room or name another place, and run "
            "the command again."
        ) from error
    return Copied(to.resolve(), store.root.resolve(), copied, size)


def copy_to_server(store: Store, to: Path, tell: Tell = lambda event: None) -> Copied:
    """Copy one committed state of a store into the database that the folder `to` stands for, by one
    transaction. Raises `StoreError` where something is in it.
    """
    catalog = Catalog(to / CATALOG, url=remote.url_at(to / CATALOG))
    try:
        if catalog.root() is not None or catalog.generations():
            raise StoreError(
                f"There is an index in {remote.name_of(to)} already. Name another database."
            )
        moving.move(
            store.catalog,
            catalog,
            store.origin,
            lambda done, total: tell(Progress("copy", done, total)),
        )
        with catalog.writing() as writer:
            _leave_server(catalog, writer)
        health.shrink(catalog)  # which counts what a server plans by
        count = sum(files.counts(catalog).values())
        return Copied(to, store.root.resolve(), count, catalog.stamp()[0])
    finally:
        catalog.close()


def _check(store: Store, to: Path) -> None:
    """Raise `StoreError` for a place that is the store, lies in its folder, or is taken."""
    checked_path(to, "The place of a copy")
    try:
        place = to.parent.resolve() / to.name
        taken = os.path.lexists(to)
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links
        reason = getattr(error, "strerror", None) or "it is a loop of links"
        raise StoreError(f"{to} can't be looked at: {reason}. Name another place.") from error
    if place == store.path.resolve():
        raise StoreError(f"{to} is the index itself. Name another place for the copy.")
    for around in (store.path.resolve(), store.root.resolve()):
        if place.is_relative_to(around):
            raise StoreError(
                f"{to} lies in {around}, and would be lost with what it is a copy of. Name a place "
                "outside."
            )
    if taken:
        raise _taken(to)


def _taken(to: Path) -> StoreError:
    return StoreError(f"{to} is there already. Give another name, or delete it.")


def _fill(store: Store, folder: Path, is_file: bool, tell: Tell) -> int:
    """Copy the catalog, and lay its vectors out unless it `is_file`; gives its number of items."""
    made = folder / _UNFINISHED
    moving.copy(store.catalog, made, lambda done, total: tell(Progress("copy", done, total)))
    catalog = Catalog(made)
    try:
        with catalog.writing() as writer:
            writer.put_root(store.origin)
            if is_file:
                writer.put_snapshots([])
            _leave_server(catalog, writer)
        if not is_file:
            _lay_out(catalog, folder, store.path, tell)
        count = sum(files.counts(catalog).values())
    finally:
        catalog.close()
    give_name(made, folder / CATALOG)
    return count


def _leave_server(catalog: Catalog, writer: Writer) -> None:
    """Let a copy know of no server of vectors: what lies there is the original's."""
    writer.put_served_vectors([])
    if is_address(publication.index_name(catalog)):
        writer.put_index(plugins.DEFAULT)


def _lay_out(catalog: Catalog, folder: Path, original: Path, tell: Tell) -> None:
    """Give a copied catalog its derived files: the original's, or where they don't do new ones."""
    served = catalog.space()
    if served is None:
        return
    manifest = publication.published(catalog, original, served[0])
    if manifest is not None and _take_over(manifest, original, folder, tell):
        return
    written = publication.counting("publish", catalog, served[0], tell)
    publication.write(catalog, folder, served, None, tell=written)


def _take_over(manifest: Manifest, original: Path, folder: Path, tell: Tell) -> bool:
    """Copy the files of a publication, the manifest last; False if they aren't there and whole.

    Publishing deletes files, so they may go while they are copied.
    """
    names = [file.name for file in manifest.files]
    if not all(DERIVED.fullmatch(name) for name in names):
        return False
    for done, name in enumerate(names):
        tell(Progress("copy files", done, len(names)))
        try:
            source = open_file(original / name, follow=False)
        except OSError:
            return False
        with source, creating(folder / name) as file:
            shutil.copyfileobj(source, file, _BLOCK)
    if not snapshot.are_whole(folder, manifest):
        return False
    create_file(folder / f"manifest-{manifest.snapshot}.json", sealed(manifest).encode())
    tell(Progress("copy files", len(names), len(names)))
    return True
