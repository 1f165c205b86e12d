"""Listening: it ends when the speaker does, and says what is missing where nothing listens."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType

import numpy as np
import pytest

from cmsearch.commands.microphone import BLOCK, LONGEST, PATIENCE, RATE, SILENCE, listen, microphone
from cmsearch.errors import CmsearchError, QueryError
from cmsearch.types import FloatArray


def sound(*seconds: tuple[float, float]) -> Iterator[FloatArray]:
    """Blocks of noise, so many seconds at each level; then silence for ever."""
    random = np.random.default_rng(0)
    for length, level in (*seconds, (1e9, 0.001)):
        for _ in range(round(length / BLOCK)):
            yield (level * random.standard_normal(int(RATE * BLOCK))).astype(np.float32)


def test_it_ends_after_a_silence() -> None:
    heard = listen(sound((0.5, 0.001), (2.0, 0.1)))
    assert len(heard) / RATE == pytest.approx(0.5 + 2.0 + SILENCE, abs=2 * BLOCK)


def test_a_short_pause_does_not_end_it() -> None:
    heard = listen(sound((0.5, 0.001), (1.0, 0.1), (0.8, 0.001), (1.0, 0.1)))
    assert len(heard) / RATE == pytest.approx(3.3 + SILENCE, abs=2 * BLOCK)


def test_a_loud_room_is_told_from_a_voice() -> None:
    heard = listen(sound((0.5, 0.02), (1.5, 0.2), (5.0, 0.02)))
    assert len(heard) / RATE == pytest.approx(2.0 + SILENCE, abs=2 * BLOCK)


def test_so_many_seconds_are_so_many() -> None:
    assert len(listen(sound(), 3.0)) == 3 * RATE


def test_nobody_is_not_waited_for_long() -> None:
    blocks = sound()
    with pytest.raises(QueryError, match="Nobody was heard"):
        listen(blocks)
    with pytest.raises(QueryError, match="Nobody was heard"):
        listen(iter([]))


def test_who_does_not_stop_is_cut_off() -> None:
    talk = ((0.1, 0.001), *((1.0, 0.1), (0.2, 0.001)) * 100)
    assert len(listen(sound(*talk))) == pytest.approx(LONGEST * RATE, abs=2 * BLOCK * RATE)
    assert PATIENCE < LONGEST


class Device:
    """Stands in for a microphone."""

    def __init__(self, rate: int, channels: int, dtype: str) -> None:
        assert (rate, channels, dtype) == (RATE, 1, "float32")

    def __enter__(self) -> Device:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def read(self, frames: int) -> tuple[FloatArray, bool]:
        return np.ones((frames, 1), np.float32), False


def test_the_blocks_of_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = ModuleType("sounddevice")
    fake.InputStream, fake.PortAudioError = Device, OSError  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    with microphone() as blocks:
        assert next(blocks).shape == (int(RATE * BLOCK),)

    def missing(*_: object, **__: object) -> None:
        raise OSError("no default input device")

    fake.InputStream = missing  # type: ignore[attr-defined]
    with (
        pytest.raises(CmsearchError, match=r"can't be used: no default input.*--voice FILE"),
        microphone(),
    ):
        pass


def test_what_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(CmsearchError, match=r"cmsearch\[mic\].*--voice FILE"), microphone():
        pass
