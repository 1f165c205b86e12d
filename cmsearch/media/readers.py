"""The plug point of readers: one for each kind of file, and what is known of files by their names.

A built-in reader and one that a package adds are found in the same way; where both read files with
one suffix, the built-in one does.
"""

# Tested by tests/contract/test_reader.py

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath

from cmsearch.common.kinds import HEARD, FileKind
from cmsearch.errors import CmsearchError, MediaError
from cmsearch.protocols import Reader
from cmsearch.registry import Registry
from cmsearch.types import Modality, Noted, Part, Reading, Skipped

readers = Registry(
    "cmsearch.readers",
    {
        "image": "cmsearch.media.images:ImageReader",
        "raw": "cmsearch.media.raw:RawReader",
        "video": "cmsearch.media.video:VideoReader",
        "audio": "cmsearch.media.audio:AudioReader",
        "captions": "cmsearch.media.captions:CaptionsReader",
        "document": "cmsearch.media.texts:DocumentReader",
        "docx": "cmsearch.media.docx:DocxReader",
        "html": "cmsearch.media.html:HtmlReader",
        "pdf": "cmsearch.media.pdf:PdfReader",
        "notes": "cmsearch.media.takeout:NotesReader",
        "sidecar": "cmsearch.media.texts:SidecarReader",
        "subtitles": "cmsearch.media.subtitles:SubtitlesReader",
        "xmp": "cmsearch.media.xmp_files:XmpReader",
    },
)
"""Classes made without arguments, by the name of the reader, which catalogs keep as the kind of a
file. The frequent ones come first: to know a file by its suffix, no others are imported.
"""


def make_reader(name: str) -> Reader:
    """A reader by its name. Raises `KeyError` for one that isn't there."""
    reader: Reader = readers.load(name)()
    return reader


def kind_of(reader: Reader) -> FileKind:
    """What a reader's files are; a reader that doesn't say so reads documents."""
    return FileKind(getattr(reader, "kind", FileKind.DOCUMENT))


def is_long(reader: Reader) -> bool:
    """Whether a file may hold hours, or hundreds of pictures, so that few are read ahead."""
    return bool(getattr(reader, "is_long", kind_of(reader) in HEARD))


def may_be_table(reader: Reader, path: str) -> bool:
    """Whether a file may be a table of captions, which are about files that it names."""
    suffixes: frozenset[str] = getattr(reader, "tables", frozenset())
    return kind_of(reader) is FileKind.CAPTIONS or _suffix(path) in suffixes


def parts(reader: Reader, path: Path, wanted: Reading) -> Iterator[Part | Noted | Skipped]:
    """What a reader gives of a file. Raises `MediaError`, whatever the reader of a package does."""
    with failing_alone(reader):
        for part in reader.read(path, wanted):
            if isinstance(part, Part) and part.modality is Modality.IMAGE:
                check_picture(part.content)
            yield part


def check_picture(content: object) -> None:
    """Raise `MediaError` for what a reader gave in place of a picture in RGB."""
    if getattr(content, "mode", None) != "RGB":
        raise MediaError("its reader gave no picture in RGB")


@contextmanager
def failing_alone(reader: Reader) -> Iterator[None]:
    """Within it a mistake in the reader of a package is a `MediaError`, so that only one file is
    lost by it; one in a reader of ours is left to be seen.
    """
    try:
        yield
    except CmsearchError:
        raise
    except Exception as error:
        if type(reader).__module__.startswith("cmsearch."):
            raise
        reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        raise MediaError(f"its reader failed ({reason})") from error


def names(*kinds: FileKind) -> tuple[str, ...]:
    """The names of the readers of these kinds of files, those of the first kind first."""
    found = [(kind_of(reader), name) for name, reader in _each()]
    return tuple(name for kind in kinds for own, name in found if own is kind)


def suffixes(*kinds: FileKind) -> frozenset[str]:
    """What the names of files of these kinds end with; without any, those of all."""
    found = (reader for _, reader in _each() if not kinds or kind_of(reader) in kinds)
    return frozenset(suffix.lower() for reader in found for suffix in reader.suffixes)


def names_by_suffix() -> dict[str, str]:
    """The name of the reader of files that end so; that of a sidecar where no other reads them."""
    found: dict[str, str] = {}
    sidecars: dict[str, str] = {}
    for name, reader in _each():
        is_beside = kind_of(reader) is FileKind.SIDECAR
        for suffix in reader.suffixes:
            (sidecars if is_beside else found).setdefault(suffix.lower(), name)
    return sidecars | found


def reader_for(path: PurePath | str) -> Reader | None:
    """The reader of files whose names end as this one; None where none reads them."""
    suffix = _suffix(path)
    if not suffix:
        return None
    for _, reader in _each():
        is_own = suffix in reader.suffixes or suffix in map(str.lower, reader.suffixes)
        if is_own and kind_of(reader) is not FileKind.SIDECAR:
            return reader
    return None


def kind_at(path: PurePath | str) -> FileKind | None:
    """What a file is, by the end of its name; None where no reader reads it."""
    reader = reader_for(path)
    return None if reader is None else kind_of(reader)


def _each() -> Iterator[tuple[str, Reader]]:
    """The readers by their names, the built-in ones first."""
    return ((name, make_reader(name)) for name in readers.rows())


def _suffix(path: PurePath | str) -> str:
    return PurePath(path).suffix.lower()
