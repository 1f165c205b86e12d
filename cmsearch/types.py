"""The nouns of cmsearch and the protocols of its plug points; data without logic."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
IdArray = NDArray[np.int64]


class Modality(StrEnum):
    """What kind of signal a piece of content is."""

    TEXT = "text"
    IMAGE = "image"
    SPEECH = "audio"
    VIDEO = "video"
    SOUND = "sound"


TOWER: Mapping[Modality, Modality] = {
    Modality.TEXT: Modality.TEXT,
    Modality.IMAGE: Modality.IMAGE,
    Modality.SPEECH: Modality.TEXT,
    Modality.VIDEO: Modality.IMAGE,
    Modality.SOUND: Modality.SOUND,
}
"""As what the items of a modality are encoded: speech by its words, a shot by its pictures.

Sound has a tower, and a space, of its own.
"""
READ = tuple(one for one, tower in TOWER.items() if tower is Modality.TEXT)
SEEN = tuple(one for one, tower in TOWER.items() if tower is Modality.IMAGE)
RAW = frozenset(
    {
        *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dng", ".iiq", ".nef", ".nrw", ".orf"),
        *(".pef", ".raf", ".rw2", ".rwl", ".sr2", ".srf", ".srw"),
    }
)
"""What the names of cameras' raw pictures end with."""
HEARD = ("audio", "video")
"""The kinds of files in which something may be said."""
STALE = -(2**63)
"""In place of a file's time: it is to be read again, though all its items are in the catalog."""


class Role(StrEnum):
    """Whether content is asked with or searched among; some encoders treat the two differently."""

    QUERY = "query"
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class Space:
    """The identity of an embedding space; vectors of two spaces are never compared.

    `weights` is a digest, `recipe` names preprocessing, pooling, prompts and alignment constants.
    """

    encoder: str
    model: str
    weights: str
    recipe: str
    dim: int
    adapter: str | None = None
    metric: str = "cosine"


@dataclass(frozen=True, slots=True)
class Generation:
    """A space that a store has, or had, its items in.

    The one with the highest `served` is searched; None is one that was never whole.
    """

    id: int
    served: int | None
    created: str
    """The time in UTC, in ISO 8601."""
    space_id: int
    space: Space
    runtime: str


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an encoder can do and how it likes to be fed."""

    modalities: frozenset[Modality]
    image_size: int
    """Pixels of the square that an image is brought to; a decoder may shrink images to twice it."""
    rate: int = 0
    """Samples a second of the sound that it takes."""
    seconds: float = 0.0
    """The longest sound that it takes whole."""
    batch_size: int = 16
    workers: int = 1
    """How many `encode` calls may usefully run at once."""
    runtime: str = "onnxruntime"


@dataclass(frozen=True, slots=True)
class Capture:
    """What a camera noted beside a picture: local time, model, and degrees north and east."""

    taken: datetime | None = None
    camera: str | None = None
    latitude: float | None = None
    longitude: float | None = None


UNKNOWN_CAPTURE = Capture()


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as last seen. `path` is POSIX and relative to the store's root."""

    path: str
    kind: str
    size: int
    mtime_ns: int | None
    """Nanoseconds; None while its items are not all in the catalog, so that it is read again."""
    digest: str | None
    error: str | None = None
    about: str | None = None
    """The picture that a sidecar belongs to."""
    capture: Capture = UNKNOWN_CAPTURE


@dataclass(frozen=True, slots=True)
class Item:
    """The unit that is returned: a photo, a caption, a passage, what was said, a shot of a film.

    `locator` is where in its file it is, as `cmsearch.common.locators` writes and reads it.
    """

    id: int
    path: str
    modality: Modality
    kind: str
    text: str | None
    about: str | None
    locator: str
    digest: str
    taken: datetime | None
    """Of the picture that it is or is about, else of its file: the camera's, or the last change."""


@dataclass(frozen=True, slots=True)
class Part:
    """What a reader finds in a file: content of one modality that becomes an item.

    `about` is the path of the image that a caption describes, as its file writes it (relative to
    the file's own folder). `content` is a string, for text and for speech; an upright RGB
    `PIL.Image.Image`; for a shot of a film the tuple of those pictures that stand for it; or for
    sound its vector `(dim,)`.
    """

    modality: Modality
    kind: str
    content: Any
    about: str | None = None
    locator: str = ""
    capture: Capture = UNKNOWN_CAPTURE


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file, or a line of one, that was left out, and why."""

    path: str
    reason: str
    locator: str = ""


@dataclass(frozen=True, slots=True)
class Segment:
    """What was said from `start` to `end`, in seconds: an utterance or a few sentences."""

    start: float
    end: float
    text: str


@dataclass(frozen=True, slots=True)
class Window:
    """What a recording or a film sounds like from `start` to `end`, in seconds: a unit `vector
    (dim,)` in the space of sounds.
    """

    start: float
    end: float
    vector: FloatArray


@dataclass(frozen=True, slots=True)
class Reading:
    """How a file is to be read.

    Pictures may be decoded no larger than twice `image_size` pixels. `speech` gives what is said in
    a recording or a film, and `sounds` what it sounds like; without them that is passed over.
    `knows` says of a name, as the file writes it, whether it is that of a picture or a film of the
    folder; without it none is known.
    """

    image_size: int
    speech: Callable[[Path], Iterable[Segment]] | None = None
    sounds: Callable[[Path], Iterable[Window]] | None = None
    knows: Callable[[str], bool] | None = None


@dataclass(frozen=True, slots=True)
class Encoding:
    """What an encoder gives for a batch of n.

    `vectors (n, dim)` have unit length; `tokens (n, t, dim)` are words, patches or frames with
    `weights (n, t)`, 0 where a row has fewer than t; `features (n, f)` come from before the last
    projection, for learning.
    """

    vectors: FloatArray
    tokens: FloatArray | None = None
    weights: FloatArray | None = None
    features: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """What hits have to be, besides relevant; captions are judged by the picture they describe.

    `path` is a glob over the path from the store's folder, of a file or of a folder with all that
    is below it, in which `*` matches slashes too and capitals don't count; one without a slash may
    lie in any folder. It may be absolute, too. `since` and `until` are days, both included,
    of the time when a picture was taken, or else its file was changed. `camera` is a part of the
    camera's name, in any case. `near` is degrees north, degrees east, and kilometres.
    """

    path: str | None = None
    since: date | None = None
    until: date | None = None
    camera: str | None = None
    near: tuple[float, float, float] | None = None
    has_caption: bool | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """An answer to a query."""

    rank: int
    """The place in the answer, from 1."""
    score: float
    """What orders the answer; it compares only within it. It is the cosine of query and item with
    what the second stage added, or the score of a fusion of rankings, or, over several modalities,
    a cosine standardised against its direction's background.
    """
    path: Path
    """The absolute path of the file; of a caption that of the picture that it describes."""
    source: str
    """The file that the item stands in, relative to the indexed folder, with the place in it."""
    modality: Modality
    """The modality of the item."""
    kind: str
    """The kind of the item, such as `photo`, `caption` or `shot`."""
    text: str | None
    """The whole text of the item, if it is one."""
    taken: datetime | None = None
    """The local time of its picture, or of its file."""
    stages: Mapping[str, float] = field(default_factory=dict)
    """The score of each stage by its name."""
    relevance: float | None = None
    """How likely the hit is about the query, from 0 to 1: the share of ordinary queries whose best
    hit here has a lower cosine. It is None where there is nothing to judge by.
    """
    copies: tuple[Path, ...] = ()
    """The absolute paths of the near-duplicates that were folded into it."""
    start: float | None = None
    """Where it begins in a recording or a film, in seconds."""
    end: float | None = None
    """Where it ends there, in seconds."""
    page: int | None = None
    """The page of a document, from 1."""
    item: int = 0
    """The number of the item in its store; it is another one after the store was made anew."""
    locator: str = ""
    """The place of the item in its file, as `cmsearch.common.locators` writes it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a picture is: a file, and the page or the time in it, as `cmsearch.common.locators`
    writes it.

    Without a `locator` it is the file itself, or what stands for it.
    """

    path: Path
    locator: str = ""


@dataclass(frozen=True, slots=True)
class QueryPart:
    """A text or a picture that a query is about, or with a negative `weight` away from.

    `content` is a string, or a picture as `Engine.search` takes it.
    """

    content: Any
    modality: Modality = Modality.TEXT
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for: the weighted sum of `parts`, without what is about one of `without`."""

    parts: tuple[QueryPart, ...]
    without: tuple[QueryPart, ...] = ()


@dataclass(frozen=True, slots=True)
class EncodedQuery:
    """One text or picture as a query: its `vector (dim,)`, and where the encoder gives them its
    `tokens (t, dim)` with their `weights (t,)`.

    `content` is the string or the picture itself, `digest` that of its file, or "".
    """

    modality: Modality
    content: Any
    vector: FloatArray
    tokens: FloatArray | None = None
    weights: FloatArray | None = None
    digest: str = ""


@dataclass(frozen=True, slots=True)
class ComposedQuery:
    """A query as vectors: the weighted sum of its `parts`, without what is about one of `without`.

    A part with a negative weight is subtracted; at least one has a positive one.
    """

    parts: tuple[EncodedQuery, ...]
    weights: tuple[float, ...]
    without: tuple[EncodedQuery, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidates:
    """What a first stage found for one query: n items, the best first, with `scores (n,)`.

    What they consist of is fetched when it is asked for: `vectors()` are `(n, dim)`, `tokens()`
    has for each item its `(t, dim)` and their weights `(t,)`, and `paths` where their files are.
    """

    items: Sequence[Item]
    scores: FloatArray
    paths: Sequence[Path]
    vectors: Callable[[], FloatArray]
    tokens: Callable[[], Sequence[tuple[FloatArray, FloatArray]]]


@runtime_checkable
class Sized(Protocol):
    """A reader that takes files up to a size; larger ones are refused before they are opened."""

    @property
    def max_bytes(self) -> int: ...


MAX_TOKENS = 10
"""Tokens of an item that are kept; an encoder gives its most important ones for documents."""


Background = Mapping[str, Mapping[str, tuple[float, float]]]
"""By query modality and target modality, mean and deviation of the best unrelated score."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stage is: `done` of `total` items (of files, before they are read).

    `note` says what takes long at the moment: which minute of which recording is heard.
    """

    stage: str
    done: int
    total: int
    note: str = ""
