"""Which picture a caption is about, as files name pictures."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path, PurePosixPath
from posixpath import normpath

from cmsearch.text import caseless, native, storable
from cmsearch.types import Part
from indexer.scan import Found, grouped


class Subjects:
    """Looks pictures of a folder up; `pictures` are the paths that captions may name."""

    def __init__(self, folder: Path, pictures: frozenset[str]) -> None:
        self._folder = folder
        self._real_folder = folder.resolve()
        self._pictures = pictures
        self._by_name = grouped((PurePosixPath(path).name, path) for path in pictures)
        self._alike = grouped((caseless(path), path) for path in pictures)
        self._named_alike = grouped((caseless(PurePosixPath(path).name), path) for path in pictures)

    def of(self, file: Found, part: Part) -> str | None:
        """The picture that a caption describes, by its path from the folder, if it is here."""
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


def _only(paths: list[str] | None) -> str | None:
    """The one path; several are not told apart by guessing."""
    return paths[0] if paths and len(paths) == 1 else None
