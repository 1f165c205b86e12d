"""Writing what is said about pictures into files beside them: plain text, or XMP."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from cmsearch.annotate import xmp
from cmsearch.annotate.annotation import Annotation
from cmsearch.common.files import create_file, read_file, replace_file
from cmsearch.common.kinds import PICTURES, FileKind
from cmsearch.common.text import caseless, printable
from cmsearch.errors import MediaError
from cmsearch.media.readers import kind_at, suffixes
from cmsearch.types import Skipped

MAX_XMP = 16 * 2**20
OUTCOMES = ("written", "changed", "kept", "shared", "nothing", "failed")
"""A new file; one that there was; one that stays as it is; that of the raw picture or its JPEG;
nothing to say; and why not."""


class Sidecars:
    """Writes a file beside each picture, and counts what came of it.

    `form` is `text`: `NAME.txt` with a caption a line, or all labels on one line. Or it is `xmp`:
    `NAME.jpg.xmp`, as darktable and digiKam name it, or with `stem` `NAME.xmp`, as Adobe's programs
    do; labels are added to its keywords, and the best caption becomes its description. A text that
    is there, and a description that is there, stay unless `overwrite`. With `dry` nothing is
    written, and the rest is the same.

    Where several pictures have one name but for its ending, the file is about the one that others
    take it for: XMP about the raw picture, a text about the first that is none. The others are not
    written: a raw picture and its JPEG are `shared`, what else there is has `failed`.
    """

    def __init__(
        self, form: str, *, stem: bool = False, overwrite: bool = False, dry: bool = False
    ) -> None:
        self.outcomes: Counter[str] = Counter()
        self.failed: list[Skipped] = []
        self.shared: list[Skipped] = []
        self._form, self._stem = form, stem
        self._overwrite, self._dry = overwrite, dry
        self._folders: dict[Path, _Folder] = {}
        self._done: set[Path] = set()

    def write(self, annotation: Annotation) -> str:
        """Write what is said about one picture; gives one of `OUTCOMES`.

        What can't be written is kept in `failed` and stops nothing.
        """
        try:
            outcome = self._write(annotation)
        except (OSError, MediaError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            self.failed.append(Skipped(str(annotation.path), reason))
            outcome = "failed"
        self.outcomes[outcome] += 1
        return outcome

    def _write(self, annotation: Annotation) -> str:
        target = self.target(annotation.path)
        if not annotation.labels and not annotation.captions:
            return "nothing"
        if not annotation.path.is_file():
            raise MediaError("the picture is not there any more")
        if target.is_symlink():
            raise MediaError(f"{target.name} is a link, and is left alone")
        if self._is_of_another(annotation.path, target):
            return "shared"
        alike = target.with_name(caseless(target.name))
        if alike in self._done:
            raise MediaError(f"there is a file whose name is {target.name} but for its case")
        self._done.add(alike)
        new, old = self._content(annotation, target)
        if new is None:
            return "kept"
        if not self._dry:
            (create_file if old is None else replace_file)(target, new)
        return "written" if old is None else "changed"

    def _content(self, annotation: Annotation, target: Path) -> tuple[bytes | None, bytes | None]:
        """What to write, None for nothing, and what is there."""
        if not target.exists() and self._is_alike(target):
            return None, None
        old = read_file(target, MAX_XMP) if target.exists() else None
        if self._form == "text":
            return (None if old is not None and not self._overwrite else _text(annotation)), old
        keywords = [one.name for one in annotation.labels]
        best = annotation.captions[0].text if annotation.captions else None
        try:
            new = xmp.merged(old, keywords, best, replace=self._overwrite)
        except MediaError as error:
            raise MediaError(f"{target.name} is left alone: {error}") from error
        return (None if new == old else new), old

    def target(self, picture: Path) -> Path:
        """The file beside a picture that is written."""
        if self._form == "text":
            return picture.with_suffix(".txt")
        return (
            picture.with_suffix(".xmp") if self._stem else picture.with_name(f"{picture.name}.xmp")
        )

    def _is_of_another(self, picture: Path, target: Path) -> bool:
        """Whether the file is that of the raw picture or the JPEG of this one; raises `MediaError`
        where it is that of another picture.
        """
        if target.stem == picture.name:
            return False
        own = self._folder(target.parent).pictures.get(picture.stem, [])
        order = [False, True] if self._form == "text" else [True, False]
        owner = min(own, key=lambda one: (order.index(_is_raw(one)), one), default=picture.name)
        if owner == picture.name:
            return False
        reason = f"{target.name} is about {owner}, which has the same name but for its ending"
        if len(own) == 2 and _is_raw(owner) is not _is_raw(picture.name):
            self.shared.append(Skipped(str(picture), reason))
            return True
        way = "write XMP" if self._form == "text" else "write NAME.EXT.xmp (--xmp-name full)"
        raise MediaError(f"{reason}: rename one of the two, or {way}")

    def _is_alike(self, target: Path) -> bool:
        """Whether a file is there whose name differs only in case; it may be read in its place."""
        return caseless(target.name) in self._folder(target.parent).names

    def _folder(self, folder: Path) -> _Folder:
        if folder not in self._folders:
            self._folders[folder] = _Folder(folder)
        return self._folders[folder]


class _Folder:
    """What lay in a folder when it was first looked at."""

    def __init__(self, folder: Path) -> None:
        names = sorted(one.name for one in folder.iterdir())
        pictures = suffixes(*PICTURES)
        self.names = {caseless(name) for name in names}
        self.pictures: dict[str, list[str]] = {}
        for name in names:
            if Path(name).suffix.lower() in pictures and not name.startswith("."):
                self.pictures.setdefault(Path(name).stem, []).append(name)


def _is_raw(name: str) -> bool:
    return kind_at(name) is FileKind.RAW_PICTURE


def _text(annotation: Annotation) -> bytes:
    labels = ", ".join(one.name for one in annotation.labels)
    lines: Sequence[str] = [*([labels] if labels else []), *(c.text for c in annotation.captions)]
    return "".join(f"{printable(line)}\n" for line in lines).encode()
