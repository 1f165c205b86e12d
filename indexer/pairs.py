"""The pairs of pictures and captions in a folder, read from its files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from PIL.Image import Image

from cmsearch.common.kinds import PICTURES, FileKind
from cmsearch.common.text import native
from cmsearch.errors import MediaError
from cmsearch.learning.metrics import Gold
from cmsearch.media.notes import Written, captions
from cmsearch.media.readers import kind_of, make_reader, may_be_table, parts
from cmsearch.media.thumbnails import picture
from cmsearch.types import Noted, Reading, Skipped
from indexer.scan import Found, of_kinds, scan
from indexer.subjects import Names, Subjects


@dataclass(frozen=True, slots=True)
class Pairs:
    """The pairs of a folder in the order of its files, what decodes its pictures, what is left out.

    `read(name, size)` gives a picture by its path from the folder, upright and RGB and no larger
    than it needs to be for `size` pixels; it raises `MediaError`.
    """

    pairs: tuple[Gold, ...]
    read: Callable[[str, int], Image]
    skipped: tuple[Skipped, ...]


def pairs(folder: Path) -> Pairs:
    """The pairs that `cmsearch index` would find in a folder, each once.

    Raises `MediaError` where the folder can't be read.
    """
    files, skipped, _ = scan(folder)
    pictures = frozenset(file.path for file in of_kinds(files, *PICTURES))
    subjects = Subjects(folder, pictures)
    found, embedded = dict[Gold, None](), list[Gold]()
    for file in files:
        if file.path in pictures:
            embedded += _embedded(folder, file)
        elif _is_about(file, pictures):
            read = _captions(folder, file, subjects)
            found |= dict.fromkeys(one for one in read if isinstance(one, Gold))
            skipped += [one for one in read if isinstance(one, Skipped)]

    found |= dict.fromkeys(_telling(embedded, len(pictures)))

    def decode(name: str, size: int) -> Image:
        return picture(folder / native(name), 2 * size)

    return Pairs(tuple(found), decode, tuple(skipped))


def _embedded(folder: Path, file: Found) -> list[Gold]:
    """The captions that stand in a picture; whether it can be read is for those to say who look."""
    read: Callable[[Path], Written] | None = getattr(make_reader(file.kind), "written", None)
    if read is None:
        return []
    try:
        own = read(folder / native(file.path))
    except MediaError:
        return []
    texts = captions(own.texts, PurePosixPath(file.path).name)
    return [Gold(file.path, part.content) for part in texts]


def _telling(embedded: list[Gold], pictures: int) -> list[Gold]:
    """Without what stands in more than half of the pictures, as programs and studios write it: it
    would bind all of them into one group, of which none can be held out.
    """
    often = Counter(pair.caption for pair in dict.fromkeys(embedded))
    return [pair for pair in embedded if 2 * often[pair.caption] <= max(2, pictures)]


def _is_about(file: Found, pictures: frozenset[str]) -> bool:
    """Whether the file is about a picture, or may be a table of captions."""
    reader = make_reader(file.kind)
    if kind_of(reader) is FileKind.SIDECAR:
        return file.about in pictures
    return may_be_table(reader, file.path)


def _captions(folder: Path, file: Found, subjects: Subjects) -> list[Gold | Skipped]:
    found: list[Gold | Skipped] = []
    wanted, reader = Reading(0, knows=Names(subjects, file)), make_reader(file.kind)
    is_document = kind_of(reader) is FileKind.DOCUMENT
    try:
        for part in parts(reader, folder / native(file.path), wanted):
            if isinstance(part, Noted) or (is_document and getattr(part, "kind", "") != "caption"):
                continue
            if isinstance(part, Skipped):
                found.append(replace(part, path=file.path))
            elif about := subjects.of(file, part):
                found.append(Gold(about, part.content))
            else:
                reason = f"describes {part.about}, which is not among the pictures here"
                found.append(Skipped(file.path, reason, part.locator))
    except MediaError as error:
        if not is_document:
            found.append(Skipped(file.path, str(error)))
    return found
