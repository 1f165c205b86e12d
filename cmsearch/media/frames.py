"""Decoding the frames of films: upright, RGB, no larger than needed, within bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from cmsearch import locators
from cmsearch.errors import MediaError
from cmsearch.media.containers import packets, said
from cmsearch.media.pixels import MAX_RATIO
from cmsearch.media.shots import Frame, Pixels
from cmsearch.media.wholeness import duration

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

MAX_PIXELS = 2**26
"""Of a frame: 8192 by 8192. A decoder holds up to sixteen of them."""
MAX_DECODED = 2**42
"""Pixels of a film: those of 19 hours at 1920 by 1080 and 30 frames a second."""
FULL_RATE = 1920 * 1080 * 31
"""Pixels a second from which on frames that no other frame needs are passed over."""
KEY_RATE = 3840 * 2160 * 61
"""Pixels a second from which on only those frames are decoded that need no other."""
THREADS = 4
_MAX_BAD = 1000
"""Packets that can't be decoded, after which a film is given up."""
_LACKING = 0.1
"""The share of what a header claims that may be missing before a film counts as cut short."""
_MAX_GAP = 1.0
"""Seconds that the last frame is shown at most."""
_UNSPECIFIED, _HD = 2, 720
_MAX_JUMP = 24 * 3600.0
"""Seconds between two frames, above which times are made up."""


@dataclass(slots=True)
class Decoded:
    """How decoding a film went: the time until which there are frames, and what is wrong."""

    end: float | None = None
    damaged: int = 0
    reason: str = ""
    problems: list[str] = field(default_factory=list)

    def bad(self, error: Exception) -> None:
        self.damaged += 1
        self.reason = self.reason or said(error)


def video_stream(container: InputContainer) -> VideoStream | None:
    """The film in a container; the cover of a recording is none. Raises `MediaError`."""
    import av.stream

    cover = av.stream.Disposition.attached_pic
    streams = [one for one in container.streams.video if not one.disposition & cover]
    streams = [one for one in streams if one.codec_context is not None]
    if not streams:
        return None
    stream = streams[0]
    context = stream.codec_context
    check_size(context.width, context.height)
    context.options = {**context.options, "max_pixels": str(MAX_PIXELS)}
    context.thread_type, context.thread_count = "AUTO", THREADS
    context.skip_frame = _passed_over(stream)
    return stream


def check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise MediaError(f"{width} x {height} pixels are too many for a film")


def _passed_over(stream: VideoStream) -> Any:
    """Which frames the decoder is to leave out, so that large films take no hours."""
    rate = float(stream.average_rate or stream.guessed_rate or 0)
    pixels = stream.codec_context.width * stream.codec_context.height * min(rate, 240.0)
    return "NONKEY" if pixels > KEY_RATE else "NONREF" if pixels > FULL_RATE else "DEFAULT"


def frames(
    container: InputContainer,
    stream: VideoStream,
    size: int,
    noted: Decoded,
    others: Callable[[Packet[Any]], object] | None = None,
    *streams: Any,
) -> Iterator[Frame]:
    """The frames of a film with the seconds from its beginning, a short side of `size` at most.

    Packets of further `streams` are given to `others`. What can't be decoded is `noted`.
    """
    begin, ratio = (container.start_time or 0) / 1e6, _ratio(stream)
    last, step, pixels = -1.0, 0.04, 0
    for packet in packets(container, noted.bad, stream, *streams):
        if packet.stream is not stream:
            if others is not None:
                others(packet)
            continue
        for frame in _decoded(packet, noted):
            pixels += frame.width * frame.height
            time = _time(frame, begin, last, step)
            step = min(time - last, _MAX_GAP) if 0 <= last < time else step
            last = time
            noted.end = last + step
            yield Frame(last, partial(upright, frame, size, ratio))
        if noted.end is not None:  # frames that are passed over are shown all the same
            noted.end = max(noted.end, min(_ended(packet, begin), noted.end + _MAX_JUMP))
        if pixels > MAX_DECODED:
            noted.problems.append(f"what comes after {locators.clock(last)} is left out")
            return
    if noted.damaged:
        places = "1 place" if noted.damaged == 1 else f"{noted.damaged:,} places"
        noted.problems.append(f"damaged at {places} ({noted.reason})")
    claimed = duration(container, stream) or 0.0
    if noted.end is not None and claimed * (1 - _LACKING) - _MAX_GAP > noted.end:
        found, whole = locators.clock(noted.end), locators.clock(claimed)
        noted.problems.append(f"cut short: {found} of the {whole} that it claims are there")


def _time(frame: VideoFrame, begin: float, last: float, step: float) -> float:
    """When a frame is shown, in seconds, which is not before the one before it."""
    time: float | None = frame.time
    if time is None or not isfinite(time) or time - begin - max(last, 0) > _MAX_JUMP:
        return last + step if last >= 0 else 0.0
    return max(time - begin, last, 0.0)


def _ended(packet: Packet[Any], begin: float) -> float:
    """When what is in a packet has been shown, in seconds; 0 where it doesn't say."""
    if packet.pts is None or packet.time_base is None:
        return 0.0
    return float((packet.pts + (packet.duration or 0)) * packet.time_base) - begin


def _decoded(packet: Packet[Any], noted: Decoded) -> Iterator[VideoFrame]:
    import av

    try:
        yield from packet.decode()
    except (av.FFmpegError, ValueError) as error:
        noted.bad(error)
        if noted.damaged >= _MAX_BAD:
            raise MediaError(f"damaged ({noted.reason})") from error


def upright(frame: VideoFrame, size: int, ratio: float = 1.0) -> Pixels:
    """A frame as RGB `(height, width, 3)`, turned, and stretched by the `ratio` of its pixels.

    Its short side has `size` pixels, or as many as there are. Raises `MediaError` for a strip.
    """
    check_size(frame.width, frame.height)
    wide, high = max(1.0, frame.width * ratio), float(frame.height)
    factor = min(1.0, size / min(wide, high))
    width, height = (max(1, round(side * factor)) for side in (wide, high))
    if max(width, height) > MAX_RATIO * min(width, height):
        raise MediaError(f"{frame.width} x {frame.height} pixels are a strip, and no film")
    # What says nothing of its colours has those of a screen of its size.
    is_hd = frame.colorspace == _UNSPECIFIED and frame.height >= _HD
    colours: dict[str, Any] = {"src_colorspace": "ITU709"} if is_hd else {}
    pixels: Any = frame.to_ndarray(format="rgb24", width=width, height=height, **colours)
    return np.ascontiguousarray(np.rot90(pixels, round(frame.rotation / 90) % 4))


def _ratio(stream: VideoStream) -> float:
    """How much wider than high a pixel is."""
    ratio = float(stream.sample_aspect_ratio or 1)
    return ratio if 1 / 8 <= ratio <= 8 else 1.0
