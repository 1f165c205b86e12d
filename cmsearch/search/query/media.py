"""Recordings and films as queries, by how they sound and look, for models that take these."""

# Tested by tests/unit/cmsearch/models/encoders/test_st.py

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from cmsearch.common.digest import file_digest
from cmsearch.common.kinds import FileKind
from cmsearch.errors import MediaError, QueryError
from cmsearch.models.encodings import checked
from cmsearch.protocols import Encoder
from cmsearch.types import EncodedQuery, FloatArray, Modality, Part, Query, QueryPart, Reading, Role

SECONDS = 10.0
"""The length of the windows that a recording is heard in, unless the model takes less."""
MOST_WINDOWS = 30
"""Five minutes; of a longer recording the beginning is asked with."""
_TAKEN = {FileKind.FILM: Modality.VIDEO, FileKind.RECORDING: Modality.SOUND}


def as_media(encoder: Encoder, asked: Query) -> Query:
    """A query in whose parts a film or a recording in place of a picture is what it is, where the
    encoder takes that.
    """
    parts, without = (
        tuple(_as_media(encoder, part) for part in some) for some in (asked.parts, asked.without)
    )
    return replace(asked, parts=parts, without=without)


def _as_media(encoder: Encoder, part: QueryPart) -> QueryPart:
    from cmsearch.media.readers import kind_at

    if part.modality is not Modality.IMAGE or not isinstance(part.content, str | Path):
        return part
    modality = _TAKEN.get(kind_at(Path(part.content)) or FileKind.PICTURE)
    is_taken = modality in encoder.capabilities.modalities
    return replace(part, modality=modality) if modality is not None and is_taken else part


def by_sound(encoder: Encoder, recording: Any) -> EncodedQuery:
    """A recording, or the sound of a film, by how it sounds; raises `QueryError`, `MediaError`."""
    return _asked_with(encoder, recording, Modality.SOUND, _windows)


def by_film(encoder: Encoder, film: Any) -> EncodedQuery:
    """A film by what it shows from its beginning to its end; raises `QueryError`, `MediaError`."""
    return _asked_with(encoder, film, Modality.VIDEO, _film)


def _asked_with(
    encoder: Encoder,
    content: Any,
    modality: Modality,
    read: Callable[[Encoder, Path], Iterable[Any]],
) -> EncodedQuery:
    """A file by the mean of what is read of it."""
    _check(encoder, modality)
    path = _path(content)
    try:
        vector = _mean(encoder, list(read(encoder, path)), modality)
    except MediaError as error:
        raise MediaError(f"{path} can't be searched with: {str(error).rstrip('.')}.") from error
    return EncodedQuery(modality, content, vector, digest=_digest(path))


def _windows(encoder: Encoder, path: Path) -> Iterator[FloatArray]:
    from cmsearch.media import audio

    form = encoder.capabilities
    with audio.listening(path, form.rate) as sound:
        if sound is None:
            raise MediaError("there is no sound in it")
        size = int(form.rate * min(form.seconds, SECONDS))
        yield from islice(
            (samples for _, samples in audio.windows(sound.blocks, size, len)), MOST_WINDOWS
        )


def _film(encoder: Encoder, path: Path) -> list[tuple[Any, ...]]:
    """A film as the pictures that stand for its shots."""
    from cmsearch.media.readers import make_reader, parts

    reader = make_reader("video")
    if reader.missing is not None:
        raise MediaError(f"films need the extra {reader.missing}: pip install 'cmsearch[video]'")
    wanted = Reading(encoder.capabilities.image_size)
    found = [
        picture
        for part in parts(reader, path, wanted)
        if isinstance(part, Part) and part.modality is Modality.VIDEO
        for picture in part.content
    ]
    if not found:
        raise MediaError("nothing of it can be shown")
    return [tuple(found)]


def _mean(encoder: Encoder, contents: Sequence[Any], modality: Modality) -> FloatArray:
    """The unit vector `(dim,)` of the mean of some contents."""
    if not contents:
        raise MediaError("nothing can be heard in it")
    size = encoder.capabilities.batch_size
    rows = []
    for start in range(0, len(contents), size):
        some = [encoder.prepare(one, modality) for one in contents[start : start + size]]
        rows += list(
            checked(encoder, encoder.encode(some, modality, Role.QUERY), len(some)).vectors
        )
    mean = np.mean(rows, axis=0)
    unit: FloatArray = (mean / max(float(np.linalg.norm(mean)), 1e-12)).astype(np.float32)
    return unit


def _check(encoder: Encoder, modality: Modality) -> None:
    if modality not in encoder.capabilities.modalities:
        noun = "sounds" if modality is Modality.SOUND else "films"
        raise QueryError(
            f"The model of this index takes no {noun}. Search with a text or a picture, or index "
            "with one that does: `cmsearch models` lists some."
        )


def _path(content: Any) -> Path:
    if not isinstance(content, str | Path):
        raise QueryError(f"A recording or a film is a path, not {type(content).__name__}.")
    return Path(content)


def _digest(path: Path) -> str:
    try:
        return file_digest(path)
    except OSError as error:
        raise MediaError(f"{path} can't be read: {error.strerror}.") from error
