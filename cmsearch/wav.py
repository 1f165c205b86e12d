"""WAV files: what was spoken as one, how long it is, and writing it without harm to others."""

from __future__ import annotations

import errno
import io
import os
import struct
import wave
from pathlib import Path

import numpy as np

from cmsearch.errors import CmsearchError
from cmsearch.files import open_file
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
    """Write a WAV file beside `path` and rename it.

    Replaces another one that cmsearch wrote, and no other file. Raises `CmsearchError` for a place
    that can't be written.
    """
    check_place(path)
    beside = path.with_name(path.name + ".new")
    try:
        beside.write_bytes(signed(data))
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise _unwritable(path, error) from error


def check_place(path: Path) -> None:
    """Raise `CmsearchError` if no recording can be written to `path`, as far as can be told."""
    if path.suffix.lower() != SUFFIX:
        raise CmsearchError(f"The recording {path} needs a name that ends with {SUFFIX}.")
    try:
        is_own = _is_own(path)
    except FileNotFoundError as error:
        if not path.parent.is_dir():
            raise _unwritable(path, error) from error
        is_own = True  # it will be
    except OSError as error:
        raise _unwritable(path, error) from error
    if not os.access(path.parent, os.W_OK):
        raise _unwritable(path, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))
    if not is_own:
        raise CmsearchError(
            f"{path} is there already and wasn't written by cmsearch. Give another name, or "
            "delete it."
        )


def _is_own(path: Path) -> bool:
    with open_file(path) as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(0, end - len(_OWN)))
        return file.read(len(_OWN)) == _OWN


def _unwritable(path: Path, error: OSError) -> CmsearchError:
    return CmsearchError(
        f"The recording {path} can't be written: {error.strerror}. Name a place in a folder that "
        "is there and can be written."
    )
