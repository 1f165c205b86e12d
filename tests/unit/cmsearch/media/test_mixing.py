"""Channels are mixed to one, and nothing that is said in one of them is lost."""

from __future__ import annotations

import numpy as np
import pytest

from cmsearch.media.audio import RATE, listening
from cmsearch.media.mixing import Mixer
from cmsearch.types import FloatArray
from tests import sounds
from tests.bad_sounds import riff

STEREO = ("FL", "FR")
SURROUND = ("FL", "FR", "FC", "LFE", "BL", "BR")
SOUND = sounds.noise(4, slope=1, level=0.1)
OTHER = sounds.noise(4, slope=1, level=0.1, seed=1)
QUIET = np.zeros_like(SOUND)


def mixed(*channels: FloatArray, names: tuple[str, ...] = STEREO, part: int = 1234) -> FloatArray:
    """The mix of channels that come in parts of an odd length."""
    samples, mixer = np.stack(channels), Mixer(names, RATE)
    parts = (samples[:, start : start + part] for start in range(0, samples.shape[1], part))
    found = np.concatenate([one for each in (*parts, None) for one in mixer(each)])
    assert found.shape == channels[0].shape and found.dtype == np.float32
    return found


def share(sound: FloatArray, mix: FloatArray) -> float:
    """How much of a sound is in the mix, from 0 to about 1."""
    return float(abs(sound @ mix) / (sound @ sound))


@pytest.mark.parametrize(
    ("left", "right", "least"),
    [
        (SOUND, SOUND, 1.0),
        (SOUND, -SOUND, 1.0),
        (SOUND, -0.5 * SOUND, 1.0),
        (-0.4 * SOUND, SOUND, 1.0),
        (SOUND, QUIET, 1.0),
        (QUIET, SOUND, 1.0),
        (SOUND, 0.03 * OTHER, 0.45),
        (SOUND, -SOUND + 0.2 * OTHER, 0.9),
        (SOUND, np.roll(SOUND, 16), 0.45),
        (SOUND, np.roll(SOUND, RATE // 2), 0.45),
        (SOUND, -np.roll(SOUND, 400), 0.45),
        (SOUND + 0.3 * OTHER, -SOUND + 0.3 * OTHER, 0.9),
    ],
    ids=["same", "opposite", "opposite and fainter", "opposite and louder", "right is silent",
         "left is silent", "right is faint", "opposite and noisy", "late", "far later",
         "opposite and late", "opposite below music"],
)  # fmt: skip
def test_what_is_in_a_channel_is_in_the_mix(
    left: FloatArray, right: FloatArray, least: float
) -> None:
    assert share(SOUND, mixed(left, right)) >= least - 1e-3


def test_what_is_in_either_channel_is_in_the_mix() -> None:
    """Of two people with a microphone each, both are heard, whoever speaks louder."""
    mix = mixed(SOUND, 0.5 * OTHER)
    assert np.allclose(mix, (SOUND + 0.5 * OTHER) / 2, atol=1e-6)


def test_hum_that_both_channels_have_hides_no_opposite_speech() -> None:
    hum = sounds.hum(4, level=0.15)
    assert share(SOUND, mixed(SOUND + hum, hum - SOUND)) > 0.9


def test_speech_in_the_centre_of_a_film_is_heard_beside_its_bass() -> None:
    rumble = 8 * sounds.noise(4, slope=2, seed=2)
    channels = dict.fromkeys(SURROUND, QUIET) | {"FC": SOUND, "LFE": rumble}
    mix = mixed(*channels.values(), names=SURROUND)
    assert np.allclose(mix, SOUND, atol=1e-6)


def test_a_recording_of_bass_alone_is_heard() -> None:
    assert np.allclose(mixed(SOUND, names=("LFE",)), SOUND)
    assert np.allclose(mixed(SOUND, SOUND, names=("LFE", "LFE2")), SOUND, atol=1e-6)


def test_a_change_within_a_recording_is_followed_without_a_click() -> None:
    """In phase, then opposite, then in phase; a pause between that changes nothing."""
    time = np.arange(12 * RATE) / RATE
    tone = (0.5 * np.sin(2 * np.pi * 200 * time)).astype(np.float32)
    tone[5 * RATE : 6 * RATE] = 0
    sign = np.where((time >= 4) & (time < 8), -1, 1).astype(np.float32)
    mix = mixed(tone, sign * tone)
    assert np.abs(np.diff(mix)).max() < 1.5 * np.abs(np.diff(tone)).max()
    for second in (0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11):
        middle = slice(int((second + 0.1) * RATE), (second + 1) * RATE)
        assert np.abs(mix[middle]).max() > 0.49, second


def test_however_it_comes_the_mix_is_the_same() -> None:
    channels = SOUND, np.concatenate([SOUND[: len(SOUND) // 2], -SOUND[len(SOUND) // 2 :]])
    assert np.allclose(mixed(*channels, part=77), mixed(*channels, part=50_000), atol=1e-6)


@pytest.mark.parametrize("rate", [RATE, 48_000])
def test_opposite_channels_of_a_file_are_heard(rate: int) -> None:
    both = (np.stack([SOUND, -SOUND], 1) * 32767).astype("<i2").tobytes()
    with listening(riff(channels=2, data=both), rate) as sound:
        assert sound is not None
        samples = np.concatenate(list(sound.blocks))
    assert len(samples) / rate == pytest.approx(4, abs=0.01)
    assert np.sqrt(np.mean(samples**2)) == pytest.approx(0.1, rel=0.05)


@pytest.mark.parametrize("channels", [3, 4, 6, 8, 13])
def test_any_number_of_channels_is_mixed(channels: int) -> None:
    data = np.zeros((len(SOUND), channels), np.float32)
    data[:, 2] = SOUND
    with listening(riff(channels=channels, data=(data * 32767).astype("<i2").tobytes())) as sound:
        assert sound is not None
        samples = np.concatenate(list(sound.blocks))
    assert share(SOUND[: len(samples)], samples[: len(SOUND)]) > 0.95
