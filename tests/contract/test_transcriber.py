"""What every transcriber keeps to, the built-in one and those of other packages."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from cmsearch.media.audio import RATE, AudioReader, listening
from cmsearch.models.loading import load_transcriber
from cmsearch.models.plugins import transcribers
from cmsearch.protocols import Transcriber
from cmsearch.types import FloatArray
from tests import listeners, sounds
from tests.bad_files import DATA
from tests.listeners import beeps

NAMES = [*transcribers.rows(), "listener:red"]
listener = listeners.listener
pytestmark = [
    pytest.mark.skipif(bool(AudioReader().missing), reason="the extra audio isn't installed"),
    pytest.mark.parametrize("name", NAMES),
    pytest.mark.usefixtures("listener"),
]


@cache
def loaded(name: str) -> Transcriber:
    return load_transcriber(name)


@pytest.fixture
def transcriber(name: str) -> Transcriber:
    return loaded(name)


def speech() -> FloatArray:
    """Somebody speaks, and loudly, so that each transcriber hears something."""
    with listening(DATA / "harbour.mp3") as sound:
        assert sound is not None
        return np.concatenate(list(sound.blocks))


def test_it_has_the_name_that_it_is_called_by(transcriber: Transcriber, name: str) -> None:
    assert transcriber.name.startswith(name)
    assert loaded(transcriber.name).name == transcriber.name


def test_segments_are_text_in_the_order_of_time(transcriber: Transcriber, name: str) -> None:
    audio = speech()
    found = list(transcriber.transcribe(audio))
    assert found
    assert all(one.text == one.text.strip() != "" for one in found)
    assert all(type(one.start) is float and type(one.end) is float for one in found)
    assert all(0 <= one.start <= one.end <= len(audio) / RATE + 1 for one in found)
    assert all(a.end <= b.start for a, b in pairwise(found))


def test_the_same_is_heard_again_and_on_other_threads(transcriber: Transcriber, name: str) -> None:
    audio = speech()
    first = list(transcriber.transcribe(audio))
    with ThreadPoolExecutor(2) as pool:
        others = pool.map(lambda _: list(transcriber.transcribe(audio)), range(2))
        assert all(other == first for other in others)


def test_what_is_given_is_left_as_it_is(transcriber: Transcriber, name: str) -> None:
    audio = beeps(0.2, 0.0)
    before = audio.copy()
    list(transcriber.transcribe(audio))
    np.testing.assert_array_equal(audio, before)


@pytest.mark.parametrize("size", [0, 1, 100])
def test_hardly_any_sound_says_nothing(transcriber: Transcriber, name: str, size: int) -> None:
    assert list(transcriber.transcribe(np.zeros(size, np.float32))) == []


def test_silence_says_nothing(transcriber: Transcriber, name: str) -> None:
    assert list(transcriber.transcribe(sounds.silence(3))) == []
