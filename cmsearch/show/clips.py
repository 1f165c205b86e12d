"""Cutting a piece out of a film or a recording, encoded anew so that it begins where it should."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from importlib.util import find_spec
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from cmsearch.common import locators
from cmsearch.common.files import new_file
from cmsearch.common.kinds import HEARD
from cmsearch.errors import CmsearchError, MediaError
from cmsearch.media.containers import beginning, opened, packets, said, sound_stream
from cmsearch.media.frames import Decoded, video_stream
from cmsearch.media.readers import kind_at
from cmsearch.store.object_files import bring

if TYPE_CHECKING:
    import av
    from av.audio.stream import AudioStream
    from av.container import InputContainer, OutputContainer
    from av.video.stream import VideoStream

AROUND = 0.3
"""Seconds before and after what was found that are cut out with it."""
MOST_SECONDS = 600.0
_RATE = 48_000
_CLOCK = Fraction(1, 90_000)
_RATES = (Fraction(1), Fraction(120))  # frames a second
_ANIMATIONS = frozenset({".gif", ".webp"})
_Timed = tuple[Any, Any, float]
_CODECS = ("libx264", "mpeg4")


def check_clips() -> None:
    """Raise `CmsearchError` where nothing can be cut, for want of PyAV."""
    if not find_spec("av"):
        raise CmsearchError("Cutting needs cmsearch[video]: pip install 'cmsearch[video]'.")


def is_cuttable(path: Path) -> bool:
    """Whether a file is a film, a recording or an animation, by the end of its name."""
    return kind_at(path) in HEARD or path.suffix.lower() in _ANIMATIONS


def cut_out(path: Path, start: float, end: float, folder: Path) -> Path:
    """Write what a film or a recording has from `start` to `end`, in seconds, into a folder.

    A film becomes an MP4 with its sound, a recording an M4A, with the name and the time of what was
    found: `film_00-01-23.mp4`. One whose name is taken gets a number; no file is replaced. Raises
    `MediaError` for a file that can't be read, `CmsearchError` for a folder that can't be written.
    """
    bring(path)
    first = max(0.0, start - AROUND)
    last = min(end + AROUND, first + MOST_SECONDS)
    with opened(path) as source:
        film, sound = video_stream(source), sound_stream(source)
        if film is None and sound is None:
            raise MediaError("there is nothing in it that could be cut out")
        suffix = ".m4a" if film is None else ".mp4"
        stem = f"{path.stem}_{locators.clock(start).replace(':', '-')}"
        with _new(folder, stem, suffix) as file:
            target = Path(file.name)
            try:
                _Clip(source, film, sound).write(file, first, last)
            except BaseException:
                file.close()
                target.unlink(missing_ok=True)
                raise
    return target


def _new(folder: Path, stem: str, suffix: str) -> BinaryIO:
    """A file of that name, or with a number, which wasn't there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number in count(1):
            name = stem if number == 1 else f"{stem}-{number}"
            try:
                return new_file(folder / f"{name}{suffix}")
            except FileExistsError:
                continue
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CmsearchError(f"{folder} can't be written: {reason}. Name another place.") from error
    raise AssertionError("numbers don't end")


class _Clip:
    """One piece of a source, on its way into a file."""

    def __init__(
        self, source: InputContainer, film: VideoStream | None, sound: AudioStream | None
    ) -> None:
        self._source = source
        self._film = film
        self._sound = sound if sound is not None and sound.codec_context is not None else None
        self._begin = beginning(source)

    def write(self, file: BinaryIO, first: float, last: float) -> None:
        """Encode what lies between two times. Raises `MediaError` where nothing does."""
        import av

        if self._film is not None:
            self._film.codec_context.skip_frame = "DEFAULT"
        if first > 1:
            self._source.seek(int((first + self._begin) * 1e6))
        found = self._frames(first, last)
        waiting = list(self._up_to_picture(found))
        if not waiting or (self._film is not None and waiting[-1][0] is not self._film):
            raise MediaError(f"there is nothing at {locators.clock(first)} in it")
        try:
            with av.open(file, "w", format="ipod" if self._film is None else "mp4") as target:
                self._encode(target, chain(waiting, found), waiting[-1][1])
        except (av.FFmpegError, ValueError) as error:
            raise MediaError(f"can't be cut ({said(error)})") from error

    def _frames(self, first: float, last: float) -> Iterator[_Timed]:
        """The frames of both streams between the times, with the seconds from the first of these,
        in the order of the file.
        """
        import av

        streams = [one for one in (self._film, self._sound) if one is not None]
        going_on = {one.index for one in streams}
        for packet in packets(self._source, Decoded().bad, *streams):
            try:
                frames = packet.decode()
            except av.FFmpegError:
                continue
            for frame in frames:
                at = (frame.time or 0.0) - self._begin
                if first <= at < last:
                    yield packet.stream, frame, at - first
                elif at >= last:
                    going_on.discard(packet.stream.index)
            if not going_on:
                return

    def _up_to_picture(self, found: Iterator[_Timed]) -> Iterator[_Timed]:
        """The first frames, up to that which says how large the clip is."""
        for one in found:
            yield one
            if self._film is None or one[0] is self._film:
                return

    def _encode(self, target: OutputContainer, found: Iterable[_Timed], sample: Any) -> None:
        import av

        pictures = None if self._film is None else _pictures(target, self._film, sample)
        sounds = None
        if self._sound is not None:
            sounds = target.add_stream("aac", rate=_RATE, layout="stereo")
        resampler = av.AudioResampler(format="fltp", layout="stereo", rate=_RATE, frame_size=1024)
        shown, heard = -1, None
        for stream, frame, at in found:
            if pictures is not None and stream is self._film:
                shown = max(shown + 1, round(at / _CLOCK))
                target.mux(pictures.encode(_even(frame, pictures, shown)))
            elif sounds is not None:
                heard = round(at * _RATE) if heard is None else heard
                frame.pts = None
                for piece in resampler.resample(frame):
                    piece.pts, piece.time_base = heard, Fraction(1, _RATE)
                    heard += piece.samples
                    target.mux(sounds.encode(piece))
        for output in (pictures, sounds):
            if output is not None:
                target.mux(output.encode(None))


def _pictures(target: OutputContainer, film: VideoStream, sample: av.VideoFrame) -> Any:
    """A stream of pictures as large as a frame, and turned as it."""
    import av

    rate = Fraction(film.average_rate or 25).limit_denominator(1001)
    codec = next(one for one in _CODECS if one in av.codecs_available)
    output: Any = target.add_stream(codec, rate=min(max(rate, _RATES[0]), _RATES[1]))
    output.width, output.height = (
        max(2, side - side % 2) for side in (sample.width, sample.height)
    )
    output.pix_fmt = "yuv420p"
    output.codec_context.time_base = _CLOCK
    if film.sample_aspect_ratio:
        output.codec_context.sample_aspect_ratio = film.sample_aspect_ratio
    if sample.rotation:
        output.set_display_rotation(sample.rotation)
    return output


def _even(frame: av.VideoFrame, output: Any, place: int) -> av.VideoFrame:
    """The frame in the form that is encoded, at its place in time."""
    changed = frame.reformat(width=output.width, height=output.height, format="yuv420p")
    changed.pts, changed.time_base = place, _CLOCK
    return changed
