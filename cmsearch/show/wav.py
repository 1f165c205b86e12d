"""WAV files: what was spoken as one, how long it is, and writing it without harm to others."""

from __future__ import annotations

import io
import os
import struct
import wave
from pathlib import Path
from typing import BinaryIO

import numpy as np

from cmsearch.errors import CmsearchError
from cmsearch.show import own_files
from cmsearch.show.own_files import Kind
from cmsearch.types import FloatArray

SUFFIX = ".wav"
_OWN = b"LIST" + struct.pack("<I4s4sI", 22, b"INFO", b"ISFT", 9) + b"cmsearch\0\0"
"""The chunk by which a file that was written here is known; it names the software, as RIFF has it.
"""


def from_samples(audio: FloatArray, rate: int) -> bytes:
    """Mono samples from -1 to 1 as a WAV file of 16 bits."""
    packed = (np.clip(audio, -1, 1) * 32767).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(packed.tobytes())
    return file.getvalue()


def duration(data: bytes) -> float:
    """Seconds of a WAV file; raises `CmsearchError` where it is none."""
    try:
        with wave.open(io.BytesIO(data)) as reader:
            return float(reader.getnframes() / reader.getframerate())
    except (wave.Error, EOFError, ZeroDivisionError) as error:
        raise CmsearchError(f"This is no WAV file: {error or 'it ends too early'}.") from error


def signed(data: bytes) -> bytes:
    """The WAV file with a word of who made it at its end."""
    whole = data + b"\0" * (len(data) % 2) + _OWN
    return whole[:4] + struct.pack("<I", len(whole) - 8) + whole[8:]


def write(path: Path, data: bytes) -> None:
    """Write a WAV file over none but one of ours; raises `CmsearchError`, as
    `cmsearch.show.own_files`.
    """
    own_files.write(path, signed(data), _KIND)


def check_place(path: Path) -> None:
    """Raise `CmsearchError` if no recording can be written to `path`, as far as can be told."""
    own_files.check_place(path, _KIND)


def _is_own(file: BinaryIO) -> bool:
    end = file.seek(0, os.SEEK_END)
    file.seek(max(0, end - len(_OWN)))
    return file.read(len(_OWN)) == _OWN


_KIND = Kind("recording", (SUFFIX,), _is_own, "wasn't written by cmsearch")
