"""Whether the sound of a file is all there: what it claims, what was found, what was damaged."""

# Tested by tests/unit/cmsearch/media/test_audio.py

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING

from cmsearch.common import locators
from cmsearch.common.files import open_file
from cmsearch.errors import MediaError
from cmsearch.media.containers import beginning, said

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.stream import VideoStream

MAX_SECONDS = 24 * 3600
"""Sound after this is passed over: a file of a few bytes may claim, or unpack to, years."""
_MAX_BAD = 1000
"""Packets that can't be decoded, after which a file is given up."""
_LACKING = 0.1
"""The share of what a header claims that may be missing before the file counts as cut short."""
_ESTIMATED = frozenset({"aac", "mp3"})
"""Containers whose duration is guessed from the size, unless they have a header for it."""
_GUESSED = _ESTIMATED | {"ac3", "amr", "dts", "eac3", "mpeg", "mpegts", "mpegvideo"}
"""Containers whose duration is guessed from the size, or is that of the last packet."""
_STREAMED = 0x7FFFF000
"""A size in a WAV file's header, from which on it is a writer's that didn't know the size."""


class Damage:
    """What was found wrong with the sound of a file while it was decoded."""

    def __init__(self, claimed: float | None) -> None:
        self._claimed = claimed
        self._packets = 0
        self._reason = ""

    def add(self, error: Exception) -> None:
        """Note a packet that can't be decoded; raises `MediaError` if they are too many."""
        self._packets += 1
        self._reason = self._reason or said(error)
        if self._packets >= _MAX_BAD:
            raise MediaError(f"damaged ({self._reason})")

    def tell(self, seconds: float) -> None:
        """Raise `MediaError` if anything is wrong with a file of which `seconds` were decoded."""
        if not seconds:
            raise MediaError(f"there is no sound in it{self._reason and f' ({self._reason})'}")
        if seconds >= MAX_SECONDS:
            raise MediaError(f"what comes after {MAX_SECONDS // 3600} hours is left out")
        if self._claimed is not None and self._claimed * (1 - _LACKING) - 1 > seconds:
            found, whole = locators.clock(seconds), locators.clock(self._claimed)
            raise MediaError(f"cut short: {found} of the {whole} that it claims are there")
        if self._packets:
            places = "1 place" if self._packets == 1 else f"{self._packets:,} places"
            raise MediaError(f"damaged at {places} ({self._reason})")


def extent(container: InputContainer, stream: AudioStream | VideoStream) -> float | None:
    """When a stream ends, in seconds from the beginning, as the file says; it may be a guess."""
    begin = beginning(container)
    if stream.duration is not None and stream.time_base is not None:
        start = begin if stream.start_time is None else float(stream.start_time * stream.time_base)
        return max(0.0, start - begin) + float(stream.duration * stream.time_base)
    if container.duration is None:
        return None
    end = container.duration / 1e6
    is_moment = container.format.name.startswith("matroska") and 0 < begin < end
    return end - begin if is_moment else end


def is_guess(container: InputContainer) -> bool:
    """Whether FFmpeg takes the duration from what is there, which claims nothing."""
    return container.format.name in _GUESSED


def claimed(container: InputContainer, stream: AudioStream, source: Path | bytes) -> float | None:
    """The `extent`, if it is no guess, and of this stream rather than of another."""
    found = extent(container, stream)
    is_alone = len(container.streams.audio) + len(container.streams.video) == 1
    if found is None or (stream.duration is None and not is_alone):
        return None
    if container.format.name == "wav":
        return found * _riff_share(source, container.size)
    if is_guess(container):
        rate = stream.codec_context.bit_rate if container.format.name in _ESTIMATED else None
        is_more = rate is not None and found * rate / 8 > container.size * (1 + _LACKING)
        return found if is_more else None
    return found


def _riff_share(source: Path | bytes, size: int) -> float:
    """How much larger than a WAV file is its header says that it is; FFmpeg trims its claim."""
    if isinstance(source, bytes):
        head = source[:8]
    else:
        try:
            with open_file(source) as file:
                head = file.read(8)
        except OSError:  # it was just read
            return 1.0
    if len(head) < 8 or head[:4] != b"RIFF":
        return 1.0
    whole = int(struct.unpack("<I", head[4:])[0]) + 8
    return 1.0 if whole >= _STREAMED else max(1.0, whole / max(size, 1))
