"""A small real transcriber that needs no weights: it writes down how loud it is, and counts."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Lock

import numpy as np
import pytest

from cmsearch.errors import ModelUnavailableError
from cmsearch.models.plugins import transcribers
from cmsearch.models.transcribers import transcripts
from cmsearch.types import FloatArray, Segment

RATE = 16_000
heard: list[int] = []
"""The samples of each call, of all transcribers."""
_lock = Lock()


class Listener:
    """Says of each second that isn't silent how loud it is: `red 3` at three tenths."""

    def __init__(self, word: str) -> None:
        self.name = f"listener:{word}"
        self._word = word

    def transcribe(self, audio: FloatArray) -> Iterator[Segment]:
        with _lock:
            heard.append(len(audio))
        peaks = np.maximum.reduceat(np.abs(audio), np.arange(0, len(audio), RATE))
        for second in np.flatnonzero(peaks > 0.05).tolist():
            said = f"{self._word} {round(10 * float(peaks[second]))}"
            yield Segment(float(second), second + 1.0, said)


def load(model: str, *, device: str | None = None, download: bool = False) -> Listener:
    """What a row `listener` of the registry names: `listener:red`, or another word."""
    if model == "gone":
        raise ModelUnavailableError("The model gone is not here.")
    return Listener(model)


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a transcriber that needs no weights; what it heard is in `heard`."""
    row = {"listener": "tests.listeners:load"}
    monkeypatch.setattr(transcribers, "_rows", {**transcribers._rows, **row})
    monkeypatch.setattr(transcripts, "_loaded", {})
    heard.clear()
    return "listener:red"


def beeps(*levels: float) -> FloatArray:
    """A second of a tone at each level."""
    tone = np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
    return np.concatenate([level * tone for level in levels]).astype(np.float32)
