"""Which files of a folder are indexed, and what kind each is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cmsearch.registry import make_reader, readers
from cmsearch.text import caseless
from cmsearch.types import Skipped
from indexer.walk import walk

PICTURES = frozenset({"image", "raw"})
"""The kinds of files that captions can be about."""
LONG = frozenset({"audio", "pdf", "video"})
"""The kinds of files that may hold hours, or hundreds of pictures: few are read ahead."""
_LAST_NS = 2**63 - 1  # the last time that SQLite can hold, in 2262


@dataclass(frozen=True, slots=True)
class Found:
    """A file of the folder: its path relative to it, and what kind of reader it is for.

    The path has the form of `cmsearch.text.storable`. `about` is the picture that a sidecar
    belongs to.
    """

    path: str
    kind: str
    size: int
    mtime_ns: int
    about: str | None = None

    @property
    def order(self) -> tuple[bool, str]:
        """Pictures first, since captions refer to them; then by path."""
        return self.kind not in PICTURES, self.path


def scan(folder: Path) -> tuple[list[Found], list[Skipped]]:
    """The files to index, pictures first and each kind in the order of paths; and what was not.

    `indexer.walk` says what is passed over. Files that need an extra of cmsearch which isn't
    installed are among what was not.
    """
    kinds, missing = _kinds_by_suffix()
    walked = walk(folder, frozenset(kinds))
    files: list[Found] = []
    skipped = list(walked.skipped)
    for path, status in walked.files.items():
        kind = kinds[_suffix(path)]
        if kind in missing:
            extra = f"cmsearch[{missing[kind]}]"
            skipped.append(Skipped(path, f"needs {extra}: pip install '{extra}'"))
            continue
        files.append(Found(path, kind, status.st_size, min(status.st_mtime_ns, _LAST_NS)))
    sidecars = _sidecars(files, walked.aliases)
    files = [_as_sidecar(file, sidecars.get(file.path)) for file in files]
    return sorted(files, key=lambda file: file.order), sorted(skipped, key=lambda one: one.path)


def _kinds_by_suffix() -> tuple[dict[str, str], dict[str, str]]:
    """The kind of each suffix, and the extra that each kind lacks.

    A text file is a document unless a picture lies beside it.
    """
    made = {kind: make_reader(kind) for kind in readers.rows() if kind != "sidecar"}
    kinds = {suffix: kind for kind, reader in made.items() for suffix in reader.suffixes}
    return kinds, {kind: reader.missing for kind, reader in made.items() if reader.missing}


def _sidecars(files: Sequence[Found], aliases: Mapping[str, str]) -> dict[str, str]:
    """The picture of each text beside one: of the same name, or else of one alike but for case.

    Where several are alike, or the picture has a text of its very name, nothing is guessed.
    """
    pictures = _pictures_by_stem(files, aliases)
    texts = {file.path: _stem(file.path) for file in files if _suffix(file.path) == ".txt"}
    found = {path: pictures[stem] for path, stem in texts.items() if stem in pictures}
    taken = set(texts.values())
    alike = grouped((caseless(stem), stem) for stem in pictures)
    lost = grouped((caseless(stem), path) for path, stem in texts.items() if path not in found)
    for key, paths in lost.items():
        stems = alike.get(key, [])
        if len(paths) == len(stems) == 1 and stems[0] not in taken:
            found[paths[0]] = pictures[stems[0]]
    return found


def _pictures_by_stem(files: Sequence[Found], aliases: Mapping[str, str]) -> dict[str, str]:
    """Of several pictures of one name the first counts: raw ones after others, links last."""
    ranked = sorted((file.kind == "raw", file.path) for file in files if file.kind in PICTURES)
    pictures: dict[str, str] = {}
    for _, path in ranked:
        pictures.setdefault(_stem(path), path)
    known = {path for _, path in ranked}
    for link, path in aliases.items():
        if path in known:
            pictures.setdefault(_stem(link), path)
    return pictures


def grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Values by their keys, in order."""
    groups: dict[str, list[str]] = {}
    for key, value in pairs:
        groups.setdefault(key, []).append(value)
    return groups


def _as_sidecar(file: Found, about: str | None) -> Found:
    if about is None:
        return file
    return Found(file.path, "sidecar", file.size, file.mtime_ns, about)


def _stem(path: str) -> str:
    return str(PurePosixPath(path).with_suffix(""))


def _suffix(path: str) -> str:
    return PurePosixPath(path).suffix.lower()
