"""WAV files: written whole, known as ours, and never over a file of somebody else."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import numpy as np
import pytest

from cmsearch.errors import CmsearchError
from cmsearch.show import wav
from tests.programs import tone


def test_samples_come_back() -> None:
    samples = np.linspace(-1.5, 1.5, 101).astype(np.float32)
    data = wav.from_samples(samples, 8000)
    with wave.open(io.BytesIO(data)) as reader:
        assert (reader.getframerate(), reader.getnchannels()) == (8000, 1)
        back = np.frombuffer(reader.readframes(101), "<i2") / 32767
    assert np.allclose(back, samples.clip(-1, 1), atol=1e-4)
    assert wav.duration(data) == 101 / 8000


@pytest.mark.parametrize("data", [b"", b"RIFF", b"x" * 100, tone()[:30]])
def test_what_is_no_recording_is_told(data: bytes) -> None:
    with pytest.raises(CmsearchError, match="no WAV file"):
        wav.duration(data)


@pytest.mark.parametrize("samples", [10, 11])
def test_a_signed_recording_is_the_same_recording(samples: int) -> None:
    data = wav.from_samples(np.ones(samples, np.float32), 8000)
    signed = wav.signed(data)
    with wave.open(io.BytesIO(signed)) as reader:
        assert reader.getnframes() == samples
    assert int.from_bytes(signed[4:8], "little") == len(signed) - 8
    odd = wav.signed(data[:-1])
    assert len(odd) % 2 == 0


def test_only_our_own_are_replaced(tmp_path: Path) -> None:
    path = tmp_path / "spoken.wav"
    wav.write(path, tone(0.1))
    wav.write(path, tone(0.2))
    assert wav.duration(path.read_bytes()) == 0.2
    path.write_bytes(tone())
    with pytest.raises(CmsearchError, match="wasn't written by cmsearch"):
        wav.write(path, tone(0.3))
    assert path.read_bytes() == tone()
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(CmsearchError, match=r"ends with \.wav"):
        wav.check_place(tmp_path / "spoken.mp3")
    with pytest.raises(CmsearchError, match="can't be written"):
        wav.check_place(tmp_path / "nowhere" / "spoken.wav")
    (tmp_path / "folder.wav").mkdir()
    with pytest.raises(CmsearchError, match="can't be written"):
        wav.check_place(tmp_path / "folder.wav")
