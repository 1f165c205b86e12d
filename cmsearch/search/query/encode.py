"""What is asked, as vectors: texts, said or written, and pictures through a store's encoder."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cmsearch.common import locators
from cmsearch.common.arguments import ASKED, checked_query
from cmsearch.common.digest import content_digest, file_digest
from cmsearch.common.files import larger_than, read_file
from cmsearch.common.kinds import PICTURES, FileKind
from cmsearch.errors import MediaError, QueryError
from cmsearch.models.encodings import checked
from cmsearch.protocols import Encoder
from cmsearch.search.query.media import as_media, by_film, by_sound
from cmsearch.store.object_files import bring
from cmsearch.types import (
    ComposedQuery,
    EncodedQuery,
    FloatArray,
    Modality,
    Place,
    Query,
    QueryPart,
    Role,
)

if TYPE_CHECKING:
    import PIL.Image

    Picture = str | Path | bytes | PIL.Image.Image | Place
    Recording = str | Path | bytes

log = logging.getLogger("cmsearch")

MOST_BYTES = 512 * 2**20
"""The largest file of a picture that is searched with."""


def encode_queries(
    encoder: Encoder, query: Any, image: Any, audio: Any = None
) -> tuple[list[ComposedQuery], bool]:
    """The texts or composed queries `query`, or the pictures `image`, or the recordings `audio`,
    as vectors; and whether they were given as a list.

    A recording is the text that is said in it. Raises `QueryError`, and `MediaError` for a picture
    or a recording that can't be read.
    """
    given = {Modality.TEXT: query, Modality.IMAGE: image, Modality.SPEECH: audio}
    pairs = [(modality, content) for modality, content in given.items() if content is not None]
    if len(pairs) != 1:
        raise QueryError("Ask with a text, a picture or a recording: one of the three.")
    ((modality, content),) = pairs
    is_list = isinstance(content, Sequence) and not isinstance(content, str | bytes)
    asked = [_heard(_query(one, modality)) for one in (content if is_list else [content])]
    asked = [as_media(encoder, one) for one in asked]
    parts = [part for one in asked for part in (*one.parts, *one.without)]
    contents = {kind: [one.content for one in parts if one.modality is kind] for kind in ASKED}
    encoded = {
        Modality.TEXT: iter(_encode_texts(encoder, contents[Modality.TEXT])),
        Modality.IMAGE: iter(_encode_pictures(encoder, contents[Modality.IMAGE])),
        Modality.SOUND: (by_sound(encoder, one) for one in contents[Modality.SOUND]),
        Modality.VIDEO: (by_film(encoder, one) for one in contents[Modality.VIDEO]),
    }
    return [
        ComposedQuery(
            tuple(next(encoded[part.modality]) for part in one.parts),
            tuple(part.weight for part in one.parts),
            tuple(next(encoded[part.modality]) for part in one.without),
            one.left_out,
            one.given,
        )
        for one in asked
    ], is_list


def _query(content: Any, modality: Modality) -> Query:
    """What was given as one query, checked."""
    if not isinstance(content, Query) or modality is not Modality.TEXT:
        return Query((QueryPart(content, modality),))
    return checked_query(content)


def _heard(asked: Query) -> Query:
    """The query with what is said in its recordings as texts."""
    from cmsearch.search.query.voice import understood

    parts, without = (
        tuple(
            replace(part, content=understood(part.content), modality=Modality.TEXT)
            if part.modality is Modality.SPEECH
            else part
            for part in some
        )
        for some in (asked.parts, asked.without)
    )
    return replace(asked, parts=parts, without=without)


def _encode_texts(encoder: Encoder, texts: list[str]) -> list[EncodedQuery]:
    """A text longer than the model takes becomes the mean of its pieces, with all their tokens."""
    for text in texts:
        _check_text(text)
    pieces = [encoder.split(text) for text in texts]
    rows = _encode(encoder, [piece for found in pieces for piece in found], Modality.TEXT)
    encoded = []
    for text, found in zip(texts, pieces, strict=True):
        own, rows = rows[: len(found)], rows[len(found) :]
        mean = np.mean([row.vector for row in own], axis=0)
        vector = mean / max(float(np.linalg.norm(mean)), 1e-12)
        encoded.append(
            EncodedQuery(
                Modality.TEXT,
                text,
                vector.astype(np.float32),
                _joined([row.tokens for row in own]),
                _joined([row.weights for row in own]),
            )
        )
    return encoded


def _encode_pictures(encoder: Encoder, pictures: list[Picture]) -> list[EncodedQuery]:
    read = [_read(picture, encoder.capabilities.image_size) for picture in pictures]
    rows = _encode(encoder, [image for image, _ in read], Modality.IMAGE)
    return [replace(row, digest=digest) for row, (_, digest) in zip(rows, read, strict=True)]


def _encode(encoder: Encoder, contents: Sequence[Any], modality: Modality) -> list[EncodedQuery]:
    size = encoder.capabilities.batch_size
    if modality is Modality.TEXT:  # those of a length fill up less of a batch
        places = sorted(range(len(contents)), key=lambda place: len(contents[place]))
    else:
        places = list(range(len(contents)))
    found: dict[int, EncodedQuery] = {}
    for start in range(0, len(contents), size):
        own = places[start : start + size]
        some = [contents[place] for place in own]
        prepared = [encoder.prepare(content, modality) for content in some]
        batch = checked(encoder, encoder.encode(prepared, modality, Role.QUERY), len(some))
        for row, content in enumerate(some):
            tokens = None if batch.tokens is None else batch.tokens[row]
            weights = None if batch.weights is None else batch.weights[row]
            found[own[row]] = EncodedQuery(modality, content, batch.vectors[row], tokens, weights)
    return [found[place] for place in range(len(contents))]


def _joined(rows: Sequence[FloatArray | None]) -> FloatArray | None:
    """What several pieces have, one after the other."""
    given = [row for row in rows if row is not None]
    return np.concatenate(given) if given else None


def _read(picture: Picture, size: int) -> tuple[PIL.Image.Image, str]:
    """The decoded picture, and the digest of its file."""
    import PIL.Image

    from cmsearch.media.images import flattened, is_common
    from cmsearch.media.readers import kind_at
    from cmsearch.media.thumbnails import is_film

    if isinstance(picture, PIL.Image.Image):
        return flattened(picture), ""
    if isinstance(picture, Place):
        if picture.locator or is_film(picture.path):
            return _read_at(picture, size), ""
        picture = picture.path
    if not isinstance(picture, str | Path | bytes):
        kind = type(picture).__name__
        raise QueryError(f"A picture is a path, bytes, or a PIL.Image.Image, not {kind}.")
    if isinstance(picture, bytes):
        return _sniffed(picture, "The picture", size), content_digest(picture)
    path = Path(picture)
    kind = kind_at(path)
    if kind is FileKind.FILM:
        raise MediaError(
            f"{path} is a film, not a picture, and the model of this index takes no films. Search "
            "with a picture, or with what a film shows: `cmsearch more RANK` after a search that "
            "finds it."
        )
    if kind in PICTURES and not is_common(path):
        digest = _digest(path)
        return _read_at(Place(path), size), digest
    data = _bytes(path)
    return _sniffed(data, str(path), size), content_digest(data)


def _sniffed(data: bytes, name: str, size: int) -> PIL.Image.Image:
    """The picture in a file of one of the common formats, whichever that is."""
    from cmsearch.media.images import read_picture

    try:
        if len(data) > MOST_BYTES:
            raise MediaError(larger_than(MOST_BYTES))
        read = read_picture(BytesIO(data), size)
    except MediaError as error:
        raise MediaError(f"{name} can't be searched with: {error}.") from error
    if read.problem:
        log.warning("%s is %s.", name, read.problem)
    return read.image


def _read_at(place: Place, size: int) -> PIL.Image.Image:
    """The page or the frame at a place."""
    from cmsearch.media.thumbnails import picture

    bring(place.path)
    try:
        return picture(place.path, 2 * size, place.locator)
    except MediaError as error:
        name = locators.source(str(place.path), place.locator)
        raise MediaError(f"{name} can't be searched with: {error}.") from error


def _digest(path: Path) -> str:
    bring(path)
    try:
        if path.stat().st_size > MOST_BYTES:
            raise MediaError(f"{path} can't be searched with: {larger_than(MOST_BYTES)}.")
        return file_digest(path)
    except OSError as error:
        raise MediaError(f"The picture {path} can't be read: {error.strerror}.") from error


def _check_text(text: Any) -> None:
    if not isinstance(text, str):
        kind = type(text).__name__
        raise QueryError(f"A query is a string or a list of strings, not {kind}.")
    if not text.strip():
        raise QueryError("The text to search for is empty.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise QueryError("The text to search for is not valid Unicode.") from error


def _bytes(path: Path) -> bytes:
    bring(path)
    try:
        return read_file(path, MOST_BYTES)
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        reason = getattr(error, "strerror", None) or error
        raise MediaError(f"The picture {path} can't be read: {reason}.") from error
