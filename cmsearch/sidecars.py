"""Writing what is said about pictures into files beside them: plain text, or XMP."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from cmsearch import xmp
from cmsearch.annotation import Annotation
from cmsearch.errors import MediaError
from cmsearch.files import create_file, read_file, replace_file
from cmsearch.text import caseless, printable
from cmsearch.types import Skipped

MAX_XMP = 16 * 2**20
OUTCOMES = ("written", "changed", "kept", "nothing", "failed")
"""A new file; one that there was; one that stays as it is; nothing to say; and why not."""


class Sidecars:
    """Writes a file beside each picture, and counts what came of it.

    `form` is `text`: `NAME.txt` with a caption a line, or all labels on one line. Or it is `xmp`:
    `NAME.jpg.xmp`, as darktable and digiKam name it, or with `stem` `NAME.xmp`, as Adobe's programs
    do; labels are added to its keywords, and the best caption becomes its description. A text that
    is there, and a description that is there, stay unless `overwrite`. With `dry` nothing is
    written, and the rest is the same.
    """

    def __init__(
        self, form: str, *, stem: bool = False, overwrite: bool = False, dry: bool = False
    ) -> None:
        self.outcomes: Counter[str] = Counter()
        self.failed: list[Skipped] = []
        self._form, self._stem = form, stem
        self._overwrite, self._dry = overwrite, dry
        self._folders: dict[Path, set[str]] = {}
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
        if target in self._done:  # a raw picture and its JPEG have the same name
            return "kept"
        self._done.add(target)
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

    def _is_alike(self, target: Path) -> bool:
        """Whether a file is there whose name differs only in case; it may be read in its place."""
        folder = target.parent
        if folder not in self._folders:
            self._folders[folder] = {caseless(one.name) for one in folder.iterdir()}
        return caseless(target.name) in self._folders[folder]


def _text(annotation: Annotation) -> bytes:
    labels = ", ".join(one.name for one in annotation.labels)
    lines: Sequence[str] = [*([labels] if labels else []), *(c.text for c in annotation.captions)]
    return "".join(f"{printable(line)}\n" for line in lines).encode()
