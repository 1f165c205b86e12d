"""The plug points: what a package implements to be used as one of ours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from cmsearch.types import (
    Candidates,
    Capabilities,
    EncodedQuery,
    Encoding,
    FloatArray,
    IdArray,
    Modality,
    Part,
    Reading,
    Role,
    Segment,
    Skipped,
    Space,
)


class Encoder(Protocol):
    """Puts text and images, or text and sound, into one space.

    An encoder may be called from several threads.
    """

    @property
    def space(self) -> Space: ...

    @property
    def capabilities(self) -> Capabilities: ...

    def split(self, text: str) -> list[str]:
        """Cut `text` into pieces that the model takes whole; nothing of it is lost."""
        ...

    def prepare(self, content: Any, modality: Modality) -> Any:
        """Bring a string (one piece of `split`) or an upright RGB picture into the model's form.

        Of sound it takes samples `(n,)` from -1 to 1, mono, at the `rate` of its capabilities and
        no longer than their `seconds`. Runs on a CPU thread.
        """
        ...

    def encode(self, batch: Sequence[Any], modality: Modality, role: Role) -> Encoding:
        """Encode n prepared contents of one modality, on the device."""
        ...


@runtime_checkable
class Banked(Protocol):
    """An encoder that knows what its pictures or texts are like without being given any."""

    def bank(self, modality: Modality) -> FloatArray:
        """Vectors `(m, dim)` in place of contents of all kinds; none where it knows of none."""
        ...


@runtime_checkable
class Tokened(Protocol):
    """A reranker that reads the tokens of one encoder; its queries have to have theirs.

    Of `space` it is all one which adapter there is, which leaves tokens as they are.
    """

    @property
    def space(self) -> Space: ...


class VectorIndex(Protocol):
    """Finds the vectors with the highest inner product among those of one space and modality."""

    @property
    def snapshot(self) -> int: ...

    def __len__(self) -> int: ...

    def sync(self, upserts: tuple[IdArray, FloatArray], deletes: IdArray, snapshot: int) -> None:
        """Add vectors `(m, dim)` under their ids `(m,)`, drop ids, and note the snapshot."""
        ...

    def search(
        self, queries: FloatArray, k: int, *, allow: IdArray | None = None
    ) -> tuple[FloatArray, IdArray]:
        """Give scores and ids `(n, min(k, found))` for queries `(n, dim)`, the best first.

        With `allow` only those ids are considered. Missing places hold the id -1.
        """
        ...


class Reader(Protocol):
    """Reads files of some kinds into parts."""

    @property
    def suffixes(self) -> frozenset[str]: ...

    @property
    def missing(self) -> str | None:
        """The extra of cmsearch that has to be installed before it can read; None if none has."""
        ...

    def read(self, path: Path, wanted: Reading) -> Iterator[Part | Skipped]:
        """Give the parts of the file, and the lines of it that can't be used.

        Pictures are upright and RGB. Raises `MediaError` where the whole file can't be read. A file
        that has the suffix but is none of the reader's gives nothing.
        """
        ...


@runtime_checkable
class Placed(Protocol):
    """A reader of files with many pictures, which gives one of them without reading the others."""

    def picture(self, path: Path, size: int, locator: str) -> Any:
        """What is at a page or a time, or stands for the file where `locator` names neither.

        Upright and RGB, with a short side of about `size` pixels. Raises `MediaError`.
        """
        ...


class Transcriber(Protocol):
    """Writes down what is said. It may be called from several threads."""

    @property
    def name(self) -> str:
        """What it is, so that transcripts of another one are told apart."""
        ...

    def transcribe(self, audio: FloatArray) -> Iterator[Segment]:
        """The utterances in `audio (samples,)`, mono, 16,000 samples a second, from -1 to 1."""
        ...


class Reranker(Protocol):
    """Scores the candidates of a first stage by a closer look at each of them."""

    @property
    def directions(self) -> frozenset[tuple[Modality, Modality]]:
        """The pairs of a query's and a target's modality that it can score."""
        ...

    def cost(self, n: int) -> float:
        """About how many seconds scoring n candidates takes on this machine."""
        ...

    def score(self, query: EncodedQuery, candidates: Candidates) -> FloatArray:
        """Scores `(n,)` to be added to those of the first stage, in units of a cosine."""
        ...
