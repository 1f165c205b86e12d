"""Reading one file into the items that it is to have; runs on a worker thread."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from posixpath import normpath

from cmsearch.catalog import content_digest, file_digest
from cmsearch.errors import MediaError
from cmsearch.registry import make_reader
from cmsearch.types import UNKNOWN_SHOT, Encoder, Modality, Part, Shot, Skipped
from indexer.scan import Found


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


class Loader:
    """Reads files of a folder for an encoder; `pictures` are the paths that captions may name."""

    def __init__(self, folder: Path, encoder: Encoder, pictures: frozenset[str]) -> None:
        self._folder = folder
        self._encoder = encoder
        self._pictures = pictures
        self._by_name: dict[str, list[str]] = {}
        for path in sorted(pictures):
            self._by_name.setdefault(PurePosixPath(path).name, []).append(path)

    def load(self, file: Found, known: frozenset[str]) -> Loaded:
        """Read `file`; items whose digest is `known` are in the catalog and aren't prepared."""
        path = self._folder / file.path
        try:
            digest = file_digest(path)
        except OSError as error:
            return Loaded(file, None, error=f"can't be read: {error.strerror}", final=False)
        loaded = Loaded(file, digest)
        try:
            return self._read(path, loaded, known)
        except MediaError as error:
            return Loaded(file, digest, error=str(error))

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
        named = self._by_name.get(PurePosixPath(path).name, [])
        # COCO keeps its annotations in a folder of their own and names pictures without theirs.
        return named[0] if file.path.endswith(".json") and len(named) == 1 else None

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
