"""The plug points: what a package implements to be used as one of ours."""

# Tested by tests/contract/test_encoder.py

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from cmsearch.types import (
    Candidates,
    Capabilities,
    EncodedQuery,
    Encoding,
    FloatArray,
    IdArray,
    Modality,
    Noted,
    Part,
    Reading,
    Role,
    Segment,
    Skipped,
    Space,
)


class Encoder(Protocol):
    """Puts text and images, or text and sound, or all of these and film, into one space.

    An encoder may be called from several threads.
    """

    @property
    def space(self) -> Space:
        """The identity of the space that it encodes into."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """The modalities that it encodes, and how it likes to be fed."""
        ...

    def split(self, text: str) -> list[str]:
        """Cut `text` into pieces that the model takes whole; nothing of it is lost."""
        ...

    def prepare(self, content: Any, modality: Modality) -> Any:
        """Bring a string (one piece of `split`) or an upright RGB picture into the model's form.

        Sound is samples `(n,)` from -1 to 1, mono, at the `rate` of its capabilities and no longer
        than their `seconds`; film is a tuple of pictures. It is called on a CPU thread.
        """
        ...

    def encode(self, batch: Sequence[Any], modality: Modality, role: Role) -> Encoding:
        """Give the vectors of n prepared contents of one modality. It computes on the device."""
        ...


@runtime_checkable
class Banked(Protocol):
    """An encoder that brings a bank: vectors of contents of all kinds, to measure hubness with."""

    def bank(self, modality: Modality) -> FloatArray:
        """The unit vectors `(m, dim)` of the bank; `(0, dim)` where it has none."""
        ...


@runtime_checkable
class Joining(Protocol):
    """An encoder whose model may take a picture and a text as one input."""

    @property
    def joins(self) -> bool:
        """Whether it does."""
        ...

    def joined(self, picture: Any, text: str) -> FloatArray:
        """Give the vector `(dim,)` of an upright RGB picture and a text that are asked together."""
        ...


@runtime_checkable
class Tokened(Protocol):
    """A reranker that reads the tokens of one encoder, those of the query included."""

    @property
    def space(self) -> Space:
        """The space of these tokens. Its adapter doesn't matter: it leaves tokens as they are."""
        ...


class VectorIndex(Protocol):
    """Finds the vectors with the highest inner product among those of one space and modality.

    It never changes, so threads may search it while others make changed copies of it.
    """

    def __len__(self) -> int:
        """The number of vectors in it."""
        ...

    def changed(self, upserts: tuple[IdArray, FloatArray], deletes: IdArray) -> VectorIndex:
        """Give an index that also has vectors `(m, dim)` under their ids `(m,)`, each in place of
        a former one of that id, and that lacks the ids in `deletes`.

        What it shares with this one isn't copied, where that can be helped.
        """
        ...

    def search(
        self, queries: FloatArray, k: int, *, allow: IdArray | None = None
    ) -> tuple[FloatArray, IdArray]:
        """Give scores and ids `(n, min(k, found))` for queries `(n, dim)`, the best first.

        With `allow` it considers only those ids. A place without a result holds the id -1.
        """
        ...


class VectorRows(Protocol):
    """Vectors of a file, which is mapped: what isn't looked at isn't read."""

    @property
    def size(self) -> tuple[int, int]:
        """The number of vectors, and their dimension."""
        ...

    def at(self, numbers: IdArray) -> NDArray[np.float16]:
        """Give the vectors `(m, dim)` of rows by their numbers `(m,)`."""
        ...

    def between(self, start: int, end: int) -> NDArray[np.float16]:
        """Give the vectors of the rows from `start` up to `end`, without this, as far as there are.

        They are what lies in the file, and aren't to be changed.
        """
        ...


class Kept(NamedTuple):
    """What an index kept of some rows."""

    content: NDArray[np.uint8]
    """What `Filed.built` gave for them."""
    rows: int
    """How many they are."""


class FormerRows(NamedTuple):
    """What an index kept of the rows that were there before."""

    parts: Sequence[Kept]
    """Of those that are taken up, one part after the other."""
    rows: IdArray
    """For each row that there is now, which of these it was; −1 for one that is new."""
    first: Kept | None = None
    """Of the first of those that stay as they are; the rows become a part after them."""


@runtime_checkable
class Filed(Protocol):
    """A vector index of rows in a file, with a file beside it of what took long to make."""

    def built(
        self, rows: VectorRows, queries: FloatArray, former: FormerRows | None = None
    ) -> NDArray[np.uint8] | None:
        """Give what is to be kept of rows, as bytes; None where that is nothing.

        `queries (n, dim)` are texts like those that it will be asked, by which it may be tuned.
        What is `former` may be used again; where some of it stays as it is, what is given goes on
        from it.
        """
        ...

    def opened(self, ids: IdArray, rows: VectorRows, kept: Sequence[Kept]) -> VectorIndex:
        """Give an index of rows under ids in ascending order, with what was kept of each part.

        Without any, nothing was. Raises `ValueError` for what can't be that: a file may say
        anything.
        """
        ...


class Numbers(NamedTuple):
    """Which ids a search on a server may find: some, all but some, or those of some ranges."""

    kind: Literal["in", "not in", "ranges"]
    ids: IdArray
    """Ids `(n,)`, or for ranges the first and the last of each `(n, 2)`."""


class ServerAwayError(Exception):
    """A server doesn't answer just now; asking again may help. It never leaves the index."""


class VectorCollection(Protocol):
    """A collection of vectors on a server: what `ServedIndex` needs of it. Safe from threads.

    What is written is seen by what is asked afterwards, by whomever. To do a thing twice is to do
    it once. Raises `ServerAwayError` where asking again may help, else `StoreError`.
    """

    def mark(self) -> str | None:
        """The mark that was written last; empty where rows have none, None where nothing is."""
        ...

    def begin(self, dim: int) -> None:
        """Make an empty collection of vectors of a dimension in place of what is there."""
        ...

    def write(
        self, ids: IdArray, vectors: FloatArray, gone: IdArray, mark: str | None = None
    ) -> None:
        """Put vectors `(n, dim)` under ids above 0, delete those that are gone, and then the mark,
        if there is one.
        """
        ...

    def settle(self) -> int:
        """Have all that was written laid out as searches look at it, a graph for example.

        Gives of how many vectors that isn't done yet, by which a search may pass: it is asked
        again until there are none, and what is begun goes on meanwhile.
        """
        ...

    def count(self) -> int:
        """How many vectors a search looks at now, without the mark's."""
        ...

    def ids(self, start: int, end: int) -> IdArray:
        """The ids from `start` up to `end`, without this, in order."""
        ...

    def search(self, queries: FloatArray, k: int, among: Numbers | None = None) -> IdArray:
        """Ids `(n, m)` of about the k vectors with the highest inner products with each query.

        k is 10,000 at most. Places without one hold numbers below 1.
        """
        ...

    def drop(self) -> None:
        """Delete the collection, if it is there."""
        ...


class VectorServer(Protocol):
    """A connection to a server of vectors, made as `Server(address)`."""

    def collection(self, name: str) -> VectorCollection:
        """The collection of a name, which need not be there."""
        ...


class Reader(Protocol):
    """Reads files of some kinds into parts.

    A reader may have more members, which these are in place of where it hasn't:

    - `kind = FileKind.DOCUMENT`: what its files are, which says whether they are asked with, what
    captions are about, and what they are called;
    - `is_long`, true for films and recordings alone: whether a file may hold hours, or hundreds of
    pictures;
    - `tables = frozenset()`: the suffixes of documents that may be tables of captions;
    - those of `Placed` and of `Sized`.
    """

    @property
    def suffixes(self) -> frozenset[str]:
        """The ends of the names of its files, in small letters with the dot."""
        ...

    @property
    def missing(self) -> str | None:
        """The extra of cmsearch that it needs and that isn't installed; None if it can read."""
        ...

    def read(self, path: Path, wanted: Reading) -> Iterator[Part | Noted | Skipped]:
        """Give the parts of the file, what is noted in it, and the lines that can't be used.

        Pictures are upright and RGB. A file that has the suffix but isn't one of the reader's gives
        nothing. Raises `MediaError` where the whole file can't be read.
        """
        ...


@runtime_checkable
class Sized(Protocol):
    """A reader that takes files up to a size; larger ones are refused before they are opened."""

    @property
    def max_bytes(self) -> int:
        """Bytes of the largest file that it takes."""
        ...


@runtime_checkable
class Placed(Protocol):
    """A reader of files with many pictures that gives one of them without reading the others."""

    def picture(self, path: Path, size: int, locator: str) -> Any:
        """Give the picture at a page or a time; without a `locator`, the one that stands for the
        file.

        It is upright and RGB, with a short side of about `size` pixels. Raises `MediaError`.
        """
        ...


class Transcriber(Protocol):
    """Writes down what is said. It may be called from several threads."""

    @property
    def name(self) -> str:
        """The name that tells its transcripts from those of another transcriber."""
        ...

    def transcribe(self, audio: FloatArray) -> Iterator[Segment]:
        """Give the utterances in `audio (samples,)`: mono, 16,000 samples a second, -1 to 1."""
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
        """Give scores `(n,)` to add to those of the first stage, in units of a cosine."""
        ...
