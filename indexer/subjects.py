"""Which picture a caption is about, as files name pictures."""

# Tested by tests/unit/indexer/test_pairs.py

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from functools import cache, cached_property
from pathlib import Path, PurePosixPath
from posixpath import normpath
from threading import Lock
from typing import NamedTuple

from cmsearch.common.kinds import PICTURES, SUBJECTS, FileKind
from cmsearch.common.text import caseless, native, storable
from cmsearch.media.readers import names, suffixes
from cmsearch.store.catalog import files as indexed
from cmsearch.store.catalog.catalog import Catalog
from cmsearch.types import Part
from indexer.scan import Found, grouped, of_kinds


class FolderSubjects(Collection[str]):
    """The paths that captions may name: what the catalog has, and what is new.

    There may be a million, and most runs ask for none, so each is looked for when it is named.
    """

    def __init__(self, catalog: Catalog, new: Iterable[Found]) -> None:
        self._catalog = catalog
        self._kinds = names(*SUBJECTS)
        self._new = frozenset(file.path for file in of_kinds(new, *SUBJECTS))

    def __contains__(self, path: object) -> bool:
        return path in self._new or indexed.is_of(self._catalog, str(path), self._kinds)

    def __iter__(self) -> Iterator[str]:
        return iter(self._new.union(indexed.paths_of(self._catalog, self._kinds)))

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Subjects:
    """Looks pictures of a folder up; `pictures` are the paths that captions may name.

    Names that are none of theirs are compared with all of them in other ways, for which tables are
    made when the first one asks. Threads may call it.
    """

    def __init__(self, folder: Path, pictures: Collection[str]) -> None:
        self._folder = folder
        self._real_folder = folder.resolve()
        self._pictures = pictures
        self._making = Lock()

    def of(self, file: Found, part: Part) -> str | None:
        """The picture that a caption describes, by its path from the folder, if it is here.

        One that stands in a picture's own file is about that.
        """
        if part.about is not None:
            return self.named(file, part.about)
        is_own = file.about is None and part.kind == "caption" and file.kind in subject_kinds()
        return file.path if is_own else file.about

    def named(self, file: Found, name: str) -> str | None:
        """The picture that a file means by a name, by its path from the folder, if it is here."""
        folder = PurePosixPath(file.path).parent
        path = normpath(str(folder / name.replace("\\", "/")))
        if path in self._pictures:
            return path
        alike = self._tables.alike.get(caseless(path))
        found = self._linked(path) or _only(alike) or self._stemmed(path)
        if found is not None or not file.path.lower().endswith(".json"):
            return found
        # COCO keeps its annotations in a folder of their own and names pictures without theirs.
        last = PurePosixPath(path).name
        tables = self._tables
        return _only(tables.by_name.get(last) or tables.named_alike.get(caseless(last)))

    @property
    def _tables(self) -> _Tables:
        with self._making:
            return self._made

    @cached_property
    def _made(self) -> _Tables:
        paths = sorted(self._pictures)
        return _Tables(
            grouped((PurePosixPath(path).name, path) for path in paths),
            grouped((caseless(path), path) for path in paths),
            grouped((caseless(_stem(path)), path) for path in paths),
            grouped((caseless(PurePosixPath(path).name), path) for path in paths),
        )

    def _stemmed(self, path: str) -> str | None:
        """The picture that is named without its ending, or else the raw picture, or the film."""
        if PurePosixPath(path).suffix.lower() in _suffixes():
            return None
        found = self._tables.by_stem.get(caseless(path), [])
        for kind in (*PICTURES, FileKind.FILM):
            own = [one for one in found if PurePosixPath(one).suffix.lower() in _suffixes(kind)]
            if own:
                return _only(own)
        return None

    def _linked(self, path: str) -> str | None:
        """The picture to which a link leads that was passed over for it."""
        with suppress(OSError, ValueError):
            place = Path(os.path.realpath(self._folder / native(path), strict=True))
            found = storable(place.relative_to(self._real_folder).as_posix())
            return found if found in self._pictures else None
        return None


class _Tables(NamedTuple):
    """Paths by what else they may be called: their names, and these and themselves in any case and
    without their endings.
    """

    by_name: dict[str, list[str]]
    alike: dict[str, list[str]]
    by_stem: dict[str, list[str]]
    named_alike: dict[str, list[str]]


class Names:
    """Says of the names that a file writes whether they are of pictures of the folder.

    It is `lacking` one as soon as a name that ends as those of pictures do is of none: that picture
    may come.
    """

    def __init__(self, subjects: Subjects, file: Found) -> None:
        self.lacking = False
        self._subjects, self._file = subjects, file

    def __call__(self, name: str) -> bool:
        found = self._subjects.named(self._file, name) is not None
        self.lacking |= not found and PurePosixPath(name).suffix.lower() in _suffixes()
        return found


@cache
def subject_kinds() -> frozenset[str]:
    """The kinds of files that captions are about."""
    return frozenset(names(*SUBJECTS))


@cache
def _suffixes(*kinds: FileKind) -> frozenset[str]:
    """The endings of what captions are about, or of some kinds of it."""
    return suffixes(*(kinds or SUBJECTS))


def _stem(path: str) -> str:
    return str(PurePosixPath(path).with_suffix(""))


def _only(paths: list[str] | None) -> str | None:
    """The one path; several are not told apart by guessing."""
    return paths[0] if paths and len(paths) == 1 else None
