"""Which files of a folder are indexed, and what kind each is."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from cmsearch.common.kinds import HEARD, PICTURES, FileKind
from cmsearch.common.text import caseless
from cmsearch.media.readers import is_long, make_reader, may_be_table, names, names_by_suffix
from cmsearch.types import Skipped
from indexer.beside import JSON, XMP, subjects_beside
from indexer.object_walk import ObjectWalk, walk_of
from indexer.parts import Unclear, parts
from indexer.pipeline import Clock
from indexer.walk import Listed, suffix

SIDECAR = "sidecar"
"""The reader of texts beside what they are about; others are told by suffixes."""
_MARK = re.compile(r"\.(?:[a-z]{2,3}(?:-\w{2,4})?|cc|default|forced|sdh)", re.ASCII | re.IGNORECASE)
_STREAM = ".ts"
_LAST_NS = 2**63 - 1  # the last time that SQLite can hold, in 2262

Aliases = Mapping[str, tuple[str, str]]
"""Links beside the files of a folder: the path and the kind of what each leads to."""


class Found(NamedTuple):
    """A file of the folder: its path relative to it, and the name of the reader that it is for.

    The path has the form of `cmsearch.common.text.storable`. `about` is the picture or the film
    that a sidecar, or a file of subtitles, belongs to.
    """

    path: str
    kind: str
    size: int
    mtime_ns: int
    about: str | None = None


class Scanned(NamedTuple):
    """The files to index, pictures first and each kind in the order of paths; what was skipped; and
    how many files of other kinds there are, by the ends of their names, the most frequent first.
    """

    files: list[Found]
    skipped: list[Skipped]
    unread: dict[str, int]


class Scan:
    """What is in a folder, a file at a time; `indexer.walk` says what is passed over.

    The files come in the order of their paths, but for those that links have to do with, which come
    last. At the end `count` is their number, `kinds` has the kinds of all of them, and `skipped`
    what could not be looked at, or needs an extra of cmsearch which isn't installed. If only what
    is at some paths has `changed`, only their folders are looked at, see `indexer.parts`. Raises
    `StoreNotFoundError`, and `Unclear` where that isn't enough.
    """

    def __init__(
        self, folder: Path, clock: Clock | None = None, changed: Collection[str] | None = None
    ) -> None:
        self._folder, self.changed = folder, changed
        self._clock = clock or Clock()
        self._kinds, self._missing = _kinds_by_suffix()
        self._odd = {*self._missing, *(self._kinds[end] for end in self._kinds if end == _STREAM)}
        self._beside = _kinds_beside(self._kinds)
        self.kinds: set[str] = set()
        self.count = 0
        with self._clock("scan"):
            self._walk = walk_of(folder, self._kinds)
        self.skipped = self._walk.skipped

    def __iter__(self) -> Iterator[Found]:
        waiting: list[Found] = []  # of the folders above, what comes behind the one that is listed
        for prefix, files in self._listed(self._folders()):
            while waiting and waiting[-1].path < prefix:
                yield waiting.pop()
            waiting += reversed(files)
        yield from reversed(waiting)
        for _, files in self._listed(self._walk.linked()):
            yield from files

    def _folders(self) -> Iterator[Listed]:
        if self.changed is None:
            return self._walk.real()
        if isinstance(self._walk, ObjectWalk):
            raise Unclear
        return parts(self._folder, self._walk, self.changed)

    @property
    def unread(self) -> dict[str, int]:
        """How many files nothing here reads; whole at the end."""
        return dict(sorted(self._walk.unread.items(), key=lambda one: (-one[1], one[0])))

    def _listed(self, folders: Iterator[Listed]) -> Iterator[tuple[str, list[Found]]]:
        """The files of each folder; only the walk is timed."""
        while True:
            with self._clock("scan"):
                listed = next(folders, None)
                files = [] if listed is None else self._files(listed)
            if listed is None:
                return
            self.count += len(files)
            self._clock.done["scan"] += len(files)
            self.kinds.update(file[1] for file in files)
            yield listed.prefix, files

    def _files(self, listed: Listed) -> list[Found]:
        prefix = listed.prefix
        files = [
            Found(prefix + name, kind, size, mtime_ns if mtime_ns < _LAST_NS else _LAST_NS)
            for name, kind, size, mtime_ns in listed.files
        ]
        kinds = {file[1] for file in files}
        if not self._odd.isdisjoint(kinds):
            files = [file for file in files if self._is_read(file)]
        if self._beside.isdisjoint(kinds):
            return files
        aliases = {
            prefix + name: (path, kind)
            for name, (path, kind) in listed.aliases.items()
            if kind not in self._missing
        }
        sidecars, subtitles = _sidecars(files, aliases), _subtitles(files, aliases)
        files = [_as_sidecar(file, sidecars.get(file.path)) for file in files]
        files = [file._replace(about=subtitles.get(file.path, file.about)) for file in files]
        notes = subjects_beside(files)
        return [_with_notes(file, notes.get(file.path)) for file in files if _is_used(file, notes)]

    def _is_read(self, file: Found) -> bool:
        """Whether it can be read here; notes it where it can't."""
        may_be_code = suffix(file.path).lower() == _STREAM
        if may_be_code and not self._is_stream(file.path):
            self._walk.unread[_STREAM] += 1
            return False
        if file.kind in self._missing:
            extra = f"cmsearch[{self._missing[file.kind]}]"
            needs = Skipped(file.path, f"needs {extra}: pip install '{extra}'")
            self._walk.skipped.append(needs)
            return False
        return True

    def _is_stream(self, path: str) -> bool:
        """Whether it is a stream of MPEG, and no TypeScript: its packets of 188 bytes begin with a
        `G`, or four bytes later. What can't be read is seen to by its reader.
        """
        try:
            head = self._walk.head(path, 4 + 2 * 192 + 1)
        except OSError:
            return True
        return any(
            head[start : start + 2 * size + 1 : size] == b"GGG"
            for start, size in ((0, 188), (4, 192))
        )


def scan(folder: Path) -> Scanned:
    """All that is in a folder at once; raises `StoreNotFoundError`."""
    found = Scan(folder)
    files = in_order(found)
    return Scanned(files, sorted(found.skipped, key=lambda one: one.path), found.unread)


def in_order(files: Iterable[Found]) -> list[Found]:
    """Pictures first, since captions refer to them; then by path."""
    pictures = frozenset(names(*PICTURES))
    return sorted(files, key=lambda file: (file.kind not in pictures, file.path))


def of_kinds(files: Iterable[Found], *kinds: FileKind) -> Iterator[Found]:
    """Those of the files that are of some kinds."""
    own = frozenset(names(*kinds))
    return (file for file in files if file.kind in own)


def in_turn(files: Sequence[Found]) -> Iterator[tuple[list[Found], bool]]:
    """The files in the order in which they are to be read, and whether these are long ones.

    What may be about a long one comes after it.
    """
    made = {kind: make_reader(kind) for kind in {file.kind for file in files}}
    long = [file for file in files if is_long(made[file.kind])]
    places = {file.path for file in long}
    tables = {file.path for file in files if places and may_be_table(made[file.kind], file.path)}
    stems = {_stem(path) for path in places}  # notes of a picture are about a film of its name, too
    last = tables | {file.path for file in files if file.about and _stem(file.about) in stems}
    yield [file for file in files if file.path not in places | last], False
    yield long, True
    yield [file for file in files if file.path in last], False


def _kinds_by_suffix() -> tuple[dict[str, str], dict[str, str]]:
    """The kind of each suffix, and the extra that each kind lacks.

    A text file is a document unless a picture or a film lies beside it.
    """
    kinds = names_by_suffix()
    missing = {kind: make_reader(kind).missing for kind in {*kinds.values()}}
    return kinds, {kind: extra for kind, extra in missing.items() if extra}


def _kinds_beside(kinds: Mapping[str, str]) -> frozenset[str]:
    """The kinds of files that may lie beside others that they are about."""
    own = {end for name in names(FileKind.SIDECAR) for end in make_reader(name).suffixes}
    return frozenset({*(kinds[end] for end in own if end in kinds), *names(FileKind.SUBTITLES)})


def _sidecars(files: Sequence[Found], aliases: Aliases) -> dict[str, str]:
    """The picture, or else the film, of each text beside one."""
    own = make_reader(SIDECAR).suffixes
    texts = {file.path: _stem(file.path) for file in files if suffix(file.path).lower() in own}
    pictures = _beside(texts, _by_stem(files, aliases, names(*PICTURES)))
    return {**_beside(texts, _by_stem(files, aliases, names(FileKind.FILM))), **pictures}


def _subtitles(files: Sequence[Found], aliases: Aliases) -> dict[str, str]:
    """The film, or else the recording, of each file of subtitles beside one.

    Its name may end with a language, and with what else players know: `film.en.sdh.srt`.
    """
    recorded = _by_stem(files, aliases, names(*HEARD))
    written = of_kinds(files, FileKind.SUBTITLES)
    stems = {file.path: _stem(file.path) for file in written}
    found = _beside(stems, recorded)
    for _ in range(2):
        stems = {
            path: _stem(stem)
            for path, stem in stems.items()
            if path not in found and _MARK.fullmatch(suffix(stem))
        }
        found |= {path: recorded[stem] for path, stem in stems.items() if stem in recorded}
    return found


def _beside(stems: Mapping[str, str], subjects: Mapping[str, str]) -> dict[str, str]:
    """What each of some files is about: of the same name, or else of one alike but for case.

    Where several are alike, or the subject has a file of its very name, nothing is guessed.
    """
    found = {path: subjects[stem] for path, stem in stems.items() if stem in subjects}
    taken = set(stems.values())
    alike = grouped((caseless(stem), stem) for stem in subjects)
    lost = grouped((caseless(stem), path) for path, stem in stems.items() if path not in found)
    for key, paths in lost.items():
        own = alike.get(key, [])
        if len(paths) == len(own) == 1 and own[0] not in taken:
            found[paths[0]] = subjects[own[0]]
    return found


def _by_stem(files: Sequence[Found], aliases: Aliases, kinds: Sequence[str]) -> dict[str, str]:
    """Of several files of one name the first counts: in the order of the kinds, links last."""
    ranked = sorted((kinds.index(file.kind), file.path) for file in files if file.kind in kinds)
    found: dict[str, str] = {}
    for _, path in ranked:
        found.setdefault(_stem(path), path)
    for link, (path, kind) in aliases.items():
        if kind in kinds:
            found.setdefault(_stem(link), path)
    return found


def grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Values by their keys, in order."""
    groups: dict[str, list[str]] = {}
    for key, value in pairs:
        groups.setdefault(key, []).append(value)
    return groups


def _as_sidecar(file: Found, about: str | None) -> Found:
    return file if about is None else file._replace(kind=SIDECAR, about=about)


def _is_used(file: Found, notes: Mapping[str, str]) -> bool:
    """Whether a file is no XMP, or what that is about is here."""
    return file.kind != XMP or file.path in notes


def _with_notes(file: Found, about: str | None) -> Found:
    if about is None:
        return file
    return file._replace(kind=XMP if file.kind == XMP else JSON, about=about)


def _stem(path: str) -> str:
    return path.removesuffix(suffix(path))
