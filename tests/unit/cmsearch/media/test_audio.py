"""Decoding recordings: any form becomes mono at one rate, in blocks; damage is told."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from cmsearch.errors import MediaError
from cmsearch.media.audio import BLOCK_SECONDS, RATE, AudioReader, listening
from cmsearch.types import FloatArray, Modality, Part, Reading, Segment, Skipped
from tests import sounds
from tests.bad_files import DATA
from tests.bad_sounds import bad_sounds, good_sounds, riff, silent_film

pytestmark = pytest.mark.skipif(
    bool(AudioReader().missing), reason="the extra audio isn't installed"
)
BAD, GOOD = bad_sounds(), good_sounds()


def decoded(source: Path | bytes, rate: int = RATE) -> FloatArray:
    with listening(source, rate) as sound:
        assert sound is not None
        return np.concatenate(list(sound.blocks))


def tone(rate: int, seconds: float = 1.0) -> FloatArray:
    return (0.5 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * rate)) / rate)).astype("f4")


def pitch(samples: FloatArray) -> float:
    """The loudest frequency."""
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(power.argmax() * RATE / len(samples))


@pytest.mark.parametrize(
    ("container", "codec", "rate"),
    [
        ("wav", "pcm_s16le", 8_000),
        ("wav", "pcm_f32le", 44_100),
        ("wav", "pcm_u8", 16_000),
        ("wav", "pcm_mulaw", 8_000),
        ("flac", "flac", 96_000),
        ("mp3", "libmp3lame", 22_050),
        ("ipod", "aac", 48_000),
        ("adts", "aac", 16_000),
        ("ogg", "libopus", 48_000),
    ],
)
def test_every_form_becomes_mono_at_one_rate(container: str, codec: str, rate: int) -> None:
    samples = decoded(sounds.encoded(tone(rate), container, codec, rate))
    assert samples.dtype == np.float32 and samples.ndim == 1
    assert len(samples) / RATE == pytest.approx(1.0, abs=0.12)
    assert pitch(samples) == pytest.approx(440, abs=3)
    assert np.abs(samples[3000:-3000]).max() == pytest.approx(0.5, abs=0.06)


def test_channels_are_mixed() -> None:
    left, right = tone(RATE), np.zeros(RATE, np.float32)
    both = (np.stack([left, right], 1) * 32767).astype("<i2").tobytes()
    samples = decoded(riff(channels=2, data=both))
    assert len(samples) == RATE
    assert pitch(samples) == pytest.approx(440, abs=1)
    assert 0.2 < np.abs(samples).max() < 0.5


def test_samples_that_are_no_numbers_are_silent() -> None:
    samples = decoded(GOOD["nan.wav"])
    assert not samples.any()


def test_long_sound_comes_in_blocks() -> None:
    with listening(sounds.wav(sounds.noise(35))) as sound:
        assert sound is not None and sound.seconds == pytest.approx(35)
        sizes = [len(block) for block in sound.blocks]
    assert sum(sizes) == 35 * RATE
    assert max(sizes) < (BLOCK_SECONDS + 1) * RATE
    assert len(sizes) == 4


@pytest.mark.parametrize("name", GOOD)
def test_what_is_odd_is_read(name: str) -> None:
    assert len(decoded(GOOD[name])) >= 1


@pytest.mark.parametrize("name", BAD)
def test_what_is_bad_is_told_soon(name: str) -> None:
    data, reason = BAD[name]
    started = time.process_time()
    with pytest.raises(MediaError, match=r"^[^A-Z]") as told, listening(data) as sound:
        if sound is None:
            raise MediaError("there is no sound in it")
        assert max(map(len, sound.blocks), default=0) < (BLOCK_SECONDS + 1) * RATE
    assert reason in str(told.value)
    assert time.process_time() - started < 20


def test_there_are_enough_bad_ones() -> None:
    assert len(BAD) >= 25


def test_a_film_without_sound_has_none() -> None:
    with listening(silent_film()) as sound:
        assert sound is None


def test_playlists_open_nothing(tmp_path: Path) -> None:
    """Their demuxers would read other files, or fetch them."""
    (tmp_path / "secret.wav").write_bytes(GOOD["noise.wav"])
    for name, text in {
        "list.m4a": f"#EXTM3U\n#EXTINF:9,\nfile://{tmp_path}/secret.wav\n#EXT-X-ENDLIST\n",
        "list.mp3": f"ffconcat version 1.0\nfile '{tmp_path}/secret.wav'\n",
    }.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(MediaError, match="not a recording or film"):
            decoded(tmp_path / name)


def speech(*segments: Segment, error: str | None = None) -> Reading:
    def heard(path: Path) -> Iterator[Segment]:
        yield from segments
        if error is not None:
            raise MediaError(error)

    return Reading(16, heard)


SAID = Segment(1.25, 2.5, "Two dogs.")


def test_what_is_said_is_a_part_with_its_times() -> None:
    found = list(AudioReader().read(DATA / "dogs.ogg", speech(SAID)))
    place = "1.250-2.500"
    assert found == [Part(Modality.SPEECH, "transcript", "Two dogs.", locator=place)]


def test_without_speech_a_recording_is_only_checked(tmp_path: Path) -> None:
    assert list(AudioReader().read(DATA / "dogs.ogg", Reading(16))) == []
    (tmp_path / "a.ogg").write_bytes(b"no sound")
    with pytest.raises(MediaError, match="not a recording"):
        list(AudioReader().read(tmp_path / "a.ogg", Reading(16)))


def test_damage_after_speech_is_noted_beside_it() -> None:
    said, noted = AudioReader().read(DATA / "dogs.ogg", speech(SAID, error="cut short"))
    assert isinstance(said, Part)
    assert noted == Skipped("dogs.ogg", "cut short", "2.500-2.500")


def test_damage_without_speech_is_an_error() -> None:
    with pytest.raises(MediaError, match="cut short"):
        list(AudioReader().read(DATA / "dogs.ogg", speech(error="cut short")))


def test_a_recording_without_a_film_or_sound_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.m4a").write_bytes(silent_film())
    with pytest.raises(MediaError, match="there is no sound in it"):
        list(AudioReader().read(tmp_path / "a.m4a", speech(SAID)))
