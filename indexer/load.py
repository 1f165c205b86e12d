"""Reading one file into the items that it is to have; runs on a worker thread."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from posixpath import normpath

from cmsearch.digest import content_digest, file_digest
from cmsearch.errors import MediaError
from cmsearch.notes import noted
from cmsearch.registry import make_reader
from cmsearch.text import caseless, native, storable
from cmsearch.types import UNKNOWN_SHOT, Encoder, Modality, Part, Shot, Skipped
from indexer.scan import Found, grouped

MAX_REASON = 300
"""Characters of a library's message that are kept."""


@dataclass(frozen=True, slots=True)
class LoadedItem:
    """A part to be encoded: text as it is, a picture as the encoder prepared it."""

    part: Part
    about: str | None
    digest: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """A file that was read: the items that are new in it, and the places of all of them.

    `error` says why it could not be read. One that is not `final` is read again by the next run.
    """

    file: Found
    digest: str | None
    new: list[LoadedItem] = field(default_factory=list)
    locators: dict[str, str] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)
    error: str | None = None
    final: bool = True
    shot: Shot = UNKNOWN_SHOT

    @property
    def noted(self) -> str | None:
        """What the catalog keeps of why the file, or lines of it, could not be read."""
        return noted(self.skipped) if self.error is None and self.final else self.error


class Loader:
    """Reads files of a folder for an encoder; `pictures` are the paths that captions may name."""

    def __init__(self, folder: Path, encoder: Encoder, pictures: frozenset[str]) -> None:
        self._folder = folder
        self._real_folder = folder.resolve()
        self._encoder = encoder
        self._pictures = pictures
        self._by_name = grouped((PurePosixPath(path).name, path) for path in pictures)
        self._alike = grouped((caseless(path), path) for path in pictures)
        self._named_alike = grouped((caseless(PurePosixPath(path).name), path) for path in pictures)

    def load(self, file: Found, known: frozenset[str]) -> Loaded:
        """Read `file`; items whose digest is `known` are in the catalog and aren't prepared."""
        path = self._folder / native(file.path)
        try:
            digest = file_digest(path)
        except OSError as error:
            return Loaded(file, None, error=f"can't be read: {error.strerror}", final=False)
        loaded = Loaded(file, digest)
        try:
            return self._read(path, loaded, known)
        except MediaError as error:
            return Loaded(file, digest, error=_shown(error))

    def _read(self, path: Path, loaded: Loaded, known: frozenset[str]) -> Loaded:
        file, final, shot = loaded.file, True, UNKNOWN_SHOT
        size = self._encoder.capabilities.image_size
        for part in make_reader(file.kind).read(path, size):
            if isinstance(part, Skipped):
                loaded.skipped.append(replace(part, path=file.path))
                continue
            about, shot = self._about(file, part), part.shot
            if part.about is not None and about is None:
                reason = f"describes {part.about}, which is not among the pictures here"
                loaded.skipped.append(Skipped(file.path, reason, part.locator))
                final = False  # the picture may come
                continue
            item = self._item(loaded, part, about)
            if item.digest not in loaded.locators and item.digest not in known:
                loaded.new.append(self._prepared(item))
            loaded.locators.setdefault(item.digest, part.locator)
        return replace(loaded, final=final, shot=shot)

    def _about(self, file: Found, part: Part) -> str | None:
        """The picture that a caption describes, by its path from the folder that is indexed."""
        if part.about is None:
            return file.about
        folder = PurePosixPath(file.path).parent
        path = normpath(str(folder / part.about.replace("\\", "/")))
        if path in self._pictures:
            return path
        found = self._linked(path) or _only(self._alike.get(caseless(path)))
        if found is not None or not file.path.lower().endswith(".json"):
            return found
        # COCO keeps its annotations in a folder of their own and names pictures without theirs.
        name = PurePosixPath(path).name
        return _only(self._by_name.get(name) or self._named_alike.get(caseless(name)))

    def _linked(self, path: str) -> str | None:
        """The picture to which a link leads that was passed over for it."""
        with suppress(OSError, ValueError):
            place = Path(os.path.realpath(self._folder / native(path), strict=True))
            found = storable(place.relative_to(self._real_folder).as_posix())
            return found if found in self._pictures else None
        return None

    def _item(self, loaded: Loaded, part: Part, about: str | None) -> LoadedItem:
        content = str(loaded.digest)
        if part.modality is Modality.TEXT:
            content = content_digest(part.content.encode("utf-8", "surrogatepass"))
        digest = content_digest(f"{part.kind}\0{about}\0{content}".encode())
        return LoadedItem(part, about, digest)

    def _prepared(self, item: LoadedItem) -> LoadedItem:
        if item.part.modality is Modality.TEXT:
            return item
        content = self._encoder.prepare(item.part.content, item.part.modality)
        return replace(item, part=replace(item.part, content=content))


def _only(paths: list[str] | None) -> str | None:
    """The one path; several are not told apart by guessing."""
    return paths[0] if paths and len(paths) == 1 else None


def _shown(error: MediaError) -> str:
    """What is wrong, as text that the catalog takes: libraries quote from what they read."""
    reason = str(error).encode("utf-8", "replace").decode()
    return reason if len(reason) <= MAX_REASON else f"{reason[:MAX_REASON]}…"
