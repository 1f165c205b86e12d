"""Walking a folder: each file once, real places before links, no rule and no loop overlooked."""

# Tested by tests/unit/indexer/test_scan.py

from __future__ import annotations

import errno
import os
import re
import stat
from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from cmsearch.common.files import read_file
from cmsearch.common.text import native, storable
from cmsearch.errors import StoreNotFoundError
from cmsearch.store.filesystem import is_of_system, system_folders
from cmsearch.store.lock import LOCK
from cmsearch.store.store import CATALOG
from cmsearch.types import Skipped
from indexer.ignoring import Rules

IGNORE_FILE = ".cmsearchignore"
ALWAYS_IGNORED = frozenset(
    {"$RECYCLE.BIN", "@eaDir", "__MACOSX", "node_modules", "System Volume Information"}
)
_CLUTTER = frozenset({"desktop.ini", "ehthumbs.db", "icon\r", "thumbs.db"})
"""Files that systems leave everywhere."""
_BESIDE = frozenset({".aae", ".xmp"})
"""What programs note beside pictures, cmsearch among them."""
_SUFFIX = re.compile(r"\.[\w+~-]{1,12}", re.ASCII)
_MAX_RULES = 2**20  # bytes
_ODD = {
    stat.S_IFBLK: "a device",
    stat.S_IFCHR: "a device",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
}

Ruled = tuple[tuple[int, Rules], ...]
"""The rules of a folder and those above, the innermost last, each with the length of its path."""


@dataclass(frozen=True, slots=True)
class Walked:
    """The files of a folder by their paths from it, in the form of `storable`.

    `aliases` are links to files that are here anyway, and the paths of those. What is `skipped`
    could not be looked at, and what is below it neither. `unread` has the number of files of other
    kinds by the ends of their names in small letters, "" for those without one.
    """

    files: dict[str, os.stat_result] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)
    unread: Counter[str] = field(default_factory=Counter)


def walk(folder: Path, suffixes: frozenset[str]) -> Walked:
    """The files of `folder` that end in one of `suffixes`, in small or capital letters.

    Hidden files, the folders of `ALWAYS_IGNORED`, stores, and what a `.cmsearchignore` names
    (with gitignore's syntax, for its own folder and those below) are passed over. Links are
    followed after all else, and lead to each file and folder once. Raises `StoreNotFoundError`
    where the folder itself can't be read.
    """
    if is_of_system(folder):
        raise StoreNotFoundError(f"In {folder} the system shows itself. Name a folder of files.")
    walker = _Walker(suffixes)
    try:
        walker.list_folder(_Place(os.path.realpath(folder, strict=True), "", ()))
    except OSError as error:
        raise StoreNotFoundError(f"The folder {folder} can't be read: {error.strerror}.") from error
    walker.go_on()
    return walker.found


@dataclass(frozen=True, slots=True)
class _Place:
    """A folder or a link that is to be seen to: where it is, its path here, and its rules."""

    place: str
    path: str
    rules: Ruled


class _Walker:
    """Folders are known again by their real paths; links wait until all else is seen."""

    def __init__(self, suffixes: frozenset[str]) -> None:
        self.found = Walked()
        self._suffixes = suffixes
        self._system = system_folders()
        self._folders: deque[_Place] = deque()  # no recursion: folders may be 2,000 deep
        self._links: deque[_Place] = deque()
        self._prefixes: dict[str, str] = {}
        self._linked: dict[str, str] = {}

    def go_on(self) -> None:
        """See to the folders and links that were found, and to those that are found then."""
        while self._folders or self._links:
            waiting = self._folders or self._links
            see = self.list_folder if waiting is self._folders else self._follow
            one = waiting.popleft()
            try:
                see(one)
            except OSError as error:
                self._skip(one.path, f"can't be read: {error.strerror}")

    def list_folder(self, folder: _Place) -> None:
        """Take the files of a folder, and note its folders and links; raises `OSError`."""
        if folder.place in self._prefixes:
            return
        with os.scandir(folder.place) as listed:
            entries = sorted(listed, key=lambda entry: entry.name)
        if _is_store({entry.name for entry in entries}):
            return
        self._prefixes[folder.place] = folder.path
        own = _rules(Path(folder.place))
        rules = (*folder.rules, (len(_bytes(folder.path)), own)) if own else folder.rules
        for entry in entries:
            if not entry.name.startswith(".") and entry.name not in ALWAYS_IGNORED:
                self._see(entry, folder.path, rules)

    def _see(self, entry: os.DirEntry[str], prefix: str, rules: Ruled) -> None:
        try:
            is_link, is_folder = entry.is_symlink(), entry.is_dir(follow_symlinks=False)
            if is_folder and entry.path in self._system:
                return
            if not (is_link or is_folder or self._is_wanted(entry.name)):
                self._pass_over(entry, prefix, rules)
                return
            path = prefix + storable(entry.name)
            if is_link:
                self._links.append(_Place(entry.path, path, rules))
            elif _is_ignored(path, is_folder, rules):
                return
            elif is_folder:
                self._folders.append(_Place(entry.path, f"{path}/", rules))
            else:
                self._take(path, entry.stat())
        except ValueError as error:
            self._skip(prefix + entry.name, str(error))
        except OSError as error:
            self._skip(prefix + storable(entry.name), f"can't be read: {error.strerror}")

    def _follow(self, link: _Place) -> None:
        """See to what a link leads to, unless it was seen already; raises `OSError`."""
        if _is_ignored(link.path, False, link.rules):
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
        if stat.S_ISDIR(status.st_mode):
            if not _is_ignored(link.path, True, link.rules):
                self._folders.append(_Place(real, f"{link.path}/", link.rules))
        elif self._is_wanted(link.path):
            known = self._known(real)
            if known is None:
                self._linked[real] = link.path
                self._take(link.path, status)
            else:
                self.found.aliases[link.path] = known

    def _known(self, real: str) -> str | None:
        """The path by which a file was found already."""
        folder, name = os.path.split(real)
        with suppress(KeyError, ValueError):
            path = self._prefixes[folder] + storable(name)
            if path in self.found.files:
                return path
        return self._linked.get(real)

    def _take(self, path: str, status: os.stat_result) -> None:
        if stat.S_ISREG(status.st_mode):
            self.found.files[path] = status
        else:
            kind = _ODD.get(stat.S_IFMT(status.st_mode), "something else")
            self._skip(path, f"not a file but {kind}")

    def _pass_over(self, entry: os.DirEntry[str], prefix: str, rules: Ruled) -> None:
        """Count a file that nothing here reads, unless it is only about others, or left out."""
        found = _SUFFIX.fullmatch(PurePosixPath(entry.name).suffix)
        suffix = found[0].lower() if found else ""
        if entry.name.lower() in _CLUTTER or suffix in _BESIDE or not entry.is_file():
            return
        with suppress(ValueError):  # a name that rules can't be compared with
            if rules and _is_ignored(prefix + storable(entry.name), False, rules):
                return
        self.found.unread[suffix] += 1

    def _skip(self, path: str, reason: str) -> None:
        self.found.skipped.append(Skipped(_valid(path), _valid(reason)))

    def _is_wanted(self, name: str) -> bool:
        return PurePosixPath(name).suffix.lower() in self._suffixes


def _valid(text: str) -> str:
    """`text` with question marks for what is no Unicode."""
    return text.encode("utf-8", "replace").decode()


def _is_store(names: set[str]) -> bool:
    """Whether a folder with these files is a store: the lock or a manifest is beside a catalog."""
    return CATALOG in names and any(name == LOCK or name.startswith("manifest-") for name in names)


def _rules(folder: Path) -> Rules | None:
    try:
        return Rules(read_file(folder / IGNORE_FILE, _MAX_RULES))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise OSError(errno.EFBIG, f"{error} ({IGNORE_FILE} in it)") from error
    except OSError as error:
        raise OSError(error.errno, f"{error.strerror} ({IGNORE_FILE} in it)") from error


def _is_ignored(path: str, is_folder: bool, rules: Ruled) -> bool:
    """The innermost ignore file with something to say about the path decides."""
    name = _bytes(path) if rules else b""
    for length, own in reversed(rules):
        verdict = own.verdict(name[length:], is_folder)
        if verdict is not None:
            return verdict
    return False


def _bytes(path: str) -> bytes:
    """A path as the system has it, which is what rules are compared with."""
    return os.fsencode(native(path))
