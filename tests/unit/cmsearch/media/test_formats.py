"""Films, recordings and pictures of each format that cameras, phones and programs write."""

from __future__ import annotations

from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image, features

from cmsearch.common import locators
from cmsearch.errors import MediaError
from cmsearch.media import images
from cmsearch.media.audio import RATE, AudioReader, listening
from cmsearch.media.images import ImageReader
from cmsearch.media.video import VideoReader, frame_at
from cmsearch.types import Part, Reading, Skipped
from tests import sounds
from tests.bad_files import saved
from tests.builders import scene
from tests.sounds import noise

no_video = pytest.mark.skipif(bool(VideoReader().missing), reason="the extra isn't installed")
no_audio = pytest.mark.skipif(bool(AudioReader().missing), reason="the extra isn't installed")

FILMS = {
    ".3gp": ("3gp", "mpeg4", "aac", {}),
    ".3g2": ("3g2", "libx264", "aac", {}),
    ".asf": ("asf", "msmpeg4v3", "wmav2", {}),
    ".avi": ("avi", "mjpeg", "pcm_s16le", {}),
    ".divx": ("avi", "mpeg4", "libmp3lame", {}),
    ".dv": ("dv", "dvvideo", None, {}),
    ".f4v": ("f4v", "libx264", "aac", {}),
    ".flv": ("flv", "flv", "libmp3lame", {}),
    ".m2t": ("mpegts", "mpeg2video", "mp2", {}),
    ".m2ts": ("mpegts", "libx264", "ac3", {"mpegts_m2ts_mode": "1"}),
    ".m2v": ("mpeg2video", "mpeg2video", None, {}),
    ".mov": ("mov", "mjpeg", "pcm_s16le", {}),
    ".mpe": ("mpeg", "mpeg1video", None, {}),
    ".mpeg": ("mpeg", "mpeg2video", "mp2", {}),
    ".mpg": ("mpeg", "mpeg1video", "mp2", {}),
    ".mts": ("mpegts", "libx264", "ac3", {"mpegts_m2ts_mode": "1"}),
    ".ogv": ("ogg", "libvpx", "libopus", {}),
    ".qt": ("mov", "mpeg4", None, {}),
    ".tod": ("mpegts", "mpeg2video", "mp2", {}),
    ".ts": ("mpegts", "libx264", "aac", {}),
    ".vob": ("vob", "mpeg2video", "ac3", {}),
    ".wmv": ("asf", "wmv2", "wmav2", {}),
}
SOUNDS = {
    ".3ga": ("3gp", "libopencore_amrnb", 8000),
    ".ac3": ("ac3", "ac3", 48_000),
    ".aif": ("aiff", "pcm_s16be", 44_100),
    ".aifc": ("aiff", "pcm_s16le", 44_100),
    ".aiff": ("aiff", "pcm_s16be", 16_000),
    ".amr": ("amr", "libopencore_amrnb", 8000),
    ".au": ("au", "pcm_mulaw", 8000),
    ".caf": ("caf", "alac", 44_100),
    ".m4r": ("ipod", "aac", 44_100),
    ".mka": ("matroska", "pcm_s16le", 44_100),
    ".mp2": ("mp2", "mp2", 44_100),
    ".w64": ("w64", "pcm_s16le", 44_100),
    ".weba": ("webm", "libopus", 48_000),
    ".wma": ("asf", "wmav2", 44_100),
    ".wv": ("wv", "wavpack", 44_100),
}
COLOURS = ("red", "blue")
SECONDS = 2.4


def film(style: str, codec: str, sound: str | None, options: dict[str, str]) -> bytes:
    """A film that is red, then blue, for 1.2 seconds each."""
    size = (720, 576) if codec == "dvvideo" else (64, 48)
    buffer = BytesIO()
    with av.open(buffer, "w", format=style, container_options=options) as target:
        video: Any = target.add_stream(codec, rate=25)
        video.width, video.height = size
        video.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        audio = _stream(target, sound, _rate(sound)) if sound else None
        for number in range(round(SECONDS * 25)):
            picture = Image.new("RGB", size, COLOURS[number * 2 // round(SECONDS * 25)])
            frame = av.VideoFrame.from_image(picture)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            target.mux(video.encode(frame))
        target.mux(video.encode(None))
        if sound:
            _add(target, audio, noise(SECONDS))
    return buffer.getvalue()


def _stream(target: Any, codec: str, rate: int) -> Any:
    stream = target.add_stream(codec, rate, layout="mono")
    if codec == "wmav2":
        stream.bit_rate = 64_000
    return stream


def _rate(codec: str) -> int:
    return {"libopus": 48_000, "libopencore_amrnb": 8000}.get(codec, 44_100)


def _add(target: Any, stream: Any, samples: Any) -> None:
    frame: Any = av.AudioFrame.from_ndarray(samples[None], "fltp", "mono")
    frame.sample_rate = sounds.RATE
    size = stream.frame_size or 1024
    resampler = av.AudioResampler(stream.format.name, "mono", stream.rate, frame_size=size)
    for piece in (*resampler.resample(frame), *resampler.resample(None)):
        target.mux(stream.encode(piece))
    target.mux(stream.encode(None))


@no_video
@pytest.mark.parametrize("suffix", FILMS)
def test_a_film_of_each_format_is_seen_and_heard(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(film(*FILMS[suffix]))
    assert suffix in VideoReader.suffixes
    found = list(VideoReader().read(path, Reading(16)))
    assert [one for one in found if isinstance(one, Skipped)] == []
    shots = [locators.span(one.locator) for one in found if isinstance(one, Part)]
    assert np.allclose(shots, [(0, 1.2), (1.2, 2.4)], atol=0.15)
    assert np.asarray(frame_at(path, 0.5, 32))[16, 16].argmax() == 0
    assert np.asarray(frame_at(path, 2.0, 32))[16, 16].argmax() == 2
    if FILMS[suffix][2] is not None:
        with listening(path) as sound:
            assert sound is not None
            assert sum(map(len, sound.blocks)) / RATE == pytest.approx(SECONDS, abs=0.25)


@no_audio
@pytest.mark.parametrize("suffix", SOUNDS)
def test_a_recording_of_each_format_is_heard(tmp_path: Path, suffix: str) -> None:
    container, codec, rate = SOUNDS[suffix]
    path = tmp_path / f"a{suffix}"
    buffer = BytesIO()
    with av.open(buffer, "w", format=container) as target:
        _add(target, _stream(target, codec, rate), noise(3, slope=1))
    path.write_bytes(buffer.getvalue())
    assert suffix in AudioReader.suffixes
    with listening(path) as sound:
        assert sound is not None
        samples = np.concatenate(list(sound.blocks))
    assert len(samples) / RATE == pytest.approx(3, abs=0.25)
    assert 0.03 < np.sqrt(np.mean(samples**2)) < 0.13  # AMR has less of what is no speech


@no_audio
@pytest.mark.parametrize("suffix", [".amr", ".wma", ".aiff", ".caf", ".ac3"])
def test_a_recording_of_no_known_format_is_reported(tmp_path: Path, suffix: str) -> None:
    for number, data in enumerate((b"Dear all,\n" * 500, bytes(5000), b"\xa5" * 5000, b"#!AMR\n")):
        path = tmp_path / f"{number}{suffix}"
        path.write_bytes(data)
        with pytest.raises(MediaError):
            list(AudioReader().read(path, Reading(16, lambda path: _through(path))))


@no_audio
def test_of_several_tracks_the_first_that_can_be_decoded_is_heard() -> None:
    """As phones put sound for their own players before that for all."""
    buffer = BytesIO()
    with av.open(buffer, "w", format="matroska") as target:
        streams = [
            target.add_stream(codec, 16_000, layout="mono") for codec in ("pcm_s16le", "aac")
        ]
        for stream in streams:
            _add(target, stream, noise(2))
    data = buffer.getvalue().replace(b"A_PCM/INT/LIT", b"A_NEW/INT/LIT")
    with listening(data) as sound:
        assert sound is not None
        assert sum(map(len, sound.blocks)) / RATE == pytest.approx(2, abs=0.2)


def _through(path: Path) -> Any:
    with listening(path) as sound:
        assert sound is not None
        for _ in sound.blocks:
            yield from ()


@no_audio
@pytest.mark.parametrize("name", ["a.amr", "a.wma"])
def test_a_recording_that_is_cut_keeps_what_is_there(tmp_path: Path, name: str) -> None:
    """Of an AMR it can't be known: its length is guessed from its size."""
    codec, style, rate = {"a.amr": ("libopencore_amrnb", "amr", 8000),
                          "a.wma": ("wmav2", "asf", 44_100)}[name]  # fmt: skip
    buffer = BytesIO()
    with av.open(buffer, "w", format=style) as target:
        _add(target, _stream(target, codec, rate), noise(20))
    (tmp_path / name).write_bytes(buffer.getvalue()[: len(buffer.getvalue()) // 2])
    with listening(tmp_path / name) as sound:
        assert sound is not None
        seconds = 0.0
        try:
            for block in sound.blocks:
                seconds += len(block) / RATE
        except MediaError as error:
            assert "damaged at 1 place" in str(error) or "of the 00:00:2" in str(error)
    assert seconds == pytest.approx(10, abs=1)


PICTURE = scene(1, (96, 72))
needs_2000 = pytest.mark.skipif(not features.check_codec("jpg_2000"), reason="Pillow has none here")


def picture(path: Path, data: bytes) -> Image.Image:
    path.write_bytes(data)
    (found,) = ImageReader().read(path, Reading(36))
    assert isinstance(found, Part)
    image: Image.Image = found.content
    return image


@needs_2000
@pytest.mark.parametrize("suffix", [".jp2", ".j2k", ".jpx", ".jpf", ".j2c", ".jpc"])
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_jpeg_2000_is_read(tmp_path: Path, suffix: str, mode: str) -> None:
    assert suffix in ImageReader.suffixes
    buffer = BytesIO()
    PICTURE.convert(mode).save(buffer, "JPEG2000", no_jp2=suffix in (".j2k", ".j2c", ".jpc"))
    image = picture(tmp_path / f"a{suffix}", buffer.getvalue())
    assert image.mode == "RGB" and image.size == PICTURE.size
    truth = np.asarray(PICTURE.convert(mode).convert("RGB")).astype(int)
    assert np.abs(np.asarray(image) - truth).mean() < 2


@needs_2000
def test_a_damaged_jpeg_2000_is_reported(tmp_path: Path) -> None:
    whole = saved("JPEG2000")
    for number, data in enumerate((whole[:60], whole[:11], whole[:200])):
        (tmp_path / f"{number}.jp2").write_bytes(data)
        with pytest.raises(MediaError, match="damaged"):
            list(ImageReader().read(tmp_path / f"{number}.jp2", Reading(16)))


@needs_2000
def test_a_jpeg_2000_that_claims_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "MAX_JPEG_2000", 64 * 48 - 1)
    (tmp_path / "a.jp2").write_bytes(saved("JPEG2000"))
    with pytest.raises(MediaError, match="64 x 48 pixels are too many"):
        list(ImageReader().read(tmp_path / "a.jp2", Reading(16)))


def test_of_a_picture_for_two_eyes_the_first_is_read(tmp_path: Path) -> None:
    buffer = BytesIO()
    PICTURE.save(buffer, "MPO", save_all=True, append_images=[Image.new("RGB", (96, 72))])
    image = picture(tmp_path / "a.mpo", buffer.getvalue())
    assert np.abs(np.asarray(image).astype(int) - np.asarray(PICTURE)).mean() < 16


def test_every_end_of_a_name_belongs_to_one_reader() -> None:
    sets = [ImageReader.suffixes, VideoReader.suffixes, AudioReader.suffixes]
    assert len(frozenset().union(*sets)) == sum(map(len, sets))
