"""Time lines that don't begin at 0, end early, begin late or begin anew are those of players."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from fractions import Fraction
from heapq import merge
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from cmsearch.common import locators
from cmsearch.media.audio import RATE, AudioReader, listening
from cmsearch.media.video import VideoReader, frame_at
from cmsearch.show.clips import cut_out
from cmsearch.types import Part, Reading, Skipped
from tests import sounds
from tests.films import film

pytestmark = pytest.mark.skipif(
    bool(VideoReader().missing or AudioReader().missing), reason="an extra isn't installed"
)
COLOURS = ("red", "lime", "blue")
CODECS = {"flv": "flv", "mpeg": "mpeg1video", "asf": "wmv2"}
NOISE = sounds.noise(1)
Spans = list[tuple[float, float]]


def made(
    style: str,
    seen: tuple[float, float] | None,
    heard: tuple[float, float] | None = None,
    **options: str,
) -> bytes:
    """A film whose pictures, and whose sound, are from one second to another: a third each of the
    pictures is red, green and blue.
    """
    buffer = BytesIO()
    with av.open(buffer, "w", format=style, container_options=options) as target:
        film = sound = None
        if seen is not None:
            film = target.add_stream(CODECS.get(style, "libx264"), rate=25)
            film.width, film.height, film.pix_fmt, film.gop_size = 64, 48, "yuv420p", 12
        if heard is not None:
            sound = target.add_stream("mp2" if style == "mpeg" else "aac", 48_000, layout="mono")
        for packet in _packets(film, seen, sound, heard):
            target.mux(packet)
    return buffer.getvalue()


def _packets(film: Any, seen: Any, sound: Any, heard: Any) -> Iterator[Any]:
    """In the order of their times, as they are in files."""
    pictures = _pictures(film, seen) if seen is not None else ()
    pieces = _pieces(sound, heard) if heard is not None else ()
    for _, packets in merge(pictures, pieces, key=lambda one: one[0]):
        yield packets


def _pictures(film: Any, seen: tuple[float, float]) -> Iterator[tuple[float, Any]]:
    count = round((seen[1] - seen[0]) * 25)
    for number in range(count):
        pixels = np.zeros((48, 64, 3), np.uint8)
        pixels[..., number * 3 // count] = 255
        frame = av.VideoFrame.from_ndarray(pixels, "rgb24")
        frame.pts, frame.time_base = round(seen[0] * 25) + number, Fraction(1, 25)
        yield seen[0] + number / 25, film.encode(frame)
    yield seen[1], film.encode(None)


def _pieces(sound: Any, heard: tuple[float, float]) -> Iterator[tuple[float, Any]]:
    for number in range(round((heard[1] - heard[0]) * 48_000 / 1152)):
        noise = (NOISE[number % 100 :][:1152] * 32767).astype("<i2")
        piece = av.AudioFrame.from_ndarray(noise[None], "s16", "mono")
        piece.sample_rate, piece.time_base = 48_000, Fraction(1, 48_000)
        piece.pts = round(heard[0] * 48_000) + number * 1152
        yield heard[0] + number * 1152 / 48_000, sound.encode(piece)
    yield heard[1], sound.encode(None)


def read(path: Path, data: bytes) -> tuple[Spans, list[str]]:
    """The times of the shots of a film, and what is wrong with it."""
    path.write_bytes(data)
    found = list(VideoReader().read(path, Reading(16)))
    shots = [locators.span(one.locator) for one in found if isinstance(one, Part)]
    return [one for one in shots if one], [one.reason for one in found if isinstance(one, Skipped)]


STARTS = [
    ("matroska", 100), ("matroska", 36_000), ("webm", 0), ("mp4", 100), ("mov", 36_000),
    ("mpegts", 36_000), ("mpegts", 95_442), ("mpeg", 100), ("mpeg", 95_442), ("flv", 100),
]  # fmt: skip


@pytest.mark.parametrize(("style", "start"), STARTS)
def test_a_film_begins_at_0_whatever_its_time_line_says(
    tmp_path: Path, style: str, start: int
) -> None:
    """At 95,443.7 s the clock of MPEG begins anew, within the film here."""
    path = tmp_path / "film.mkv"
    data = film(COLOURS, style="webm", codec="libvpx") if style == "webm" else made(
        style, (start, start + 3)
    )  # fmt: skip
    shots, problems = read(path, data)
    assert not problems
    assert np.allclose(shots, [(0, 1), (1, 2), (2, 3)], atol=0.09)
    for second, colour in enumerate(((255, 0, 0), (0, 255, 0), (0, 0, 255))):
        shown = np.asarray(frame_at(path, second + 0.5, 48))[24, 32]
        assert np.abs(shown.astype(int) - colour).max() < 60, second
    assert np.asarray(frame_at(path, None, 48))[24, 32].argmax() in (0, 1)  # a third into it


@pytest.mark.parametrize(("style", "start"), [("matroska", 100), ("mp4", 100), ("mpegts", 36_000)])
def test_a_clip_is_cut_where_its_film_shows_it(tmp_path: Path, style: str, start: int) -> None:
    (tmp_path / "film.mkv").write_bytes(made(style, (start, start + 9), (start, start + 9)))
    clip = cut_out(tmp_path / "film.mkv", 4.5, 5.5, tmp_path)
    assert clip.name == "film_00-00-04.mp4"
    assert np.asarray(frame_at(clip, 0.2, 48))[24, 32].argmax() == 1


@pytest.mark.parametrize("style", ["matroska", "mp4", "mpegts", "flv"])
@pytest.mark.parametrize(
    ("seen", "heard"),
    [((0, 3), (0, 12)), ((0, 12), (0, 3)), ((10, 13), (10, 22)), ((18, 21), (10, 13))],
    ids=["short film", "short sound", "late file", "late film"],
)
def test_a_stream_may_be_shorter_than_the_other_or_begin_late(
    tmp_path: Path, style: str, seen: tuple[int, int], heard: tuple[int, int]
) -> None:
    shots, problems = read(tmp_path / "film.mkv", made(style, seen, heard))
    assert not problems
    begin = min(seen[0], heard[0])
    assert shots[0][0] == pytest.approx(seen[0] - begin, abs=0.1)
    assert shots[-1][1] == pytest.approx(seen[1] - begin, abs=0.1)
    with listening(tmp_path / "film.mkv") as sound:
        assert sound is not None
        samples = np.concatenate(list(sound.blocks))
    assert len(samples) / RATE == pytest.approx(heard[1] - begin, abs=0.2)
    silent = samples[: int((heard[0] - begin - 0.1) * RATE)] if heard[0] > begin else samples[:0]
    assert not silent.any()


def test_sound_that_begins_late_is_heard_at_its_time(tmp_path: Path) -> None:
    (tmp_path / "film.mkv").write_bytes(made("matroska", (100, 109), (104, 109)))
    with listening(tmp_path / "film.mkv") as sound:
        assert sound is not None
        samples = np.concatenate(list(sound.blocks))
    loud = np.abs(samples) > 0.02
    assert loud.argmax() / RATE == pytest.approx(4, abs=0.1)


@pytest.mark.parametrize("style", ["matroska", "ipod", "mpegts"])
def test_a_recording_whose_time_line_begins_late_is_whole(style: str) -> None:
    with listening(made(style, None, (100, 104))) as sound:
        assert sound is not None
        assert sum(map(len, sound.blocks)) / RATE == pytest.approx(4, abs=0.1)


@pytest.mark.parametrize("start", [0, 100])
@pytest.mark.parametrize("style", ["matroska", "flv"])
def test_a_film_that_is_cut_short_is_told_wherever_its_time_line_begins(
    tmp_path: Path, style: str, start: int
) -> None:
    data = made(style, (start, start + 30), (start, start + 30) if style == "flv" else None)
    _, problems = read(tmp_path / "film.mkv", data[: len(data) // 3])
    assert any("cut short: 00:00:" in one and "of the 00:00:30" in one for one in problems)


def test_a_recording_that_is_cut_short_is_told_wherever_its_time_line_begins(
    tmp_path: Path,
) -> None:
    data = made("matroska", None, (100, 130))
    (tmp_path / "a.m4a").write_bytes(data[: len(data) // 3])
    with pytest.raises(Exception, match=r"cut short: 00:00:.. of the 00:00:30"):
        list(AudioReader().read(tmp_path / "a.m4a", Reading(16, sounds=_through)))


def _through(path: Path) -> Iterator[Any]:
    with listening(path) as sound:
        assert sound is not None
        for _ in sound.blocks:
            yield from ()


class _Pipe(BytesIO):
    """A target in which nothing is written twice, so no header knows how long it became."""

    def seekable(self) -> bool:
        return False


@pytest.mark.parametrize("style", ["matroska", "flv"])
def test_a_film_whose_header_knows_no_duration_is_whole(tmp_path: Path, style: str) -> None:
    pipe, path = _Pipe(), tmp_path / "film.mkv"
    path.write_bytes(made(style, (0, 3)))
    with av.open(str(path)) as source, av.open(pipe, "w", format=style) as target:
        copied = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = copied
                target.mux(packet)
    shots, problems = read(path, pipe.getvalue())
    assert not problems and len(shots) == 3


def test_recordings_that_were_joined_as_files_are_seen_and_heard_to_their_end(
    tmp_path: Path,
) -> None:
    """As cameras part long films; the second one's clock begins anew."""
    parts = [made("mpegts", (start, start + 3), (start, start + 3)) for start in (500, 20)]
    shots, problems = read(tmp_path / "film.mkv", b"".join(parts))
    assert not problems
    assert shots[-1][1] == pytest.approx(6, abs=0.3)
    assert len(shots) == 6
    with listening(tmp_path / "film.mkv") as sound:
        assert sound is not None
        assert sum(map(len, sound.blocks)) / RATE == pytest.approx(6, abs=0.3)


def test_a_film_that_was_trimmed_by_its_edit_list_is_seen_as_far_as_players_show_it(
    tmp_path: Path,
) -> None:
    data = made("mp4", (0, 9))
    entry = data.index(b"elst") + 12
    _, first = struct.unpack(">II", data[entry : entry + 8])
    place = data.index(b"mdhd") + 16
    (rate,) = struct.unpack(">I", data[place : place + 4])
    edit = struct.pack(">II", 4000, first + 4 * rate)  # from 4 s on, 4 s
    shots, problems = read(tmp_path / "film.mp4", data[:entry] + edit + data[entry + 8 :])
    assert not problems
    assert np.allclose(shots, [(0, 2), (2, 4)], atol=0.1)
