"""What is said in recordings and films, written down: decoding, then a transcriber."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Lock

import numpy as np

from cmsearch.common.arguments import checked_path
from cmsearch.errors import QueryError
from cmsearch.media import audio
from cmsearch.media.audio import RATE, listening
from cmsearch.models.loading import load_transcriber
from cmsearch.models.names import transcriber_name
from cmsearch.protocols import Transcriber
from cmsearch.types import FloatArray, Segment

DEFAULT = "faster-whisper:tiny.en"
NONE = "none"
"""In place of a transcriber's name: speech is passed over."""
WINDOW = 120
"""Seconds that are heard at once, so that hours are not held in memory."""
_SEARCHED = 20
"""Seconds before the end of a window among which the quietest moment is where it is cut."""
_MOMENT = RATE // 5

Told = Callable[[float, float | None], object]
"""Told how many seconds were heard, and how many there are, if the file says so."""

_loaded: dict[tuple[str, str | None], Transcriber] = {}
_loading = Lock()


def transcribe(source: str | Path | bytes, asr: str | None = None) -> Iterator[Segment]:
    """Give what is said in a recording or film, sentence by sentence, as it is heard.

    >>> for segment in cmsearch.transcribe("query.mp3"):
    ...     print(segment.text)
    Show me photos of a rocket before the launch.

    `source` is a path or a file's bytes, `asr` a transcriber as `--asr` takes it; without one it
    is tiny.en, which comes with the extra `audio`. A film without sound gives nothing. Where the
    file is damaged, `MediaError` is raised after what could be heard. Raises `ModelError`.
    """
    return heard(_source(source), transcriber(asr))


def transcriber(name: str | None = None, *, device: str | None = None) -> Transcriber:
    """The transcriber of a name, loaded once in a process. Raises `ModelError`, `QueryError`."""
    if not isinstance(name, str | None):
        raise QueryError(f"asr is the name of a model, not {type(name).__name__}.")
    if name is not None and name.strip() == NONE:
        raise QueryError("Nothing is written down with none; name a model, such as tiny.en.")
    key = (transcriber_name(name or DEFAULT), device)
    with _loading:
        if key not in _loaded:
            _loaded[key] = load_transcriber(key[0], device=device, download=True)
        return _loaded[key]


def heard(
    source: Path | bytes, transcriber: Transcriber, *, told: Told | None = None
) -> Iterator[Segment]:
    """What `transcriber` hears in a file. Raises `MediaError`, at the end for a damaged one."""
    with listening(source) as sound:
        if sound is None:
            return
        for start, window in windows(sound.blocks):
            if told is not None:
                told(start, sound.seconds)
            for segment in transcriber.transcribe(window):
                shifted = replace(segment, start=start + segment.start, end=start + segment.end)
                if told is not None:
                    told(shifted.end, sound.seconds)
                yield shifted


def windows(blocks: Iterable[FloatArray]) -> Iterator[tuple[float, FloatArray]]:
    """Sound in windows, with the second at which each begins, cut where it is quiet.

    What `blocks` raises is raised after the last window.
    """
    for start, sound in audio.windows(blocks, WINDOW * RATE, _quietest):
        yield start / RATE, sound


def _quietest(window: FloatArray) -> int:
    """Where to cut: in the middle of the quietest fifth of a second near the end."""
    begin = len(window) - _SEARCHED * RATE
    energy = np.concatenate([[0.0], np.cumsum(np.square(window[begin:], dtype=np.float64))])
    moments = energy[_MOMENT:] - energy[:-_MOMENT]
    return begin + int(moments.argmin()) + _MOMENT // 2


def _source(source: str | Path | bytes) -> Path | bytes:
    return source if isinstance(source, bytes) else checked_path(source, "A recording")
