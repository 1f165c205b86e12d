"""Which files of a folder are indexed, and what kind each is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from cmsearch.common.files import open_file
from cmsearch.common.kinds import HEARD, PICTURES, FileKind
from cmsearch.common.text import caseless, native
from cmsearch.media.readers import is_long, make_reader, may_be_table, names, names_by_suffix
from cmsearch.types import Skipped
from indexer.walk import walk

SIDECAR = "sidecar"
"""The reader of texts beside what they are about; others are told by suffixes."""
_MARK = re.compile(r"\.(?:[a-z]{2,3}(?:-\w{2,4})?|cc|default|forced|sdh)", re.ASCII | re.IGNORECASE)
_STREAM = ".ts"
_LAST_NS = 2**63 - 1  # the last time that SQLite can hold, in 2262


@dataclass(frozen=True, slots=True)
class Found:
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


def scan(folder: Path) -> Scanned:
    """What is in a folder; `indexer.walk` says what is passed over.

    Files that need an extra of cmsearch which isn't installed are among what is skipped.
    """
    kinds, missing = _kinds_by_suffix()
    walked = walk(folder, frozenset(kinds))
    files: list[Found] = []
    skipped = list(walked.skipped)
    for path, status in walked.files.items():
        kind = kinds[_suffix(path)]
        if _suffix(path) == _STREAM and not _is_stream(folder / native(path)):
            walked.unread[_STREAM] += 1
            continue
        if kind in missing:
            extra = f"cmsearch[{missing[kind]}]"
            skipped.append(Skipped(path, f"needs {extra}: pip install '{extra}'"))
            continue
        files.append(Found(path, kind, status.st_size, min(status.st_mtime_ns, _LAST_NS)))
    sidecars, subtitles = _sidecars(files, walked.aliases), _subtitles(files, walked.aliases)
    files = [_as_sidecar(file, sidecars.get(file.path)) for file in files]
    files = [replace(file, about=subtitles.get(file.path, file.about)) for file in files]
    unread = sorted(walked.unread.items(), key=lambda one: (-one[1], one[0]))
    return Scanned(
        in_order(files),
        sorted(skipped, key=lambda one: one.path),
        dict(unread),
    )


def _is_stream(path: Path) -> bool:
    """Whether it is a stream of MPEG, and no TypeScript: its packets of 188 bytes begin with a `G`,
    or four bytes later. What can't be read is seen to by its reader.
    """
    try:
        with open_file(path) as file:
            head = file.read(4 + 2 * 192 + 1)
    except OSError:
        return True
    return any(
        head[start : start + 2 * size + 1 : size] == b"GGG" for start, size in ((0, 188), (4, 192))
    )


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
    last = tables | {file.path for file in files if file.about in places}
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


def _sidecars(files: Sequence[Found], aliases: Mapping[str, str]) -> dict[str, str]:
    """The picture, or else the film, of each text beside one."""
    own = make_reader(SIDECAR).suffixes
    texts = {file.path: _stem(file.path) for file in files if _suffix(file.path) in own}
    pictures = _beside(texts, _by_stem(files, aliases, names(*PICTURES)))
    return {**_beside(texts, _by_stem(files, aliases, names(FileKind.FILM))), **pictures}


def _subtitles(files: Sequence[Found], aliases: Mapping[str, str]) -> dict[str, str]:
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
            if path not in found and _MARK.fullmatch(PurePosixPath(stem).suffix)
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


def _by_stem(
    files: Sequence[Found], aliases: Mapping[str, str], kinds: Sequence[str]
) -> dict[str, str]:
    """Of several files of one name the first counts: in the order of the kinds, links last."""
    ranked = sorted((kinds.index(file.kind), file.path) for file in files if file.kind in kinds)
    found: dict[str, str] = {}
    for _, path in ranked:
        found.setdefault(_stem(path), path)
    known = {path for _, path in ranked}
    for link, path in aliases.items():
        if path in known:
            found.setdefault(_stem(link), path)
    return found


def grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Values by their keys, in order."""
    groups: dict[str, list[str]] = {}
    for key, value in pairs:
        groups.setdefault(key, []).append(value)
    return groups


def _as_sidecar(file: Found, about: str | None) -> Found:
    if about is None:
        return file
    return Found(file.path, SIDECAR, file.size, file.mtime_ns, about)


def _stem(path: str) -> str:
    return str(PurePosixPath(path).with_suffix(""))


def _suffix(path: str) -> str:
    return PurePosixPath(path).suffix.lower()
