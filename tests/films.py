"""Short films made of plain pictures, with or without sound and subtitles, in any container."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from io import BytesIO
from typing import Any

import av
import numpy as np
from PIL import Image

from cmsearch.media.shots import Frame

RATE = 25
Cue = tuple[float, float, str]


def film(
    colours: Sequence[str | Image.Image] = ("red", "green", "blue"),
    *,
    seconds: float = 1.0,
    size: tuple[int, int] = (64, 48),
    style: str = "mp4",
    codec: str = "libx264",
    sound: bool = False,
    cues: Sequence[Cue] = (),
    rotation: int = 0,
    times: Sequence[float] = (),
    metadata: Mapping[str, str] | None = None,
) -> bytes:
    """A film that shows each colour, or picture, for so many seconds; or at `times` each once."""
    buffer = BytesIO()
    with av.open(buffer, "w", format=style, container_options=_OPTIONS.get(style, {})) as container:
        container.metadata.update(metadata or {})
        streams = _streams(container, codec, size, sound, bool(cues), rotation)
        pictures = [one if isinstance(one, Image.Image) else _plain(one, size) for one in colours]
        shown = _shown(pictures, seconds, times)
        for time, picture in shown:
            frame = av.VideoFrame.from_image(picture)
            frame.pts, frame.time_base = round(time * 1000), Fraction(1, 1000)
            container.mux(streams["video"].encode(frame))
        container.mux(streams["video"].encode(None))
        if sound:
            _add_sound(container, streams["audio"], len(colours) * seconds)
        for start, end, text in cues:
            container.mux(_cue(streams["text"], start, end, text))
    return buffer.getvalue()


_OPTIONS = {"mp4": {"movflags": "+use_metadata_tags"}}
_HEADER = b"""[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize
Style: Default,Arial,16

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


def tone(seconds: float, *, style: str = "mp4") -> bytes:
    """A file of a film's kind that has sound alone."""
    buffer = BytesIO()
    with av.open(buffer, "w", format=style) as container:
        stream = container.add_stream("aac", rate=16_000, layout="mono")
        _add_sound(container, stream, seconds)
    return buffer.getvalue()


def subtitled(cues: Sequence[Cue]) -> bytes:
    """A Matroska file that has subtitles alone."""
    buffer = BytesIO()
    with av.open(buffer, "w", format="matroska") as container:
        stream = _text(container, "subrip")
        for start, end, text in cues:
            container.mux(_cue(stream, start, end, text))
    return buffer.getvalue()


def frames(looks: Sequence[tuple[str | Image.Image, float]], rate: int = RATE) -> list[Frame]:
    """Frames for the detection of shots: each colour, or picture, for so many seconds."""
    found, time = [], 0.0
    for look, seconds in looks:
        picture = look if isinstance(look, Image.Image) else _plain(look, (32, 24))
        pixels = np.asarray(picture.convert("RGB"))
        for _ in range(round(seconds * rate)):
            found.append(Frame(time, lambda pixels=pixels: pixels))  # type: ignore[misc]
            time = len(found) / rate
    return found


def _plain(colour: str, size: tuple[int, int]) -> Image.Image:
    return Image.new("RGB", size, colour)


def _streams(
    container: Any, codec: str, size: tuple[int, int], sound: bool, has_cues: bool, rotation: int
) -> dict[str, Any]:
    video = container.add_stream(codec, rate=RATE)
    video.width, video.height = size
    video.pix_fmt = "yuv420p"
    video.codec_context.time_base = Fraction(1, 1000)
    if codec == "libx264":
        video.options = {"preset": "ultrafast", "threads": "1"}
    if rotation:
        video.set_display_rotation(rotation)
    streams = {"video": video}
    if sound:
        codec = "libopus" if container.format.name == "webm" else "aac"
        rate = 48_000 if codec == "libopus" else 16_000
        streams["audio"] = container.add_stream(codec, rate=rate, layout="mono")
    if has_cues:
        is_mp4 = container.format.name in ("mp4", "mov")
        streams["text"] = _text(container, "mov_text" if is_mp4 else "subrip")
    return streams


def _text(container: Any, codec: str) -> Any:
    stream = container.add_stream(codec)
    stream.codec_context.subtitle_header = _HEADER
    return stream


def _shown(
    pictures: Sequence[Image.Image], seconds: float, times: Sequence[float]
) -> list[tuple[float, Image.Image]]:
    if times:
        return list(zip(times, pictures, strict=True))
    each = round(seconds * RATE)
    flat = [picture for picture in pictures for _ in range(each)]
    return [(number / RATE, picture) for number, picture in enumerate(flat)]


def _add_sound(container: Any, stream: Any, seconds: float) -> None:
    count = round(seconds * stream.rate)
    samples = 0.2 * np.sin(np.arange(count) * 2 * np.pi * 440 / stream.rate)
    planar = samples.astype(np.float32)[None]
    frame: Any = av.AudioFrame.from_ndarray(planar, format="fltp", layout="mono")
    frame.rate = stream.rate
    resampler = av.AudioResampler(stream.format.name, "mono", stream.rate, frame_size=960)
    for piece in (*resampler.resample(frame), *resampler.resample(None)):
        container.mux(stream.encode(piece))
    container.mux(stream.encode(None))


def _cue(stream: Any, start: float, end: float, text: str) -> Any:
    said = text.encode()
    is_mp4 = stream.codec_context.name == "mov_text"
    packet = av.Packet(len(said).to_bytes(2, "big") + said if is_mp4 else said)
    packet.stream = stream
    packet.time_base = Fraction(1, 1000)
    packet.pts = packet.dts = round(start * 1000)
    packet.duration = round((end - start) * 1000)
    return packet
