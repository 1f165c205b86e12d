"""Reading films: their shots, what is said in them, and the subtitles that they carry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from cmsearch.common import locators
from cmsearch.common.kinds import FileKind
from cmsearch.errors import MediaError
from cmsearch.media.audio import heard
from cmsearch.media.container_notes import noted_in
from cmsearch.media.containers import MAX_BYTES, beginning, opened, packets
from cmsearch.media.frames import Decoded, frames, video_stream
from cmsearch.media.notes import noted_parts
from cmsearch.media.shots import Shot as Seen
from cmsearch.media.shots import first_at, shots, thinned
from cmsearch.media.subtitles import Cue, plain, subtitle_parts
from cmsearch.media.wholeness import extent
from cmsearch.types import Capture, Modality, Noted, Part, Reading, Skipped

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet

MAX_PICTURES = 1000
"""Pictures of a film at most; of a longer one each shot has fewer."""
MAX_ROOM = 384 * 2**20
"""Bytes that they take at most."""
MAX_TRACKS = 8
MAX_CUES = 100_000
_LAST = 1e6  # seconds
_TEXTS = frozenset({"ass", "mov_text", "srt", "ssa", "subrip", "text", "webvtt"})


class VideoReader:
    """Reads MP4, QuickTime, Matroska, WebM, AVI, MPEG, WMV, Flash and DV through PyAV, which the
    extra `video` installs.

    A film has an item for each shot; and for what is said, and for its subtitles, as times go on.
    """

    suffixes = frozenset(
        {
            *(".3g2", ".3gp", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".m2t", ".m2ts"),
            *(".m2v", ".m4v", ".mkv", ".mov", ".mp4", ".mpe", ".mpeg", ".mpg", ".mts", ".ogv"),
            *(".qt", ".tod", ".ts", ".vob", ".webm", ".wmv"),
        }
    )

    max_bytes = MAX_BYTES
    kind = FileKind.FILM

    @property
    def missing(self) -> str | None:
        """The extra that it needs and that is missing; None if it can read."""
        return None if find_spec("av") else "video"

    def read(self, path: Path, wanted: Reading) -> Iterator[Part | Noted | Skipped]:
        """Give the shots of a film, what is written in it, its subtitles, what is said and what
        sounds in it.
        """
        with opened(path) as container:
            has_sound = bool(container.streams.audio)
            capture, own = noted_in(container, path)
            seen, cues, problems = _seen(container, wanted.image_size)
        if problems and not (seen or cues or has_sound):
            raise MediaError(problems[0])
        for one in seen:
            pictures = tuple(Image.fromarray(picture) for picture in one.pictures)
            place = locators.times(one.start, one.end)
            yield Part(Modality.VIDEO, "shot", pictures, None, place, capture)
        yield from noted_parts(own, path, capture)
        for part in subtitle_parts(cues):
            yield replace(part, capture=capture)
        for problem in problems:
            yield Skipped(path.name, problem, "film")
        if has_sound:
            yield from _heard(path, wanted, capture, bool(seen or cues))

    def picture(self, path: Path, size: int, locator: str) -> Image.Image:
        """The frame in the middle of the times that `locator` names, or one a third into the film.

        Upright and RGB, with a short side of about `size` pixels. Raises `MediaError`.
        """
        times = locators.span(locator)
        return frame_at(path, times and sum(times) / 2, size)


def frame_at(path: Path, seconds: float | None, size: int) -> Image.Image:
    """What a film shows at a time, or a third into it, with a short side of `size` at most.

    Of a film that ends before that its last frame. Raises `MediaError`.
    """
    with opened(path) as container:
        stream = video_stream(container)
        if stream is None:
            raise MediaError("there is no film in it")
        if seconds is None:
            seconds = min((extent(container, stream) or 0.0) / 3, 600.0)
        begin = beginning(container)
        if seconds > 1:
            container.seek(int((begin + seconds) * 1e6))
        found = first_at(frames(container, stream, size, Decoded()), seconds)
        if found is None:  # the seeking led beyond what is there
            container.seek(int(begin * 1e6))
            found = first_at(frames(container, stream, size, Decoded()), seconds)
        if found is None:
            raise MediaError("no frame of it can be decoded")
        return Image.fromarray(found.read())


def _seen(container: InputContainer, size: int) -> tuple[list[Seen], list[Cue], list[str]]:
    """The shots and the cues of a film, which are read together, and what is wrong with it."""
    noted, cues = Decoded(), list[Cue]()
    begin = beginning(container)
    tracks = [one for one in container.streams.subtitles if one.codec_context is not None]
    tracks = [one for one in tracks if one.codec_context.name in _TEXTS][:MAX_TRACKS]

    def read(packet: Packet[Any]) -> None:
        if len(cues) < MAX_CUES:
            cues.extend(_cues(packet, begin))

    stream = video_stream(container)
    if stream is None:
        for packet in packets(container, noted.bad, *tracks) if tracks else ():
            read(packet)
        return [], cues, [] if cues or container.streams.audio else ["there is no film in it"]
    decoded = frames(container, stream, size, noted, read, *tracks)
    found = thinned(shots(decoded, lambda: noted.end), MAX_PICTURES, MAX_ROOM)
    if noted.end is None:
        noted.problems.append(
            f"no frame of it can be decoded{noted.reason and f' ({noted.reason})'}"
        )
    return found, cues, noted.problems


def _heard(
    path: Path, wanted: Reading, capture: Capture, is_else: bool
) -> Iterator[Part | Skipped]:
    """What is said and sounds; that it can't be heard is no reason to leave out what is seen."""
    try:
        for part in heard(path, wanted):
            yield replace(part, capture=capture) if isinstance(part, Part) else part
    except MediaError as error:
        if not is_else:
            raise
        yield Skipped(path.name, str(error), "sound")


def _cues(packet: Packet[Any], begin: float) -> Iterator[Cue]:
    """What a packet of subtitles says; a damaged one says nothing."""
    import av

    if packet.pts is None or packet.time_base is None or not packet.size:
        return
    start = float(packet.pts * packet.time_base) - begin
    try:
        found = packet.stream.codec_context.decode2(packet)
    except (av.FFmpegError, ValueError):
        return
    if found is None:
        return
    seconds = float(packet.duration * packet.time_base) if packet.duration else 0.0
    end = start + (seconds or min(found.end_display_time / 1000, 10.0))
    for one in found:
        text = plain(getattr(one, "dialogue", b"").decode("utf-8", "replace"))
        if text and 0 <= start <= end < _LAST:
            yield Cue(start, end, text)
