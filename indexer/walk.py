"""Walking a folder: each file once, real places before links, no rule and no loop overlooked."""

# Tested by tests/unit/indexer/test_scan.py

from __future__ import annotations

import errno
import os
import re
import stat
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from cmsearch.common.files import open_file, read_file
from cmsearch.common.text import native, storable
from cmsearch.errors import StoreNotFoundError
from cmsearch.store.filesystem import is_of_system, system_folders
from cmsearch.store.lock import LOCK
from cmsearch.store.store import CATALOG
from cmsearch.types import Skipped
from indexer.ignoring import Ruled, Rules, is_ignored, within

IGNORE_FILE = ".cmsearchignore"
ALWAYS_IGNORED = frozenset(
    {"$RECYCLE.BIN", "@eaDir", "__MACOSX", "node_modules", "System Volume Information"}
)
_CLUTTER = frozenset({"desktop.ini", "ehthumbs.db", "icon\r", "thumbs.db"})
"""Files that systems leave everywhere."""
_BESIDE = frozenset({".aae", ".xmp"})
"""What programs note beside pictures, cmsearch among them."""
_SUFFIX = re.compile(r"\.[\w+~-]{1,12}", re.ASCII)
MAX_RULES = 2**20  # bytes
_ODD = {
    stat.S_IFBLK: "a device",
    stat.S_IFCHR: "a device",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
}


class Listed(NamedTuple):
    """The files of one folder that are to be read: its path here, with a slash behind it, "" for
    the folder that is walked; of each file its name, its kind, its size and its time.

    `aliases` are the links of the folder to files that are here anyway, by their names: the path
    and the kind of each of these.
    """

    prefix: str
    files: list[tuple[str, str, int, int]]
    aliases: dict[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class _Place:
    """A folder or a link that is to be seen to: where it is, its path here, and the rules for what
    is in the folder, or beside the link.
    """

    place: str
    path: str
    rules: Ruled


class Walk:
    """The files of a folder whose names end as `kinds` says, a folder at a time.

    Hidden files, the folders of `ALWAYS_IGNORED`, stores, and what a `.cmsearchignore` names
    (with gitignore's syntax, for its own folder and those below) are passed over. Links are
    followed after all else, and lead to each file and folder once. What is `skipped` could not be
    looked at, and what is below it neither; `unread` has the number of files of other kinds by the
    ends of their names in small letters, "" for those without one. Both are whole at the end.
    Raises `StoreNotFoundError` where the folder itself can't be read.
    """

    def __init__(self, folder: Path, kinds: Mapping[str, str]) -> None:
        if is_of_system(folder):
            raise StoreNotFoundError(
                f"In {folder} the system shows itself. Name a folder of files."
            )
        self._folder = folder
        self.skipped: list[Skipped] = []
        self.unread: Counter[str] = Counter()
        self._kinds = kinds
        self._system = system_folders()
        self._folders: list[_Place] = []  # no recursion: folders may be 2,000 deep
        self._links: deque[_Place] = deque()
        self._new_links: list[_Place] = []
        self._held: dict[str, Listed] = {}
        self._inside: dict[str, _Place | None] = {}
        self._linked: dict[str, tuple[str, str]] = {}
        try:
            self._root = _Place(os.path.realpath(folder, strict=True), "", ())
            os.scandir(self._root.place).close()
        except OSError as error:
            raise _unreadable(folder, error) from error

    @property
    def has_links(self) -> bool:
        """Whether there were links in what was listed."""
        return bool(self._links or self._new_links or self._held)

    def real(self) -> Iterator[Listed]:
        """The folders without links in them, each before those in it, in the order of paths."""
        try:
            first = self._list(self._root)
        except OSError as error:
            raise _unreadable(self._folder, error) from error
        if first is not None:
            yield first
        yield from self._below()

    def part(self, path: str, *, is_whole: bool) -> Iterator[Listed]:
        """The folder at a path, and with those in it if it `is_whole`; nothing where it is passed
        over or not there. Raises `OSError` where a link leads to it.
        """
        try:
            folder = self._at(path)
            listed = None if folder is None else self._list(folder)
        except (FileNotFoundError, NotADirectoryError):
            return
        if listed is not None:
            yield listed
        if is_whole:
            yield from self._below()
        self._folders.clear()

    def head(self, path: str, size: int) -> bytes:
        """The first bytes of a file; raises `OSError`."""
        with open_file(self._folder / native(path)) as file:
            return file.read(size)

    def _at(self, path: str) -> _Place | None:
        """A folder, as a walk from the first one finds it."""
        folder = self._root
        for name in path.rstrip("/").split("/") if path else ():
            own = self._with_rules(folder, is_ruled=True)
            place = str(Path(folder.place) / native(name))
            status = os.lstat(place)
            if stat.S_ISLNK(status.st_mode):
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), place)
            is_passed = not is_visible(name) or is_ignored(name, True, own.rules)
            if is_passed or place in self._system or _is_store_at(folder.place):
                return None
            folder = _Place(place, f"{folder.path}{name}/", within(own.rules, name))
        return folder

    def linked(self) -> Iterator[Listed]:
        """After all these, what links lead to, and the folders that have links in them."""
        while self._links:
            link = self._links.popleft()
            try:
                self._follow(link)
            except OSError as error:
                self._skip(link.path, f"can't be read: {error.strerror}")
            yield from self._below()
        yield from self._held.values()

    def _below(self) -> Iterator[Listed]:
        """See to the folders that were found, and to those that are found then."""
        while self._folders:
            folder = self._folders.pop()
            try:
                listed = self._list(folder)
            except OSError as error:
                self._skip(folder.path, f"can't be read: {error.strerror}")
                continue
            if listed is not None:
                yield listed
        # Those that lie higher are followed first: they decide by which path a file is known.
        self._links += sorted(self._new_links, key=_depth)
        self._new_links.clear()

    def _list(self, folder: _Place) -> Listed | None:
        """The files of a folder, unless it waits for its links; raises `OSError`."""
        if folder.place in self._inside:
            return None
        with os.scandir(folder.place) as listed:
            entries = sorted(listed, key=attrgetter("name"))
        names = {entry.name for entry in entries}
        if is_store(names):
            return None
        self._inside[folder.place] = None
        folder = self._with_rules(folder, is_ruled=IGNORE_FILE in names)
        self._inside[folder.place] = folder
        found, below, links = Listed(folder.path, [], {}), len(self._folders), len(self._new_links)
        for entry in entries:
            if is_visible(entry.name):
                self._see(entry, folder, found)
        own_folders = sorted(self._folders[below:], key=attrgetter("path"), reverse=True)
        self._folders[below:] = own_folders
        if len(self._new_links) > links:
            self._held[folder.path] = found
            return None
        return found

    def _with_rules(self, folder: _Place, *, is_ruled: bool) -> _Place:
        """A folder with the rules of its own ignore file, if it may have one."""
        own = _rules(Path(folder.place)) if is_ruled else None
        rules = folder.rules if own is None else (*folder.rules, (own, b""))
        return _Place(folder.place, folder.path, rules)

    def _see(self, entry: os.DirEntry[str], folder: _Place, found: Listed) -> None:
        name = entry.name
        try:
            if entry.is_symlink():
                self._new_links.append(
                    _Place(entry.path, folder.path + storable(name), folder.rules)
                )
            elif entry.is_dir(follow_symlinks=False):
                self._enter(entry, folder)
            elif (kind := self._kind(name)) is None:
                self._pass_over(entry, folder.rules)
            else:
                own = name if name.isascii() else storable(name)
                if not (folder.rules and is_ignored(own, False, folder.rules)):
                    self._take(own, kind, entry.stat(), found)
        except ValueError as error:
            self._skip(folder.path + name, str(error))
        except OSError as error:
            self._skip(folder.path + storable(name), f"can't be read: {error.strerror}")

    def _enter(self, entry: os.DirEntry[str], folder: _Place) -> None:
        """Note a folder to be seen to."""
        if entry.path in self._system:
            return
        name = storable(entry.name)
        if not is_ignored(name, True, folder.rules):
            path = f"{folder.path}{name}/"
            self._folders.append(_Place(entry.path, path, within(folder.rules, name)))

    def _follow(self, link: _Place) -> None:
        """See to what a link leads to, unless it was seen already; raises `OSError`."""
        prefix, name = split(link.path)
        if is_ignored(name, False, link.rules):
            return
        try:
            real = os.path.realpath(link.place, strict=True)
            status = Path(real).stat()
        except FileNotFoundError:
            self._skip(link.path, f"a link to {Path(link.place).readlink()}, which is not there")
            return
        is_odd = not (stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode))
        if not is_odd and not self._system.isdisjoint({real, *map(str, Path(real).parents)}):
            return
        kind = self._kind(name)
        if stat.S_ISDIR(status.st_mode):
            if not is_ignored(name, True, link.rules):
                self._folders.append(_Place(real, f"{link.path}/", within(link.rules, name)))
        elif kind is not None:
            known = self._known(real) if stat.S_ISREG(status.st_mode) else None
            if known is None:
                self._linked[real] = link.path, kind
                self._take(name, kind, status, self._held[prefix])
            else:
                self._held[prefix].aliases[name] = known

    def _known(self, real: str) -> tuple[str, str] | None:
        """The path by which a file was found already, and its kind."""
        place, name = os.path.split(real)
        folder, kind = self._inside.get(place), self._kind(name)
        if (
            folder is not None
            and kind is not None
            and name[0] != "."
            and name not in ALWAYS_IGNORED
        ):
            with suppress(ValueError):
                own = storable(name)
                if not is_ignored(own, False, folder.rules):
                    return folder.path + own, kind
        return self._linked.get(real)

    def _take(self, name: str, kind: str, status: os.stat_result, found: Listed) -> None:
        if stat.S_ISREG(status.st_mode):
            found.files.append((name, kind, status.st_size, status.st_mtime_ns))
        else:
            what = _ODD.get(stat.S_IFMT(status.st_mode), "something else")
            self._skip(found.prefix + name, f"not a file but {what}")

    def _pass_over(self, entry: os.DirEntry[str], rules: Ruled) -> None:
        """Count a file that nothing here reads, unless it is only about others, or left out."""
        end = unread_end(entry.name)
        if end is None or not entry.is_file():
            return
        with suppress(ValueError):  # a name that rules can't be compared with
            if rules and is_ignored(storable(entry.name), False, rules):
                return
        self.unread[end] += 1

    def _skip(self, path: str, reason: str) -> None:
        self.skipped.append(Skipped(valid(path), valid(reason)))

    def _kind(self, name: str) -> str | None:
        end = suffix(name)
        return self._kinds.get(end) or self._kinds.get(end.lower())


def _unreadable(folder: Path, error: OSError) -> StoreNotFoundError:
    return StoreNotFoundError(f"The folder {folder} can't be read: {error.strerror}.")


def suffix(path: str) -> str:
    """What the name at the end of a path ends with, as `pathlib` has it; "" for none."""
    name = path[path.rfind("/") + 1 :]
    at = name.rfind(".")
    return name[at:] if 0 < at < len(name) - 1 else ""


def split(path: str) -> tuple[str, str]:
    """The folder of a path, with a slash behind it, and the name in it."""
    at = path.rfind("/") + 1
    return path[:at], path[at:]


def _depth(place: _Place) -> tuple[int, list[str]]:
    parts = place.path.split("/")
    return len(parts), parts


def valid(text: str) -> str:
    """`text` with question marks for what is no Unicode."""
    return text.encode("utf-8", "replace").decode()


def unread_end(name: str) -> str | None:
    """What a name that nothing reads ends with, in small letters, as it is counted; None for one
    that is only about others.
    """
    found = _SUFFIX.fullmatch(suffix(name))
    end = found[0].lower() if found else ""
    return None if name.lower() in _CLUTTER or end in _BESIDE else end


def is_visible(name: str) -> bool:
    """Whether a file or a folder of this name may be looked at."""
    return name[0] != "." and name not in ALWAYS_IGNORED


def is_store(names: set[str]) -> bool:
    """Whether a folder with these files is a store: the lock or a manifest is beside a catalog."""
    return CATALOG in names and any(name == LOCK or name.startswith("manifest-") for name in names)


def _is_store_at(place: str) -> bool:
    has_catalog = os.path.lexists(Path(place) / CATALOG)
    return has_catalog and is_store({path.name for path in Path(place).iterdir()})


def _rules(folder: Path) -> Rules | None:
    try:
        return Rules(read_file(folder / IGNORE_FILE, MAX_RULES))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise OSError(errno.EFBIG, f"{error} ({IGNORE_FILE} in it)") from error
    except OSError as error:
        raise OSError(error.errno, f"{error.strerror} ({IGNORE_FILE} in it)") from error
