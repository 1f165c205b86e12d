"""The model that the extra `audio` brings: it hears speech, and nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from cmsearch.errors import ModelUnavailableError, UnknownModelError
from cmsearch.media.audio import RATE, AudioReader, listening
from cmsearch.models.transcribers import faster_whisper
from cmsearch.models.transcribers.faster_whisper import FasterWhisper, _fitted, _is_sure
from cmsearch.models.transcribers.sentences import Word
from cmsearch.models.transcribers.transcripts import transcriber
from cmsearch.models.transcribers.voice_activity import (
    LOUD,
    Passage,
    Span,
    levelled,
    passages,
    speech,
)
from cmsearch.protocols import Transcriber
from cmsearch.types import FloatArray
from tests import sounds
from tests.bad_files import DATA

pytestmark = pytest.mark.skipif(
    bool(AudioReader().missing), reason="the extra audio isn't installed"
)
DOGS = "two brown dogs are chasing a red ball across the wet grass."
LIGHTHOUSE = "the lighthouse stands on a rocky cliff above the sea."
BOATS = "two boats are sailing into the harbor at sunset."
BAND = (sounds.chords, sounds.arpeggio, sounds.strings)
Play = Callable[[float], FloatArray]


@cache
def played(play: Play) -> FloatArray:
    return play(60)


def samples(name: str) -> FloatArray:
    with listening(DATA / name) as sound:
        assert sound is not None
        return np.concatenate(list(sound.blocks))


@pytest.fixture(scope="module")
def tiny() -> Transcriber:
    return transcriber()


def said(model: Transcriber, audio: FloatArray) -> list[str]:
    """In small letters: which ones are capital hangs on the faintest noise."""
    return [segment.text.lower() for segment in model.transcribe(audio)]


def test_sentences_are_heard_with_their_times(tiny: Transcriber) -> None:
    """The recording has a second of silence before, and 1.5 s between its sentences."""
    first, second = tiny.transcribe(samples("harbour.mp3"))
    assert (first.text.lower(), second.text.lower()) == (LIGHTHOUSE, BOATS)
    loud = np.flatnonzero(np.abs(samples("harbour.mp3")) > 0.03) / RATE
    gap = int(np.diff(loud).argmax())
    times = (first.start, first.end, second.start, second.end)
    assert times == pytest.approx((loud[0], loud[gap], loud[gap + 1], loud[-1]), abs=0.3)


@pytest.mark.parametrize("level", [1.0, 0.1, 0.01, 0.003])
def test_faint_speech_is_heard(tiny: Transcriber, level: float) -> None:
    audio = level * samples("dogs.ogg")
    assert said(tiny, audio + sounds.noise(9, level=1e-5)[: len(audio)]) == [DOGS]


def test_speech_over_music_is_heard(tiny: Transcriber) -> None:
    audio = samples("dogs.ogg")
    music = sounds.chords(len(audio) / RATE, 0.02)
    (heard,) = said(tiny, audio + music[: len(audio)])
    assert "red ball" in heard


@pytest.mark.parametrize(
    "play",
    [
        sounds.silence,
        sounds.noise,
        partial(sounds.noise, level=0.4),
        partial(sounds.noise, slope=1),
        partial(sounds.noise, slope=1, level=0.003),
        partial(sounds.noise, slope=2),
        sounds.hum,
        *BAND,
        lambda _: sum(map(played, BAND)) / 3,
    ],
    ids=[
        *("silence", "white noise", "loud", "pink noise", "faint", "brown noise", "hum"),
        *("chords", "arpeggio", "strings", "band"),
    ],
)
def test_a_minute_without_speech_has_no_words(tiny: Transcriber, play: Play) -> None:
    assert said(tiny, played(play)) == []


def test_noise_around_speech_adds_no_words(tiny: Transcriber) -> None:
    noise = sounds.noise(20, slope=1, level=0.01)
    audio = np.concatenate([noise, samples("dogs.ogg"), noise, sounds.arpeggio(20, 0.05)])
    (segment,) = tiny.transcribe(audio)
    assert segment.text.lower() == DOGS
    assert (segment.start, segment.end) == pytest.approx((20, 23.4), abs=0.3)


def heard(text: str, sure: float = -0.3, silent: float = 0.1, packed: float = 1.0) -> object:
    return SimpleNamespace(
        text=text, avg_logprob=sure, no_speech_prob=silent, compression_ratio=packed
    )


@pytest.mark.parametrize(
    ("found", "is_kept"),
    [
        (heard("Two dogs."), True),
        (heard("Two dogs.", sure=-0.9), True),
        (heard("Two dogs.", sure=-1.1), False),
        (heard("Thank you.", sure=-0.7, silent=0.9), False),
        (heard("Thank you.", sure=-0.2, silent=0.9), True),
        (heard(" . . .", sure=-0.1), False),
        (heard("no no no no", packed=6.0), False),
    ],
)
def test_what_is_unsure_is_left_out(found: object, is_kept: bool) -> None:
    assert _is_sure(found) is is_kept


class Stuck:
    """In place of a model that repeats itself unless it is kept from it."""

    def __init__(self) -> None:
        self.model = SimpleNamespace(is_multilingual=False)
        self.options: list[dict[str, object]] = []

    def transcribe(self, audio: FloatArray, **options: object) -> tuple[list[object], None]:
        self.options.append(options)
        text, packed = ("Two dogs.", 1.0) if "no_repeat_ngram_size" in options else ("no " * 9, 9.0)
        words = [SimpleNamespace(start=0.2, end=0.9, word=text)]
        return [SimpleNamespace(**vars(heard(text, packed=packed)), words=words)], None


def test_repetitions_are_heard_again() -> None:
    model = Stuck()
    assert said(FasterWhisper("x", model), samples("dogs.ogg")) == ["two dogs."]  # type: ignore[arg-type]
    assert [len(options) for options in model.options] == [5, 6]
    assert all(options["temperature"] == 0.0 for options in model.options)


def test_words_are_fitted_to_the_speech() -> None:
    spans = (Span(RATE, 2 * RATE), Span(4 * RATE, 5 * RATE))
    words = [Word(0.8, 1.3, " a"), Word(1.3, 2.4, " b"), Word(4.3, 4.5, " c"), Word(4.5, 4.7, " d")]
    found = list(_fitted(words, Passage(Span(0, 6 * RATE), spans)))
    assert found == [(1.0, 1.3, " a"), (1.3, 2.0, " b"), (4.0, 4.5, " c"), (4.5, 5.0, " d")]


def test_speech_is_found_where_it_is() -> None:
    audio = np.concatenate([sounds.silence(2), samples("dogs.ogg"), sounds.silence(2)])
    spans = speech(audio)
    assert spans[0].start / RATE == pytest.approx(2.06, abs=0.1)
    assert spans[-1].end / RATE == pytest.approx(5.4, abs=0.2)


def test_a_pause_parts_passages() -> None:
    near = np.concatenate([samples("dogs.ogg"), sounds.silence(0.3)] * 2)
    far = np.concatenate([samples("dogs.ogg"), sounds.silence(3)] * 2)
    assert len(passages(near)) == 1
    assert len(passages(far)) == 2
    many = passages(np.concatenate([near] * 6))
    assert len(many) > 1 and all(one.whole.seconds <= 28.5 for one in many)


def test_only_what_is_faint_is_made_louder() -> None:
    tone = np.array([0.01, -0.002], np.float32)
    assert levelled(tone).tolist() == pytest.approx([LOUD, -LOUD / 5])
    for kept in (np.array([0.9, 0.1]), np.array([5e-5]), np.zeros(3), np.zeros(0)):
        assert levelled(kept.astype(np.float32)).tolist() == kept.astype(np.float32).tolist()


def test_unknown_names_say_what_there_is() -> None:
    with pytest.raises(UnknownModelError, match=r"Take one of tiny\.en, tiny, base"):
        faster_whisper.load("enormous")


@pytest.mark.parametrize("name", ["small", "somebody/whisper"])
def test_without_a_network_it_says_what_to_do(name: str) -> None:
    with pytest.raises(ModelUnavailableError, match=r"take --asr tiny\.en"):
        faster_whisper.load(name, download=True)
    with pytest.raises(ModelUnavailableError, match="not on this machine"):
        faster_whisper.load(name)


def test_a_model_is_taken_by_its_path(tmp_path: Path) -> None:
    folder = tmp_path / "whisper"
    shutil.copytree(faster_whisper._embedded(), folder)
    model = faster_whisper.load(str(folder))
    assert model.name == f"faster-whisper:{folder}"
    assert said(model, samples("dogs.ogg")) == [DOGS]
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelUnavailableError, match="tokenizer"):
        faster_whisper.load(str(folder))
    (folder / "model.bin").write_bytes(b"no weights")
    with pytest.raises(ModelUnavailableError, match="can't be loaded"):
        faster_whisper.load(str(folder))
    (folder / "config.json").unlink()
    with pytest.raises(ModelUnavailableError, match=r"has no config\.json"):
        faster_whisper.load(str(folder))


def test_other_weights_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(faster_whisper._DIGESTS, "config.json", "0")
    with pytest.raises(ModelUnavailableError, match="Reinstall"):
        faster_whisper.load("tiny.en")


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faster_whisper, "find_spec", lambda name: None)
    with pytest.raises(ModelUnavailableError, match=r"pip install 'cmsearch\[audio\]'"):
        faster_whisper.load("tiny.en")
