"""Sounds made of numbers: silence, noise, music; and recordings of them in any container."""

from __future__ import annotations

from io import BytesIO

import numpy as np

from cmsearch.types import FloatArray

RATE = 16_000
_CHORDS = ((0, 4, 7), (9, 12, 16), (5, 9, 12), (7, 11, 14))  # C, Am, F, G in semitones


def silence(seconds: float) -> FloatArray:
    return np.zeros(int(seconds * RATE), np.float32)


def noise(seconds: float, *, slope: float = 0.0, level: float = 0.1, seed: int = 0) -> FloatArray:
    """Noise whose power falls with frequency as f to the `slope`: 0 is white, 1 pink, 2 brown."""
    count = int(seconds * RATE)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(count))
    spectrum /= np.maximum(np.fft.rfftfreq(count, 1 / RATE), 20) ** (slope / 2)
    return _levelled(np.fft.irfft(spectrum, count), level)


def hum(seconds: float, level: float = 0.05) -> FloatArray:
    """The mains, with its harmonics, and a little hiss."""
    time = _time(seconds)
    tone = sum(np.sin(2 * np.pi * 50 * k * time) / k for k in range(1, 8))
    return _levelled(np.asarray(tone) + noise(seconds, level=0.02), level)


def chords(seconds: float, level: float = 0.2) -> FloatArray:
    """An organ that changes its chord every two seconds."""
    time = _time(seconds)
    sound = np.zeros_like(time)
    for begin in range(0, int(seconds), 2):
        within = (time >= begin) & (time < begin + 2)
        for note in _CHORDS[begin // 2 % 4]:
            for k in (1, 2, 3, 4):
                sound[within] += np.sin(2 * np.pi * k * _pitch(note) * time[within]) / k**1.5
    return _levelled(sound, level)


def arpeggio(seconds: float, level: float = 0.2, seed: int = 0) -> FloatArray:
    """Plucked notes, four a second, over drums."""
    random = np.random.default_rng(seed)
    sound = np.zeros(int(seconds * RATE) + 2 * RATE)
    for step in range(int(seconds * 4)):
        note = _CHORDS[step // 8 % 4][step % 3] + 12 * (step % 2)
        _add(sound, step / 4, _pluck(_pitch(note), 1.0))
        if step % 2 == 0:
            _add(sound, step / 4, _drum(step % 4 == 0, random))
    return _levelled(sound[: int(seconds * RATE)], level)


def strings(seconds: float, level: float = 0.2) -> FloatArray:
    """A melody with vibrato on an instrument of many harmonics, close to a singing voice."""
    melody = (0, 2, 4, 7, 4, 2, 0, -3)
    sound = np.zeros(int(seconds * RATE) + 2 * RATE)
    for step in range(int(seconds)):
        time = _time(1.05)
        wobble = 0.01 * np.sin(2 * np.pi * 5.5 * time) / 5.5
        phase = 2 * np.pi * _pitch(melody[step % 8]) * (time + wobble)
        tone = sum(np.sin(k * phase) / k for k in range(1, 15))
        _add(sound, step, tone * np.minimum(1, np.minimum(time, 1.05 - time) * 12))
    return _levelled(sound[: int(seconds * RATE)], level)


def wav(samples: FloatArray, rate: int = RATE) -> bytes:
    """A WAV file of 16-bit samples."""
    return encoded(samples, "wav", "pcm_s16le", rate)


def encoded(samples: FloatArray, container: str, codec: str, rate: int = RATE) -> bytes:
    """A file of the samples in any container and codec of FFmpeg."""
    import av

    buffer = BytesIO()
    with av.open(buffer, "w", format=container) as file:
        stream = file.add_stream(codec, rate=rate, layout="mono")
        data = (samples * 32767).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(data, format="s16", layout="mono")
        frame.sample_rate = rate
        for one in (frame, None):
            for packet in stream.encode(one):
                file.mux(packet)
    return buffer.getvalue()


def _time(seconds: float) -> np.ndarray:
    return np.arange(int(seconds * RATE)) / RATE


def _pitch(semitones: float) -> float:
    return float(261.63 * 2 ** (semitones / 12))


def _pluck(pitch: float, seconds: float) -> np.ndarray:
    time = _time(seconds)
    tones = (np.sin(2 * np.pi * k * pitch * time) * np.exp(-3 * k * time) / k for k in (1, 2, 3, 5))
    return np.asarray(sum(tones))


def _drum(is_low: bool, random: np.random.Generator) -> np.ndarray:
    time = _time(0.25)
    if is_low:
        return 2 * np.sin(2 * np.pi * 60 * time * np.exp(-4 * time)) * np.exp(-12 * time)
    return 0.5 * random.standard_normal(len(time)) * np.exp(-25 * time)


def _add(sound: np.ndarray, at: float, tone: np.ndarray) -> None:
    start = int(at * RATE)
    sound[start : start + len(tone)] += tone[: len(sound) - start]


def _levelled(sound: np.ndarray, level: float) -> FloatArray:
    """The sound with its root mean square at a level, and nothing above 1."""
    scaled = sound * level / np.sqrt(np.mean(sound**2))
    return scaled.clip(-1, 1).astype(np.float32)
