"""Decoding the frames of films: upright, RGB, no larger than needed, within bounds."""

# Tested by tests/unit/cmsearch/media/test_video.py

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from cmsearch.common import locators
from cmsearch.errors import MediaError
from cmsearch.media.containers import beginning, longest_gap, packets, said
from cmsearch.media.pixels import MAX_RATIO
from cmsearch.media.shots import Frame, Pixels
from cmsearch.media.wholeness import extent, is_guess

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
MAX_BACK = 1.0
"""Seconds by which a frame may be before the one before it; beyond, the time line begins anew."""


@dataclass(slots=True)
class Decoded:
    """How decoding a film went: the time until which there are frames, and until which there is
    anything, and what is wrong.
    """

    end: float | None = None
    reach: float = 0.0
    damaged: int = 0
    reason: str = ""
    problems: list[str] = field(default_factory=list)

    def bad(self, error: Exception) -> None:
        """Count a frame that is damaged, and keep the first reason."""
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
    """Raise `MediaError` for frames that have too many pixels."""
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
    begin, ratio, most = beginning(container), _ratio(stream), longest_gap(container)
    last, step, pixels = -1.0, 0.04, 0
    # Where a file only says how long all of it is, it may be the sound that lasts as long.
    wanted = (stream, *streams) if stream.duration is not None else _timed(container, *streams)
    for packet in packets(container, noted.bad, *wanted):
        if packet.stream is not stream:
            if packet.stream in streams and others is not None:
                others(packet)
            else:
                noted.reach = max(noted.reach, _ended(packet, begin))
            continue
        for frame in _decoded(packet, noted):
            pixels += frame.width * frame.height
            begin = _rebased(frame, begin, last, step, most)
            time = _time(frame, begin, last, step)
            step = min(time - last, _MAX_GAP) if 0 <= last < time else step
            last = time
            noted.end = last + step
            yield Frame(last, partial(upright, frame, size, ratio))
        # Frames that are passed over are shown all the same, but for those that an edit cut off.
        if noted.end is not None and not packet.is_discard:
            noted.end = max(noted.end, min(_ended(packet, begin), noted.end + most))
        if pixels > MAX_DECODED:
            noted.problems.append(f"what comes after {locators.clock(last)} is left out")
            return
    _judge(container, stream, noted)


def _timed(container: InputContainer, *others: Any) -> list[Any]:
    """The films and the sound of a container, and other streams."""
    own = [*container.streams.video, *container.streams.audio]
    return [*(one for one in own if one.codec_context is not None), *others]


def _judge(container: InputContainer, stream: VideoStream, noted: Decoded) -> None:
    """Note what is wrong with a film that was decoded to its end."""
    if noted.damaged:
        places = "1 place" if noted.damaged == 1 else f"{noted.damaged:,} places"
        noted.problems.append(f"damaged at {places} ({noted.reason})")
    claimed = 0.0 if is_guess(container) else extent(container, stream) or 0.0
    if noted.end is not None and claimed * (1 - _LACKING) - _MAX_GAP > max(noted.end, noted.reach):
        found, whole = locators.clock(noted.end), locators.clock(claimed)
        noted.problems.append(f"cut short: {found} of the {whole} that it claims are there")


def _rebased(frame: VideoFrame, begin: float, last: float, step: float, most: float) -> float:
    """When the time line begins, as of this frame: joined recordings begin theirs anew."""
    time: float | None = frame.time
    if time is None or not isfinite(time):
        return begin
    jump = time - begin - max(last, 0.0)
    if -MAX_BACK <= jump <= most:
        return begin
    return time - (last + step if last >= 0 else 0.0)


def _time(frame: VideoFrame, begin: float, last: float, step: float) -> float:
    """When a frame is shown, in seconds, which is not before the one before it."""
    time: float | None = frame.time
    if time is None or not isfinite(time):
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
