"""What files hold: assets, parts, items, what was said, and what was left out."""

# Tested by tests/meta/test_docstrings.py

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cmsearch.types.embeddings import FloatArray, Modality

RAW = frozenset(
    {
        *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dng", ".iiq", ".nef", ".nrw", ".orf"),
        *(".pef", ".raf", ".rw2", ".rwl", ".sr2", ".srf", ".srw"),
    }
)
"""The suffixes of cameras' raw pictures."""
STALE = -(2**63)
"""In place of a file's time: it is to be read again, though all its items are in the catalog."""


@dataclass(frozen=True, slots=True)
class Capture:
    """What a camera noted beside a picture."""

    taken: datetime | None = None
    """The local time at which it was taken."""
    camera: str | None = None
    """The maker and the model of the camera."""
    latitude: float | None = None
    """Degrees north."""
    longitude: float | None = None
    """Degrees east."""
    source: str | None = None
    """What says when it was taken, as `cmsearch.media.moments.SOURCES` lists it."""
    zone: str | None = None
    """The offset of that time from UTC, such as `+02:00`, where it is written."""


UNKNOWN_CAPTURE = Capture()


@dataclass(frozen=True, slots=True)
class Notes:
    """What people and programs wrote about a picture, a film or a recording, besides captions."""

    keywords: tuple[str, ...] = ()
    """Keywords, those with levels as `Animals|Dogs`."""
    people: tuple[str, ...] = ()
    """Names of those who are in it."""
    places: tuple[str, ...] = ()
    """Names of where it is, the nearest first."""
    rating: int | None = None
    """Stars from 0 to 5; -1 for one that was rejected."""
    labels: tuple[str, ...] = ()
    """Names of colours, or what a program calls its marks."""
    creators: tuple[str, ...] = ()
    """Names of those who made it."""


NO_NOTES = Notes()


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as last seen."""

    path: str
    """The POSIX path relative to the store's root."""
    kind: str
    """The kind of the file, which is the name of its reader."""
    size: int
    """Bytes of the file."""
    mtime_ns: int | None
    """Nanoseconds; None while its items are not all in the catalog, so that it is read again."""
    digest: str | None
    """The digest of the file's bytes; None if it was never read."""
    error: str | None = None
    """Why the file, or some of its lines, couldn't be read; None if all could."""
    about: str | None = None
    """The picture that a sidecar belongs to."""
    capture: Capture = UNKNOWN_CAPTURE
    """What the camera noted, if the file is a picture."""


@dataclass(frozen=True, slots=True)
class Item:
    """The unit that is returned: a photo, a caption, a passage, what was said, a shot of a film."""

    id: int
    """The number of the item in its store."""
    path: str
    """The path of its file, relative to the store's root."""
    modality: Modality
    """The modality of its content."""
    kind: str
    """The kind of the item, such as `photo`, `caption` or `shot`."""
    text: str | None
    """The whole text, if the item is one."""
    about: str | None
    """The path of the picture or film that a caption describes."""
    locator: str
    """The place in its file, as `cmsearch.common.locators` writes and reads it."""
    digest: str
    """The digest of its own content."""
    taken: datetime | None
    """When its picture was taken, else when its file was last changed."""


@dataclass(frozen=True, slots=True)
class Part:
    """Content of one modality that a reader finds in a file, and that becomes an item."""

    modality: Modality
    """The modality of the content."""
    kind: str
    """The kind of the item that it becomes."""
    content: Any
    """A string for text and speech; an upright RGB `PIL.Image.Image`; for a shot the tuple of the
    pictures that stand for it; for sound its vector `(dim,)`.
    """
    about: str | None = None
    """The path of the image that a caption describes, as its file writes it."""
    locator: str = ""
    """The place in the file, as `cmsearch.common.locators` writes it."""
    capture: Capture = UNKNOWN_CAPTURE
    """What the camera noted."""


@dataclass(frozen=True, slots=True)
class Noted:
    """What a reader finds noted in a file of the file itself, or of what that lies beside."""

    notes: Notes = NO_NOTES
    """What is noted."""
    capture: Capture = UNKNOWN_CAPTURE
    """When and where it was taken, as far as this file has it."""
    source: str = "embedded"
    """Where it stands, as `cmsearch.common.kinds.NOTED` lists it."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file, or a line of one, that was left out."""

    path: str
    """The path of the file, relative to the folder."""
    reason: str
    """Why it was left out, as a sentence."""
    locator: str = ""
    """The place in the file; empty if the whole file was left out."""


@dataclass(frozen=True, slots=True)
class Segment:
    """An utterance or a few sentences that were said."""

    start: float
    """The second at which it begins."""
    end: float
    """The second at which it ends."""
    text: str
    """The words that were said."""


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line of text in a picture."""

    text: str
    """What it says."""
    score: float
    """How sure that is, from 0 to 1."""
    box: tuple[float, ...]
    """Its four corners, each as x and y in shares of the picture's width and height, from the upper
    left of the text on, clockwise.
    """
    page: int = 0
    """The page of a document, from 1; 0 in a picture."""


@dataclass(frozen=True, slots=True)
class Window:
    """What a recording or a film sounds like for some seconds."""

    start: float
    """The second at which it begins."""
    end: float
    """The second at which it ends."""
    vector: FloatArray
    """A unit vector `(dim,)` in the space of sounds."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a file is to be read."""

    image_size: int
    """A reader may decode pictures no larger than twice this many pixels."""
    speech: Callable[[Path], Iterable[Segment]] | None = None
    """Gives what is said in a recording or a film; None passes speech over."""
    sounds: Callable[[Path], Iterable[Window]] | None = None
    """Gives what a recording or a film sounds like; None passes sound over."""
    knows: Callable[[str], bool] | None = None
    """Says whether a name, as the file writes it, is that of a picture or a film of the folder;
    None knows of none.
    """


@dataclass(frozen=True, slots=True)
class Place:
    """Where a picture is: a file, and the page or the time in it."""

    path: Path
    """The path of the file."""
    locator: str = ""
    """The page or the time, as `cmsearch.common.locators` writes it; empty for the file itself."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stage is."""

    stage: str
    """The name of the stage."""
    done: int
    """The items that are done; of files, before they are read."""
    total: int
    """The items that there are to do."""
    note: str = ""
    """What takes long at the moment, such as which minute of which recording is heard."""
