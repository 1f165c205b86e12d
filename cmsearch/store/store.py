"""A store: the catalog of a folder, and the indexes that are derived from it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path

import sqlalchemy as sa

from cmsearch.common.text import native, storable
from cmsearch.errors import (
    StoreError,
    StoreMismatchError,
    StoreReadOnlyError,
)
from cmsearch.store import locating, making, object_files, publication, remote, trust
from cmsearch.store.catalog import postgres_locks
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.store.index import manifest as manifests
from cmsearch.store.lock import lock
from cmsearch.store.object_places import address_of, is_url, path_at, recorded, url_of
from cmsearch.store.view import View, Views
from cmsearch.types import Space

log = logging.getLogger("cmsearch")
DIRECTORY = locating.DIRECTORY
CATALOG = locating.CATALOG
find = locating.find
_PUBLISHING = 600.0  # seconds that another process of this machine may take for the same files


class Store:
    """An open store. Reading is safe from threads; `close` it, or use it in a `with` block.

    One that `is_beside` lies in the folder that it is of; any other only says which that is, by its
    `url` where it is in object storage. One of another user is only read, unless it is `trusted`;
    `strange` says why, see `trust.admit`.
    """

    def __init__(
        self,
        path: Path,
        root: Path | None = None,
        *,
        trusted: bool = False,
        is_found: bool = False,
    ) -> None:
        """Open the store in the directory `path`, making one for the folder `root` if given."""
        self.path = path
        self._trusted = trusted
        if not os.path.lexists(path / CATALOG):
            if root is None:
                raise locating.not_found(path)
            trust.admit_place(path, trusted=trusted)
            making.make(path, root)
        self.strange = trust.admit(path / CATALOG, trusted=trusted, is_found=is_found)
        self.read_only = self.strange is not None or not os.access(path, os.W_OK)
        url = remote.url_at(path / CATALOG)
        # It makes no file: another process may be about to put the whole one in this place.
        make = url is not None and root is not None
        self.catalog = Catalog(path / CATALOG, read_only=self.read_only, make=make, url=url)
        self._place = path.resolve()  # the process may go to another folder
        noted = self.catalog.root()
        self.url = None if noted is None else url_of(path_at(native(noted)))
        self.is_beside = self._place.name == DIRECTORY and self.url is None
        self.root = self._place.parent if self.is_beside else self._recorded_root(root)
        self._views = Views(self.catalog, self._place, path)
        self._is_fetched = not self.is_remote
        if url_of(self.root) is not None and self.has_own_media:
            object_files.let(self.root)

    @property
    def space(self) -> Space | None:
        """The space that it serves; None while nothing was indexed."""
        found = self.catalog.space()
        return found and found[1]

    @property
    def origin(self) -> str:
        """What a catalog notes of the folder that it is of: its URL, or where it is now."""
        return self.url or recorded(self.root)

    @property
    def has_own_media(self) -> bool:
        """Whether the files that it is of are read for its sake: they lie around it, or the user
        trusts it. Any other may come from somebody else, and name any folder as its own.
        """
        is_named = (self.is_remote or self.url is not None) and remote.own_root() is not None
        return self.is_beside or is_named or self._trusted or trust.is_trusted(self._place)

    @property
    def name(self) -> str:
        """What it is called: its directory, or the URL of the server that has its catalog."""
        return remote.name_of(self.path)

    @property
    def is_remote(self) -> bool:
        """Whether its catalog is on a server."""
        return self.catalog.url is not None

    def close(self) -> None:
        """Release the files."""
        self.catalog.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def check_root(self, folder: Path) -> None:
        """Raise `StoreMismatchError` if the store is of another folder."""
        if self.origin != recorded(folder):
            raise StoreMismatchError(
                f"{self.name} is the index of {self.url or self.root}, not of "
                f"{address_of(folder)}. Name another place with --store DIR."
            )

    def absolute(self, path: str) -> Path:
        """Where an asset is; raises `StoreError` for a path that leaves the root."""
        self.check(path)
        return self.root / native(path)

    def check(self, path: str) -> None:
        """Raise `StoreError` for a path that leaves the root."""
        relative = native(path)
        if relative.startswith("/") or ".." in relative.split("/"):
            raise StoreError(f"The store {self.name} names a file outside its folder: {path!r}.")

    def names_of(self, path: str | Path) -> list[str]:
        """What the catalog may call a file or folder: as it was named, or with links followed."""
        place = Path(path)
        found = []
        for candidate in (place.absolute(), place.parent.resolve() / place.name, place.resolve()):
            for root in (self.root, self.root.resolve()):
                if candidate.is_relative_to(root):
                    with suppress(ValueError):  # a name that was not indexed either
                        found.append(storable(candidate.relative_to(root).as_posix()))
        return list(dict.fromkeys(found))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be a writer: of a folder the only one, on a server one of any number, which come in turn,
        each transaction by itself. Raises `StoreLockedError` where another process doesn't let one.

        The lock of a process that has died is freed by the operating system, or by the server.
        """
        with self._held(postgres_locks.beside_others):
            yield

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be the only writer, on a server too; raises `StoreLockedError` where another one is."""
        with self._held(postgres_locks.alone):
            yield

    @contextmanager
    def _held(self, on_server: Callable[[sa.URL], AbstractContextManager[None]]) -> Iterator[None]:
        if self.read_only:
            raise StoreReadOnlyError(self.path, self.strange)
        url = self.catalog.url
        with lock(self._place, timeout=0) if url is None else on_server(url):
            yield

    @contextmanager
    def publishing(self) -> Iterator[None]:
        """Be the one that writes the derived files, which a folder's writer is already."""
        with lock(self._place, timeout=_PUBLISHING) if self.is_remote else nullcontext():
            yield

    def view(self) -> View:
        """What it shows now, or in the `reading` that this thread is in.

        Raises `StoreError` where nothing is indexed.
        """
        if not self._is_fetched:
            self._fetch()
        return self._views.view()

    @contextmanager
    def reading(self) -> Iterator[View]:
        """The view of one committed state, which is what this thread reads of the catalog within.

        Others may read and write meanwhile. Raises `StoreError` where nothing is indexed.
        """
        if not self._is_fetched:
            self._fetch()
        with self._views.reading() as view:
            yield view

    def snapshot(self) -> int:
        """The number of the newest publication; 0 before the first."""
        manifest = manifests.newest(self._place)
        return manifest.snapshot if manifest else 0

    def published(self, space: int) -> manifests.Manifest | None:
        """The newest manifest, if it is of this space of this catalog."""
        return publication.published(self.catalog, self._place, space)

    def publish(self) -> None:
        """Lay the catalog's vectors out in files, unless few rows changed since the last time, and
        bring the server up to date that they are searched on, if they are on one.
        """
        with self.publishing():
            self._lay_out()
            self.send()

    def send(self) -> None:
        """Bring the server up to date that the vectors are searched on, if they are on one."""
        url = self.catalog.url  # where other machines may be at it
        with nullcontext() if url is None else postgres_locks.sending(url):
            publication.send(self.catalog, self._place)

    def _lay_out(self) -> None:
        with self.catalog.reading() if self.is_remote else nullcontext():
            publication.publish(self.catalog, self._place)

    def _fetch(self) -> None:
        """Lay the vectors of a server out in files, where this machine has none of them yet."""
        self._is_fetched = True
        served = self.catalog.space()
        if served is None or self.published(served[0]) is not None:
            return
        try:
            with self.publishing():
                self._lay_out()
        except StoreReadOnlyError as error:
            log.warning("The vectors are read from the server at each start: %s", error)

    def disown_files(self) -> None:
        """Let the derived files count as those of another catalog, so that they are made anew."""
        with self.catalog.writing() as writer:
            writer.put_snapshots([])
            writer.put_served_vectors(self.catalog.served_vectors()[:1])

    def _recorded_root(self, new: Path | None) -> Path:
        root = self.catalog.root()
        if (self.is_remote or is_url(root)) and (own := remote.own_root()) is not None:
            return own
        if root is None and new is not None and self.is_remote:
            root = recorded(new)
            with self.catalog.writing() as writer:
                writer.put_root(root)
        if root is None:
            raise StoreError(f"The store {self.name} doesn't say which folder it is of.")
        return path_at(native(root))


def open_at(start: Path, *, trusted: bool = False) -> Store:
    """The store that is at, in, or above `start`; `trusted` as in `Store`."""
    place = find(start)
    return Store(place, trusted=trusted, is_found=place not in (start / DIRECTORY, start))
