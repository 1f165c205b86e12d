"""Walking a folder of object storage, as `indexer.walk` walks one of this machine."""

# Tested by tests/unit/indexer/test_object_walk.py

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from cmsearch.common.text import storable
from cmsearch.errors import StoreNotFoundError
from cmsearch.store.object_places import address_of, is_name, url_of
from cmsearch.store.objects import Object, Objects
from cmsearch.types import Skipped
from indexer.ignoring import Ruled, Rules, is_ignored, within
from indexer.walk import (
    IGNORE_FILE,
    MAX_RULES,
    Listed,
    Walk,
    is_store,
    is_visible,
    suffix,
    unread_end,
    valid,
)


def walk_of(folder: Path, kinds: Mapping[str, str]) -> Walk | ObjectWalk:
    """The walk of a folder, wherever it is. Raises `StoreNotFoundError`."""
    url = url_of(folder)
    return Walk(folder, kinds) if url is None else ObjectWalk(folder, Objects(url), kinds)


class _Folder(NamedTuple):
    """A folder that is to be seen to: its path, with a slash behind it, and its rules."""

    path: str
    rules: Ruled


class ObjectWalk:
    """The objects of a folder whose names end as `kinds` says, as `Walk` gives files.

    Each folder is one listing, which is held whole. There are no links. Raises `StoreNotFoundError`
    where the folder itself can't be listed.
    """

    has_links = False

    def __init__(self, folder: Path, objects: Objects, kinds: Mapping[str, str]) -> None:
        self._objects = objects
        self._kinds = kinds
        self.skipped: list[Skipped] = []
        self.unread: Counter[str] = Counter()
        self._waiting: list[_Folder] = []
        try:
            self._first = objects.listed("")
        except OSError as error:
            raise StoreNotFoundError(
                f"{address_of(folder)} can't be listed: {error.strerror}. Credentials, and the "
                "address of another server, are read from the environment."
            ) from error

    def real(self) -> Iterator[Listed]:
        """The folders, each before those in it, in the order of paths."""
        listed = self._list(_Folder("", ()), self._first)
        if listed is not None:
            yield listed
        while self._waiting:
            folder = self._waiting.pop()
            try:
                listed = self._list(folder, self._objects.listed(folder.path))
            except OSError as error:
                self._skip(folder.path, f"can't be read: {error.strerror}")
                continue
            if listed is not None:
                yield listed

    def linked(self) -> Iterator[Listed]:
        """Nothing: there are no links."""
        return iter(())

    def head(self, path: str, size: int) -> bytes:
        """The first bytes of an object; raises `OSError`."""
        return self._objects.head(path, size)

    def _list(self, folder: _Folder, entries: list[Object]) -> Listed | None:
        """What is in a folder, unless that is a store; raises `OSError`."""
        names = {entry.name for entry in entries if not entry.is_folder}
        if is_store(names):
            return None
        own = self._rules(folder.path) if IGNORE_FILE in names else None
        rules = folder.rules if own is None else (*folder.rules, (own, b""))
        found, below = Listed(folder.path, [], {}), list[_Folder]()
        for entry in sorted(entries):
            if not is_name(entry.name):
                self._skip(f"{folder.path}{entry.name}/", "its name can't be that of a file")
            elif is_visible(entry.name):
                self._see(entry, folder._replace(rules=rules), found, below)
        self._waiting += sorted(below, reverse=True, key=lambda one: one.path)
        return found

    def _see(self, entry: Object, folder: _Folder, found: Listed, below: list[_Folder]) -> None:
        """Note a folder to be seen to, or an object if it can be read, unless it is left out."""
        try:
            name = storable(entry.name)
            if folder.rules and is_ignored(name, entry.is_folder, folder.rules):
                return
        except ValueError as error:
            self._skip(folder.path + entry.name, str(error))
            return
        end = suffix(name)
        kind = self._kinds.get(end) or self._kinds.get(end.lower())
        if entry.is_folder:
            below.append(_Folder(f"{folder.path}{name}/", within(folder.rules, name)))
        elif kind is not None:
            found.files.append((name, kind, entry.size, entry.mtime_ns))
        elif (other := unread_end(name)) is not None:
            self.unread[other] += 1

    def _rules(self, folder: str) -> Rules:
        data = self._objects.head(folder + IGNORE_FILE, MAX_RULES + 1)
        if len(data) > MAX_RULES:
            raise OSError(0, f"{IGNORE_FILE} in it is too large")
        try:
            return Rules(data)
        except ValueError as error:
            raise OSError(0, f"{error} ({IGNORE_FILE} in it)") from error

    def _skip(self, path: str, reason: str) -> None:
        self.skipped.append(Skipped(valid(path), valid(reason)))
