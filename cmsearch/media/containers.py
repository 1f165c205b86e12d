"""Opening recordings and films through PyAV: known formats only, and nothing that they point to."""

# Tested by tests/unit/cmsearch/media/test_video.py

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from cmsearch.common.files import open_file
from cmsearch.errors import MediaError

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet

FORMATS = (
    *("aac", "ac3", "aiff", "amr", "asf", "au", "avi", "caf", "dv", "flac", "flv", "gif"),
    *("matroska,webm", "mov,mp4,m4a,3gp,3g2,mj2", "mp3", "mpeg", "mpegts", "mpegvideo", "ogg"),
    *("w64", "wav", "webp_anim", "wv"),
)
"""FFmpeg's names of the containers that are read; playlists, which open other files, aren't."""


MAX_BYTES = 256 * 2**30
"""Of a file: a day of film at 24 Mbit a second. All of it is read, to be known again."""


@contextmanager
def opened(source: Path | bytes) -> Iterator[InputContainer]:
    """The container in a file, or in bytes, open for demuxing.

    What FFmpeg raises in opening it, and within, is raised as `MediaError`.
    """
    if not find_spec("av"):
        raise MediaError("recordings and films need cmsearch[audio]: pip install 'cmsearch[audio]'")
    import av

    try:
        file: BinaryIO = BytesIO(source) if isinstance(source, bytes) else open_file(source)
    except OSError as error:
        raise MediaError(f"can't be read: {error.strerror}") from error
    with file:
        try:
            if not file.read(1):
                raise MediaError("the file is empty")
            file.seek(0)
            with _container(file) as container:
                yield container
        except av.FFmpegError as error:
            raise MediaError(f"damaged ({said(error)})") from error
        except MemoryError as error:
            raise MediaError("too large for the memory") from error


def _container(file: BinaryIO) -> InputContainer:
    import av

    options = {"format_whitelist": ",".join(FORMATS), "protocol_whitelist": "none"}
    try:
        return av.open(file, "r", metadata_errors="replace", container_options=options)
    except av.FFmpegError as error:
        reason = "not a recording or film in a format that can be read, or cut short"
        raise MediaError(f"{reason} ({said(error)})") from error
    except (ValueError, OverflowError) as error:  # PyAV's of what a header claims
        raise MediaError(f"damaged ({error})") from error


def sound_stream(container: InputContainer) -> AudioStream | None:
    """The first sound in a container that can be decoded, or else the first."""
    streams = container.streams.audio
    known = (one for one in streams if one.codec_context is not None)
    return next(known, next(iter(streams), None))


def beginning(container: InputContainer) -> float:
    """When what is in a container begins, in seconds of its own time: players show 0 there."""
    return (container.start_time or 0) / 1e6


def longest_gap(container: InputContainer) -> float:
    """The seconds between two frames above which the time line begins anew: files of MPEG streams
    may be joined as they are, and then FFmpeg takes a clock that goes back for one that ran over.
    """
    return 3600.0 if container.format.name in ("mpeg", "mpegts") else 24 * 3600.0


def packets(
    container: InputContainer, bad: Callable[[Exception], object], *streams: Any
) -> Iterator[Packet[Any]]:
    """The packets of streams up to the end, or to where the file can't be read any further, of
    which `bad` is told.
    """
    import av

    found = container.demux(*streams)
    while True:
        try:
            packet = next(found)
        except StopIteration:
            return
        except av.FFmpegError as error:  # there is no going on after it
            bad(error)
            return
        yield packet


def said(error: Exception) -> str:
    """FFmpeg's message of an error, without number and name."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
