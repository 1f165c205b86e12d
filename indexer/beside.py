"""Which picture, film or recording a file of notes beside it is about, by its name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from posixpath import split
from typing import Any

from cmsearch.common.kinds import SUBJECTS, FileKind
from cmsearch.common.text import caseless
from cmsearch.media.readers import names
from cmsearch.media.takeout_names import original_stem, stem_of, without_number

XMP, JSON = "xmp", "notes"
"""The readers of XMP and of JSON beside what they are about."""
_RANKS = (FileKind.RAW_PICTURE, *(kind for kind in SUBJECTS if kind is not FileKind.RAW_PICTURE))
"""Of several files of one name that which Adobe's programs write `NAME.xmp` for comes first."""
_VERSION = re.compile(r"_\d\d(?=\.[^.]+$)")
_LONG, _SHORT = "supplemental-metadata", 30
"""What Takeout's names end with, of which it cuts what is too long; and characters of a name that
was cut at least.
"""


def subjects_beside(files: Sequence[tuple[Any, ...]]) -> dict[str, str]:
    """What each file of XMP or JSON is about, if it is here, by the paths; `files` begin with their
    path and their kind.
    """
    found, folders = dict[str, str](), dict[str, _Folder]()
    notes = [file[0] for file in files if file[0][-5:].lower().endswith((".xmp", ".json"))]
    if not notes:
        return found
    ranks = {name: rank for rank, kind in enumerate(_RANKS) for name in names(kind)}
    wanted = {split(path)[0] for path in notes}
    for path, kind, *_ in files:
        folder, name = split(path)
        if kind in ranks and folder in wanted:
            folders.setdefault(folder, _Folder()).add(name, ranks[kind])
    for path in notes:
        folder, name = split(path)
        if (own := folders.get(folder)) and (about := own.subject(name)):
            found[path] = f"{folder}/{about}" if folder else about
    return found


class _Folder:
    """The names of what can be written about in a folder."""

    def __init__(self) -> None:
        self._names: set[str] = set()
        self._alike: dict[str, list[str]] = {}
        self._stems: dict[str, list[tuple[int, str]]] = {}
        self._copies: dict[str, list[str]] = {}

    def add(self, name: str, rank: int) -> None:
        self._names.add(name)
        self._alike.setdefault(caseless(name), []).append(name)
        self._stems.setdefault(caseless(name.rpartition(".")[0]), []).append((rank, name))
        if original := original_stem(stem_of(name)):
            self._copies.setdefault(caseless(original), []).append(name)

    def subject(self, name: str) -> str | None:
        stem, _, ending = name.rpartition(".")
        return self._of_xmp(stem) if ending.lower() == "xmp" else self._of_json(stem)

    def _of_xmp(self, stem: str) -> str | None:
        """`NAME.jpg.xmp`, darktable's `NAME_01.jpg.xmp` of a second version, and `NAME.xmp`."""
        whole = self._named(stem) or self._named(_VERSION.sub("", stem))
        own = [one for one in self._stems.get(caseless(stem), []) if _is_stem(stem, one[1])]
        alike = self._stems.get(caseless(stem), [])
        return whole or min(own or alike, default=(0, None))[1]

    def _of_json(self, stem: str) -> str | None:
        """`NAME.jpg.json`, `NAME.jpg.supplemental-metadata.json`, also cut short, and with the
        number of a further picture of that name: `NAME.jpg(1).json` is of `NAME(1).jpg`.
        """
        if found := self._named(stem):
            return found
        name = without_number(stem)
        number = stem[len(name) :]
        front, dot, back = name.rpartition(".")
        is_marked = bool(dot) and _LONG.startswith(back)
        name = front if is_marked else name
        place = name.rpartition(".")
        numbered = f"{place[0]}{number}.{place[2]}" if number else name
        found = self._named(numbered) or self._cut(name, number)
        return found or (self._marked(numbered, f"{name}{number}") if is_marked and back else None)

    def _cut(self, name: str, number: str) -> str | None:
        """The one file whose name begins so, and has this number."""
        if len(name) < _SHORT:
            return None
        found = [one for one in self._names if one.startswith(name)]
        found = [one for one in found if _number(stem_of(one)) == number]
        return found[0] if len(found) == 1 else None

    def _marked(self, name: str, stem: str) -> str | None:
        """The one file of that stem, for a picture whose title had no ending, or the one edited
        copy of a picture that isn't here.
        """
        whole = self._stems.get(caseless(stem), [])
        copies = self._copies.get(caseless(stem_of(name)), [])
        found = [one for _, one in whole] or copies
        return found[0] if len(found) == 1 else None

    def _named(self, name: str) -> str | None:
        if name in self._names:
            return name
        found = self._alike.get(caseless(name), [])
        return found[0] if len(found) == 1 else None


def _number(stem: str) -> str:
    return stem[len(without_number(stem)) :]


def _is_stem(stem: str, name: str) -> bool:
    return name.rpartition(".")[0] == stem
