"""Where somebody speaks: voice activity by Silero's model, which comes with faster-whisper."""

# Tested by tests/unit/cmsearch/models/transcribers/test_faster_whisper.py

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cmsearch.types import FloatArray

RATE = 16_000
PAUSE = 2.0
"""Seconds of silence that part what is said; speech with shorter ones is heard in one go."""
MOST = 28.0
"""Seconds that are heard in one go: Whisper takes thirty."""
PAD = 0.2
"""Seconds before and after speech that are heard too: a beginning or an end may be faint."""
FAINT = 1e-4
"""A sound below this, of at most 1, is silence: 16 bits have no more than three steps there."""
LOUD = 0.5
"""What the loudest moment of a faint recording is brought to."""


class Span(NamedTuple):
    """A part of a recording, from one sample to another."""

    start: int
    end: int

    @property
    def seconds(self) -> float:
        """The length in seconds."""
        return (self.end - self.start) / RATE


class Passage(NamedTuple):
    """What is heard in one go: a span, and the spans of speech within it."""

    whole: Span
    speech: tuple[Span, ...]


def levelled(audio: FloatArray) -> FloatArray:
    """Sound `(samples,)` made louder where it is faint: Silero's model takes faint speech for none.

    Silence stays silence.
    """
    peak = float(np.abs(audio).max(initial=0.0))
    return audio * np.float32(LOUD / peak) if FAINT <= peak < LOUD else audio


def speech(audio: FloatArray) -> list[Span]:
    """Where in `audio (samples,)` somebody speaks, without the silence around it.

    A stretch of more than `MOST` seconds without a pause is cut in two.
    """
    if float(np.abs(audio).max(initial=0.0)) < FAINT:
        return []
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VadOptions(
        threshold=0.5,
        min_speech_duration_ms=100,
        max_speech_duration_s=MOST,
        min_silence_duration_ms=200,
        speech_pad_ms=0,
    )
    return [
        Span(int(one["start"]), int(one["end"])) for one in get_speech_timestamps(audio, options)
    ]


def passages(audio: FloatArray) -> list[Passage]:
    """The passages of a recording that are heard in one go each, with a little before and after."""
    found: list[list[Span]] = []
    for span in speech(audio):
        if found and _belongs(span, found[-1]):
            found[-1].append(span)
        else:
            found.append([span])
    return [Passage(_padded(spans, len(audio)), tuple(spans)) for spans in found]


def _belongs(span: Span, spans: list[Span]) -> bool:
    pause = (span.start - spans[-1].end) / RATE
    return pause <= PAUSE and Span(spans[0].start, span.end).seconds <= MOST


def _padded(spans: list[Span], length: int) -> Span:
    pad = int(PAD * RATE)
    return Span(max(0, spans[0].start - pad), min(length, spans[-1].end + pad))
