"""Walking a folder: which files there are, and what kind each is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pathspec import GitIgnoreSpec

from cmsearch.errors import CmsearchError, StoreNotFoundError
from cmsearch.registry import make_reader, readers
from cmsearch.store import CATALOG, LOCK
from cmsearch.types import Skipped

IGNORE_FILE = ".cmsearchignore"
ALWAYS_IGNORED = frozenset(
    {"$RECYCLE.BIN", "@eaDir", "__MACOSX", "node_modules", "System Volume Information"}
)
_LAST_NS = 2**63 - 1  # the last time that SQLite can hold, in 2262


@dataclass(frozen=True, slots=True)
class Found:
    """A file of the folder: its path relative to it, and what kind of reader it is for.

    `about` is the picture that a sidecar belongs to.
    """

    path: str
    kind: str
    size: int
    mtime_ns: int
    about: str | None = None

    @property
    def order(self) -> tuple[bool, str]:
        """Pictures first, since captions refer to them; then by path."""
        return self.kind != "image", self.path


def scan(folder: Path) -> tuple[list[Found], list[Skipped]]:
    """The files to index, pictures first and each kind in the order of paths; and what was not.

    Hidden files, the folders of `ALWAYS_IGNORED`, links to folders, and what a `.cmsearchignore`
    names (with gitignore's syntax, for its own folder and those below) are passed over, and so
    are stores.
    """
    kinds = _kinds_by_suffix()
    files: list[Found] = []
    skipped: list[Skipped] = []
    for path, entry in _walk(folder, "", (), skipped):
        kind = kinds.get(PurePosixPath(path).suffix.lower())
        if kind is None:
            continue
        try:
            path.encode()
            status = entry.stat()
        except UnicodeEncodeError:
            shown = path.encode(errors="replace").decode()
            skipped.append(Skipped(shown, "its name is not valid Unicode; rename it"))
            continue
        except OSError as error:
            skipped.append(Skipped(path, f"can't be read: {error.strerror}"))
            continue
        files.append(Found(path, kind, status.st_size, min(status.st_mtime_ns, _LAST_NS)))
    pictures = {_stem(file.path): file.path for file in reversed(files) if file.kind == "image"}
    files = [_as_sidecar(file, pictures) for file in files]
    return sorted(files, key=lambda file: file.order), skipped


def _kinds_by_suffix() -> dict[str, str]:
    """The kind of each suffix; a text file is a document unless a picture lies beside it."""
    return {
        suffix: kind
        for kind in readers.rows()
        if kind != "sidecar"
        for suffix in make_reader(kind).suffixes
    }


def _as_sidecar(file: Found, pictures: dict[str, str]) -> Found:
    about = pictures.get(_stem(file.path))
    if about is None or not file.path.lower().endswith(".txt"):
        return file
    return Found(file.path, "sidecar", file.size, file.mtime_ns, about)


def _stem(path: str) -> str:
    return str(PurePosixPath(path).with_suffix(""))


def _walk(
    folder: Path, prefix: str, rules: tuple[tuple[str, GitIgnoreSpec], ...], skipped: list[Skipped]
) -> Iterator[tuple[str, os.DirEntry[str]]]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        own = _rules(folder)
    except OSError as error:
        if not prefix:
            raise StoreNotFoundError(
                f"The folder {folder} can't be read: {error.strerror}."
            ) from error
        skipped.append(Skipped(prefix, f"the folder can't be read: {error.strerror}"))
        return
    if _is_store({entry.name for entry in entries}):
        return
    rules = (*rules, (prefix, own)) if own else rules
    for entry in entries:
        path = prefix + entry.name
        if entry.name.startswith(".") or entry.name in ALWAYS_IGNORED:
            continue
        is_folder = entry.is_dir(follow_symlinks=False)
        if _is_ignored(path, is_folder, rules):
            continue
        if is_folder:
            yield from _walk(Path(entry.path), path + "/", rules, skipped)
        elif _is_file(entry):
            yield path, entry


def _is_store(names: set[str]) -> bool:
    """Whether a folder with these files is a store: the lock or a manifest is beside a catalog."""
    return CATALOG in names and any(name == LOCK or name.startswith("manifest-") for name in names)


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:  # a link to itself
        return False


def _rules(folder: Path) -> GitIgnoreSpec | None:
    try:
        text = (folder / IGNORE_FILE).read_text(encoding="utf-8-sig", errors="replace")
    except FileNotFoundError:
        return None
    try:
        return GitIgnoreSpec.from_lines(text.splitlines())
    except ValueError as error:
        raise CmsearchError(
            f"{folder / IGNORE_FILE} has a rule that can't be read: {error}."
        ) from error


def _is_ignored(path: str, is_folder: bool, rules: tuple[tuple[str, GitIgnoreSpec], ...]) -> bool:
    """The innermost ignore file with something to say about the path decides."""
    for prefix, spec in reversed(rules):
        verdict = spec.check_file(path[len(prefix) :] + ("/" if is_folder else "")).include
        if verdict is not None:
            return verdict
    return False
