"""What encoders take and give: modalities, spaces, encodings."""

# Tested by tests/meta/test_docstrings.py

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float32]
    IdArray = NDArray[np.int64]
else:  # NumPy takes longer to import than a daemon to answer
    FloatArray = IdArray = Any
MAX_TOKENS = 10
"""Tokens of an item that are kept; an encoder gives its most important ones for documents."""


class Scale(NamedTuple):
    """What scores chance gives in one direction: of queries and items that are unrelated."""

    best: float
    """The mean, over queries, of the best unrelated score."""
    spread: float
    """The deviation of these best scores."""
    mean: float
    """The mean of all unrelated scores."""
    deviation: float
    """Their deviation."""
    apart: float = 1.0
    """The share of the items that are about something of their own: captions of one picture are
    about one thing.
    """


Background = Mapping[str, Mapping[str, Scale]]
"""By query modality and target modality, what chance does."""


class Modality(StrEnum):
    """What kind of signal a piece of content is. `SPEECH` is stored and written as `audio`."""

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
"""The tower that encodes each modality: speech by its words, a shot by its pictures.

Sound has a tower of its own, and a space, unless the model of an index takes sound. A model may
take film too, and not only the pictures of a shot.
"""
READ = tuple(one for one, tower in TOWER.items() if tower is Modality.TEXT)
SEEN = tuple(one for one, tower in TOWER.items() if tower is Modality.IMAGE)


class Role(StrEnum):
    """Whether content is asked with or searched among; some encoders treat the two differently."""

    QUERY = "query"
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class Space:
    """The identity of an embedding space; vectors of two spaces are never compared."""

    encoder: str
    """The name of the plug point's row, such as `open_clip`."""
    model: str
    """The name of the model, as that encoder takes it."""
    weights: str
    """The digest of the weights."""
    recipe: str
    """The names of preprocessing, pooling, prompts and alignment constants."""
    dim: int
    """The dimension of a vector."""
    adapter: str | None = None
    """The digest of the adapter that maps the model's vectors, if there is one."""
    metric: str = "cosine"
    """The measure of likeness, which is always the cosine."""


@dataclass(frozen=True, slots=True)
class Generation:
    """What one model made of a store; the generation with the highest `served` is searched."""

    id: int
    """The number of the generation."""
    served: int | None
    """The order in which it began to serve; None if it was never whole."""
    created: str
    """The time in UTC, in ISO 8601."""
    space_id: int
    """The number of its space."""
    space: Space
    """The space that its items are encoded in."""
    runtime: str
    """The library that ran the model."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an encoder can do and how it likes to be fed."""

    modalities: frozenset[Modality]
    """The modalities that it encodes, of text, image, sound and video."""
    image_size: int
    """Pixels of the square that an image is brought to; a decoder may shrink images to twice it."""
    rate: int = 0
    """Samples a second of the sound that it takes."""
    seconds: float = 0.0
    """The longest sound that it takes whole."""
    batch_size: int = 16
    """The number of contents that `encode` takes best at once."""
    workers: int = 1
    """How many `encode` calls may usefully run at once."""
    runtime: str = "onnxruntime"
    """The library that runs the model."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """What an encoder gives for a batch of n."""

    vectors: FloatArray
    """Vectors `(n, dim)` of unit length."""
    tokens: FloatArray | None = None
    """Vectors `(n, t, dim)` of words, patches or frames."""
    weights: FloatArray | None = None
    """Weights `(n, t)` of the tokens; 0 where a row has fewer than t."""
    features: FloatArray | None = None
    """Features `(n, f)` from before the last projection, for learning."""
