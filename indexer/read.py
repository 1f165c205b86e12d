"""Reading one file into the items that it is to have; runs on a worker thread."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from cmsearch.common.digest import content_digest, file_digest
from cmsearch.common.files import larger_than
from cmsearch.common.kinds import ANEW, FileKind, is_placed
from cmsearch.errors import MediaError
from cmsearch.media.named_times import completed
from cmsearch.media.phash import phash
from cmsearch.media.readers import make_reader, parts
from cmsearch.protocols import Encoder, Sized
from cmsearch.store.catalog.skipped_lines import noted
from cmsearch.types import (
    UNKNOWN_CAPTURE,
    Capture,
    Modality,
    Noted,
    Part,
    Reading,
    Segment,
    Skipped,
    Window,
)
from indexer.prepare import PreparedItem, prepared
from indexer.scan import Found
from indexer.sources import Folder, Source
from indexer.subjects import Names, Subjects, subject_kinds

MAX_CONTENT = 30_000
"""Characters of a caption or a passage at most; readers cut passages before."""
MAX_ITEMS = 1_000_000
"""Items of a file at most, and lines of it that are named because they are left out."""
MAX_REASON = 300
"""Characters of a library's message that are kept."""
Heard = TypeVar("Heard", Segment, Window)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A file that was read: the items that are new in it, and the places of all of them.

    `hashes` has the perceptual hash of each picture, by the digest of its item. `adopted` has the
    digests of items that were imported, by those that they had until now.
    `error` says why it could not be read. One that is not `final` is read again by the next run.
    """

    file: Found
    digest: str | None
    new: list[PreparedItem] = field(default_factory=list)
    locators: dict[str, str] = field(default_factory=dict)
    hashes: dict[str, bytes] = field(default_factory=dict)
    adopted: dict[str, str] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)
    error: str | None = None
    final: bool = True
    capture: Capture = UNKNOWN_CAPTURE
    notes: list[Noted] = field(default_factory=list)

    @property
    def was_read(self) -> bool:
        """Whether it was; what can't be read at the moment keeps its items."""
        return self.digest is not None or self.final

    @property
    def noted(self) -> str | None:
        """What the catalog keeps of why the file, or lines of it, could not be read."""
        return noted(self.skipped) if self.error is None and self.final else self.error


class Loader:
    """Reads files of a source for an encoder; `subjects` are the paths that captions may name.

    `speech` gives what is said in the file at a path, and `sounds` what it sounds like; both get
    the digest of the file too.
    """

    def __init__(
        self,
        source: Source | Path,
        encoder: Encoder,
        subjects: Collection[str],
        speech: Callable[[Path, str], Iterable[Segment]] | None = None,
        sounds: Callable[[Path, str], Iterable[Window]] | None = None,
    ) -> None:
        self._source = Folder(source) if isinstance(source, Path) else source
        self._encoder = encoder
        self._speech = speech
        self._sounds = sounds
        self._subjects = Subjects(self._source.folder, subjects)

    def begin(self, file: Found) -> Found:
        """Let a file come here that is to be read soon, if it isn't too large."""
        if _too_large(file, file.size) is None:
            self._source.begin(file.path)
        return file

    def load(self, file: Found, known: frozenset[str]) -> Loaded:
        """Read `file`; items whose digest is `known` are in the catalog and aren't prepared."""
        with ExitStack() as held:
            try:
                error = _too_large(file, file.size)
                if error is None:
                    path = held.enter_context(self._source.here(file.path))
                    error = _too_large(file, path.stat().st_size)
                if error is not None:
                    return Loaded(file, None, error=error)
                digest = file_digest(path)
            except OSError as error:
                return Loaded(file, None, error=f"can't be read: {error.strerror}", final=False)
            return self._loaded(path, Loaded(file, digest), known)

    def _loaded(self, path: Path, loaded: Loaded, known: frozenset[str]) -> Loaded:
        file, digest, names = loaded.file, loaded.digest, Names(self._subjects, loaded.file)
        try:
            loaded = self._read(path, loaded, known, names)
        except MediaError as error:
            loaded = Loaded(file, digest, error=_shown(error))
        return replace(loaded, final=False) if names.lacking else loaded

    def _read(self, path: Path, loaded: Loaded, known: frozenset[str], names: Names) -> Loaded:
        file, final, capture = loaded.file, True, UNKNOWN_CAPTURE
        found = parts(make_reader(file.kind), path, self._wanted(loaded, names))
        for part in _bounded(found):
            if isinstance(part, Skipped):
                loaded.skipped.append(replace(part, path=file.path))
                continue
            if isinstance(part, Noted):
                loaded.notes.append(part)
                continue
            about = self._subjects.of(file, part)
            capture = capture if part.capture == UNKNOWN_CAPTURE else part.capture
            if part.about is not None and about is None:
                reason = f"describes {part.about}, which is not among the pictures here"
                loaded.skipped.append(Skipped(file.path, reason, part.locator))
                final = False  # the picture may come
                continue
            digest = _digest(loaded, part, None if about == file.path else about)
            if part.modality is Modality.IMAGE and part.kind != "page":
                loaded.hashes[digest] = phash(part.content)
            if digest not in loaded.locators and digest not in known:
                loaded.new.append(prepared(self._encoder, part, about, digest))
            loaded.locators.setdefault(digest, part.locator)
        if file.kind in subject_kinds():
            capture = completed(capture, file.path)
        return replace(loaded, final=final, capture=capture)

    def _wanted(self, loaded: Loaded, names: Names) -> Reading:
        digest, size = str(loaded.digest), self._encoder.capabilities.image_size
        return Reading(size, _of(self._speech, digest), _of(self._sounds, digest), names)


def _too_large(file: Found, size: int) -> str | None:
    """That a file of this size is larger than its reader reads, if it is, and what can be done
    about one that is written by a program beside a picture.
    """
    reader = make_reader(file.kind)
    if not isinstance(reader, Sized) or size <= reader.max_bytes:
        return None
    is_beside = getattr(reader, "kind", None) is FileKind.SIDECAR
    said = larger_than(reader.max_bytes)
    return f"{said}, which notes of a picture never are; {ANEW}" if is_beside else said


def _of(
    hear: Callable[[Path, str], Iterable[Heard]] | None, digest: str
) -> Callable[[Path], Iterable[Heard]] | None:
    """What hears a file of this digest."""
    return None if hear is None else lambda path: hear(path, digest)


def _digest(loaded: Loaded, part: Part, about: str | None) -> str:
    """The digest by which an item of a file is known again."""
    content = str(loaded.digest)
    if isinstance(part.content, str):
        content = content_digest(part.content.encode("utf-8", "surrogatepass"))
    return item_digest(part.kind, about, content, part.locator)


def item_digest(kind: str, about: str | None, content: str, locator: str) -> str:
    """The digest of an item by that of its text, or of its file where it is none."""
    if is_placed(kind):
        content = f"{content}\0{locator}"
    return content_digest(f"{kind}\0{about}\0{content}".encode())


def _bounded(found: Iterable[Part | Noted | Skipped]) -> Iterator[Part | Noted | Skipped]:
    """What a reader gives, up to `MAX_ITEMS`, without texts that are too long to be any."""
    for count, part in enumerate(found):
        if count >= MAX_ITEMS:
            reason = f"what comes after {MAX_ITEMS:,} texts or lines is left out; split the file"
            yield Skipped("", reason, getattr(part, "locator", ""))
            return
        content = part.content if isinstance(part, Part) else None
        if isinstance(content, str) and len(content) > MAX_CONTENT:
            reason = f"{len(content):,} characters are no caption"
            yield Skipped("", reason, getattr(part, "locator", ""))
        else:
            yield part


def _shown(error: MediaError) -> str:
    """What is wrong, as text that the catalog takes: libraries quote from what they read."""
    reason = str(error).encode("utf-8", "replace").decode()
    return reason if len(reason) <= MAX_REASON else f"{reason[:MAX_REASON]}…"
