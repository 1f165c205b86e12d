"""Writing down a file: in windows, with the times of the whole, by a transcriber loaded once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

import cmsearch
from cmsearch.errors import MediaError, ModelError, QueryError, UnknownModelError
from cmsearch.media.audio import AudioReader
from cmsearch.models.loading import load_transcriber
from cmsearch.models.names import transcriber_name
from cmsearch.models.transcribers import transcripts
from cmsearch.models.transcribers.transcripts import RATE, WINDOW, heard, transcribe, windows
from cmsearch.types import FloatArray, Segment
from tests import listeners, sounds
from tests.bad_sounds import riff, silent_film
from tests.listeners import beeps

needs_audio = pytest.mark.skipif(
    bool(AudioReader().missing), reason="the extra audio isn't installed"
)
listener = listeners.listener


def blocks(sound: FloatArray, size: int, error: str | None = None) -> Iterator[FloatArray]:
    for start in range(0, len(sound), size):
        yield sound[start : start + size]
    if error is not None:
        raise MediaError(error)


def test_windows_are_cut_where_it_is_quiet() -> None:
    sound = sounds.noise(2.5 * WINDOW, level=0.3)
    quiet = (WINDOW - 7) * RATE
    sound[quiet : quiet + RATE // 4] = 0
    found = list(windows(blocks(sound, 10 * RATE)))
    assert np.array_equal(np.concatenate([window for _, window in found]), sound)
    starts = [round(start * RATE) for start, _ in found]
    assert starts == [0, *np.cumsum([len(window) for _, window in found[:-1]])]
    assert quiet <= starts[1] <= quiet + RATE // 4
    assert all(len(window) <= WINDOW * RATE for _, window in found)


def test_short_sound_is_one_window() -> None:
    ((start, window),) = windows(blocks(beeps(0.1, 0.2), 1000))
    assert start == 0 and len(window) == 2 * RATE
    assert list(windows(iter([]))) == []


def test_windows_come_before_what_is_wrong() -> None:
    found = windows(blocks(beeps(0.1), 1000, error="cut short"))
    assert next(found)[0] == 0
    with pytest.raises(MediaError, match="cut short"):
        next(found)


@needs_audio
def test_times_are_those_of_the_file(listener: str) -> None:
    sound = sounds.silence(2 * WINDOW + 5)
    sound[-3 * RATE :] = beeps(0.4, 0.4, 0.4)
    found = list(transcribe(sounds.wav(sound), listener))
    assert {segment.text for segment in found} == {"red 4"}
    # The transcriber of this test knows whole seconds from the beginning of its window.
    assert found[0].start == pytest.approx(2 * WINDOW + 2, abs=1)
    assert found[-1].end == pytest.approx(2 * WINDOW + 5, abs=1)
    assert len(listeners.heard) == 3


@needs_audio
def test_one_is_told_how_far_it_is(listener: str, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(sounds.wav(beeps(0.1, 0.2)))
    told: list[tuple[float, float | None]] = []
    model = transcripts.transcriber(listener)
    list(heard(tmp_path / "a.wav", model, told=lambda *far: told.append(far)))
    assert told == [(0, 2.0), (1.0, 2.0), (2.0, 2.0)]


@needs_audio
def test_a_film_without_sound_says_nothing(listener: str) -> None:
    assert list(transcribe(silent_film(), listener)) == []


@needs_audio
def test_what_could_be_heard_of_a_damaged_file_is_kept(listener: str) -> None:
    data = (beeps(0.3) * 32767).astype("<i2").tobytes()
    cut = riff(data=data, claimed=10 * len(data))
    heard_of_it = cmsearch.transcribe(cut, listener)
    assert next(heard_of_it) == Segment(0, 1, "red 3")
    with pytest.raises(MediaError, match="cut short"):
        next(heard_of_it)
    silent = riff(data=bytes(1000), claimed=2 * RATE * 10)
    with pytest.raises(MediaError, match="cut short"):
        list(transcribe(silent, listener))


def test_a_transcriber_is_loaded_once(listener: str, monkeypatch: pytest.MonkeyPatch) -> None:
    loads: list[str] = []

    def load(name: str, **options: object) -> listeners.Listener:
        loads.append(name)
        return listeners.Listener("red")

    monkeypatch.setattr(transcripts, "load_transcriber", load)
    threads = [Thread(target=transcripts.transcriber, args=(listener,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loads == [listener]


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("tiny.en", "faster-whisper:tiny.en"),
        (" small ", "faster-whisper:small"),
        ("faster-whisper", "faster-whisper:tiny.en"),
        ("faster-whisper:Systran/faster-whisper-base", None),
        ("Systran/faster-whisper-base", "faster-whisper:Systran/faster-whisper-base"),
        ("/models/whisper", "faster-whisper:/models/whisper"),
        ("faster-whisper:/models/../whisper", "faster-whisper:/whisper"),
        ("listener:red", None),
    ],
)
def test_a_transcriber_has_one_name(name: str, canonical: str | None, listener: str) -> None:
    assert transcriber_name(name) == (canonical or name)


@pytest.mark.parametrize(
    "name", ["", "a b", "whisper:small", "a/b/c", "faster-whisper:", "faster-whisper:ä"]
)
def test_other_names_are_none(name: str) -> None:
    with pytest.raises(UnknownModelError):
        transcriber_name(name)


def test_a_transcriber_has_the_name_that_it_is_asked_for_by(
    listener: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listeners.Listener, "name", property(lambda self: "x"), raising=False)
    monkeypatch.setattr(listeners.Listener, "__init__", lambda self, word: None)
    with pytest.raises(ModelError, match="calls itself x"):
        load_transcriber(listener)


def test_none_writes_nothing_down() -> None:
    with pytest.raises(QueryError, match=r"tiny\.en"):
        transcribe(b"", " none")
