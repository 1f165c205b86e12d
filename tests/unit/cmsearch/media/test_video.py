"""Films: their shots, subtitles and speech in every container; damage and malice are bounded."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cmsearch.errors import MediaError
from cmsearch.media import frames as decoding
from cmsearch.media.video import VideoReader, frame_at
from cmsearch.types import Modality, Part, Reading, Segment, Skipped
from tests import films
from tests.bad_files import zipped

SIZE = 32
WANTED = Reading(SIZE)
CONTAINERS = [
    ("a.mp4", "mp4", "libx264"),
    ("a.m4v", "mp4", "mpeg4"),
    ("a.mov", "mov", "libx264"),
    ("a.mkv", "matroska", "libx264"),
    ("a.webm", "webm", "libvpx-vp9"),
    ("a.avi", "avi", "mpeg4"),
]
COLOURS = ((255, 0, 0), (0, 128, 0), (0, 0, 255))


def read(path: Path, data: bytes, wanted: Reading = WANTED) -> list[Part | Skipped]:
    path.write_bytes(data)
    return list(VideoReader().read(path, wanted))


def parts(path: Path, data: bytes, wanted: Reading = WANTED) -> list[Part]:
    found = read(path, data, wanted)
    assert not [one for one in found if isinstance(one, Skipped)], found
    return [one for one in found if isinstance(one, Part)]


def near(picture: Image.Image, colour: tuple[int, int, int], most: int = 12) -> bool:
    means = np.asarray(picture).reshape(-1, 3).mean(0)
    return bool(np.abs(means - colour).max() <= most)


@pytest.mark.parametrize(("name", "style", "codec"), CONTAINERS, ids=[row[0] for row in CONTAINERS])
def test_every_container_gives_its_shots(tmp_path: Path, name: str, style: str, codec: str) -> None:
    found = parts(tmp_path / name, films.film(style=style, codec=codec))
    assert [(part.modality, part.kind) for part in found] == [(Modality.VIDEO, "shot")] * 3
    spans = [tuple(map(float, part.locator.split("-"))) for part in found]
    assert np.allclose(spans, [(0, 1), (1, 2), (2, 3)], atol=0.1)
    for part, colour in zip(found, COLOURS, strict=True):
        (picture,) = part.content
        assert picture.mode == "RGB" and near(picture, colour)


def test_pictures_are_as_small_as_is_wanted(tmp_path: Path) -> None:
    (shot,) = parts(tmp_path / "a.mp4", films.film(["red"], size=(160, 96)))
    assert [one.size for one in shot.content] == [(round(160 * SIZE / 96), SIZE)]
    (shot,) = parts(tmp_path / "b.mp4", films.film(["red"], size=(32, 16)))
    assert [one.size for one in shot.content] == [(32, 16)]


def quarters() -> Image.Image:
    image = Image.new("RGB", (64, 48), "red")
    image.paste("blue", (32, 0, 64, 48))
    return image


@pytest.mark.parametrize(
    ("rotation", "size", "red_at"),
    [(0, (43, 32), (4, 16)), (90, (32, 43), (16, 38)), (180, (43, 32), (38, 16)),
     (-90, (32, 43), (16, 4))],
)  # fmt: skip
def test_films_are_upright(
    tmp_path: Path, rotation: int, size: tuple[int, int], red_at: tuple[int, int]
) -> None:
    (shot,) = parts(tmp_path / "a.mp4", films.film([quarters()], rotation=rotation))
    (picture,) = shot.content
    assert picture.size == size
    red, _, blue = picture.getpixel(red_at)
    assert red > 200 and blue < 50


def test_frames_may_stand_as_long_as_they_like(tmp_path: Path) -> None:
    data = films.film(["red", "green", "blue"], style="matroska", times=[0, 2, 5])
    found = parts(tmp_path / "a.mkv", data)
    assert [part.locator for part in found] == ["0.000-2.000", "2.000-5.000", "5.000-6.000"]


def test_what_the_camera_noted_is_kept(tmp_path: Path) -> None:
    noted = {
        "com.apple.quicktime.creationdate": "2024-05-31T18:20:00+0200",
        "com.apple.quicktime.make": "Apple",
        "com.apple.quicktime.model": "iPhone 15",
        "com.apple.quicktime.location.ISO6709": "-33.8577+151.2150+035.000/",
    }
    shots = {part.capture for part in parts(tmp_path / "a.mp4", films.film(metadata=noted))}
    (shot,) = shots
    assert shot.taken == datetime(2024, 5, 31, 18, 20)
    assert (shot.camera, shot.latitude, shot.longitude) == ("Apple iPhone 15", -33.8577, 151.215)


@pytest.mark.parametrize(
    "noted",
    [
        {"creation_time": "1904-01-01T00:00:00.000000Z"},
        {"creation_time": "yesterday"},
        {"location": "+98.1+002.2/"},
        {"location": "here"},
    ],
    ids=str,
)
def test_odd_notes_are_passed_over(tmp_path: Path, noted: dict[str, str]) -> None:
    shot = parts(tmp_path / "a.mkv", films.film(["red"], style="matroska", metadata=noted))[
        0
    ].capture
    assert (shot.taken, shot.latitude, shot.longitude) == (None, None, None)


@pytest.mark.parametrize("style", ["mp4", "matroska"])
def test_embedded_subtitles_are_text_with_times(tmp_path: Path, style: str) -> None:
    said = [(0.2, 1.0, "A <i>red</i> house"), (1.0, 1.8, "on green grass."), (2.5, 2.9, "Blue.")]
    data = films.film(style=style, cues=said, sound=True)
    found = parts(tmp_path / "a.mp4", data)[3:]
    assert {(part.modality, part.kind, part.about) for part in found} == {
        (Modality.TEXT, "subtitle", None)
    }
    assert [(part.locator, part.content) for part in found] == [
        ("0.200-2.900", "A red house on green grass. Blue.")
    ]


def test_a_film_may_have_subtitles_alone(tmp_path: Path) -> None:
    (found,) = parts(tmp_path / "a.mkv", films.subtitled([(1, 2.5, "Only words.")]))
    assert (found.kind, found.locator, found.content) == ("subtitle", "1.000-2.500", "Only words.")


def test_what_is_said_comes_with_its_times(tmp_path: Path) -> None:
    def speech(path: Path) -> Iterator[Segment]:
        yield Segment(0.5, 1.25, "Hello.")

    found = parts(tmp_path / "a.mp4", films.film(sound=True), Reading(SIZE, speech))
    assert found[3:] == [
        Part(
            Modality.SPEECH, "transcript", "Hello.", locator="0.500-1.250", capture=found[0].capture
        )
    ]
    (said,) = parts(tmp_path / "b.mp4", films.tone(1), Reading(SIZE, speech))
    assert said.content == "Hello."


def test_a_silent_film_is_not_listened_to(tmp_path: Path) -> None:
    def speech(path: Path) -> Iterator[Segment]:
        raise AssertionError("there is nothing to hear")

    assert len(parts(tmp_path / "a.mp4", films.film(), Reading(SIZE, speech))) == 3


def test_sound_that_is_damaged_leaves_the_shots(tmp_path: Path) -> None:
    def speech(path: Path) -> Iterator[Segment]:
        raise MediaError("damaged (noise)")
        yield

    found = read(tmp_path / "a.mp4", films.film(sound=True), Reading(SIZE, speech))
    assert len(found) == 4
    assert isinstance(found[3], Skipped) and found[3].reason == "damaged (noise)"
    with pytest.raises(MediaError, match="noise"):
        read(tmp_path / "b.mp4", films.tone(1), Reading(SIZE, speech))


@pytest.mark.parametrize(("at", "colour"), [(0.5, 0), (1.5, 1), (2.5, 2), (99.0, 2), (None, 1)])
def test_the_frame_at_a_time_is_what_is_seen_then(
    tmp_path: Path, at: float | None, colour: int
) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(films.film())
    assert near(frame_at(path, at, SIZE), COLOURS[colour]) or at is None
    locator = "" if at is None else f"{at:.3f}-{at:.3f}"
    assert VideoReader().picture(path, SIZE, locator).size == (43, 32)


def test_large_films_are_decoded_in_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "FULL_RATE", 1)
    assert len(parts(tmp_path / "a.mp4", films.film())) == 3
    monkeypatch.setattr(decoding, "KEY_RATE", 1)
    (shot,) = parts(tmp_path / "b.mp4", films.film(["red"], seconds=3))
    assert shot.locator == "0.000-3.000"


def test_a_film_that_goes_on_and_on_is_left_at_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "MAX_DECODED", 64 * 48 * 40)
    found = read(tmp_path / "a.mp4", films.film())
    assert isinstance(found[-1], Skipped) and "is left out" in found[-1].reason
    assert len(found) == 3


def patched(data: bytes, mark: bytes, at: int, new: bytes) -> bytes:
    start = data.index(mark) + at
    return data[:start] + new + data[start + len(new) :]


def wide_vp8() -> bytes:
    """VP8 whose every key frame claims 16383 by 16383 pixels."""
    data, place = films.film(style="webm", codec="libvpx"), 0
    while (place := data.find(b"\x9d\x01\x2a", place)) >= 0:
        data = data[: place + 3] + struct.pack("<HH", 16383, 16383) + data[place + 7 :]
        place += 7
    return data


def ten_hours() -> bytes:
    """Matroska that claims to last ten hours."""
    return patched(
        films.film(style="matroska"), b"\x44\x89\x88", 3, struct.pack(">d", 36_000_000.0)
    )


BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty.mp4": (lambda: b"", "the file is empty"),
    "zeros.mp4": (lambda: bytes(10_000), "not a recording or film"),
    "letter.mp4": (lambda: b"Dear all,\n" * 100, "not a recording or film"),
    "zip.mkv": (zipped, "not a recording or film"),
    "picture.avi": (lambda: b"\xff\xd8\xff" + b"\x5a" * 5000, "not a recording or film"),
    "playlist.mp4": (
        lambda: b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n/etc/hostname\n#EXT-X-ENDLIST\n",
        "not a recording or film",
    ),
    "concat.avi": (lambda: b"ffconcat version 1.0\nfile /etc/hostname\n", "not a recording"),
    "head.mp4": (lambda: films.film()[:100], "cut short"),
    "index_lost.mp4": (lambda: films.film()[:-300], "cut short"),
    "noise.mp4": (lambda: films.film()[:200] + b"\xa5" * 4000, "not a recording or film"),
    "huge.webm": (wide_vp8, "damaged"),
    "cut.mkv": (lambda: films.film(style="matroska")[:1500], "cut short"),
    "ten_hours.mkv": (ten_hours, "00:00:03 of the 10:00:00 that it claims"),
    "no_frames.mkv": (lambda: films.film(style="matroska")[:700], "no frame"),
}
GOOD: dict[str, tuple[Callable[[], bytes], int]] = {
    "wrong.avi": (lambda: films.film(style="matroska"), 3),
    "wrong.mkv": (films.film, 3),
    "one_frame.mp4": (lambda: films.film(["red"], times=[0.0]), 1),
    "black.mp4": (lambda: films.film(["black"]), 0),
    "gap.mkv": (
        lambda: films.film(["red", "green", "green"], style="matroska", times=[0, 36e3, 36e3 + 1]),
        2,
    ),
    "same_times.mkv": (lambda: films.film(["red"] * 4, style="matroska", times=[0, 0, 0, 0]), 1),
    "small.mp4": (lambda: films.film(["red"], size=(16, 2)), 1),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_films_are_reported_and_bounded(tmp_path: Path, name: str) -> None:
    make, reason = BAD[name]
    path, start = tmp_path / name, time.process_time()
    path.write_bytes(make())
    try:
        reasons = [
            one.reason
            for one in VideoReader().read(path, Reading(SIZE))
            if isinstance(one, Skipped)
        ]
    except MediaError as error:
        reasons = [str(error)]
    assert any(reason in one for one in reasons), reasons
    assert str(path) not in " ".join(reasons)
    assert time.process_time() - start < 20


@pytest.mark.parametrize("name", GOOD)
def test_odd_films_are_read(tmp_path: Path, name: str) -> None:
    make, count = GOOD[name]
    assert len(parts(tmp_path / name, make())) == count


def test_sizes_that_are_too_large_are_refused_before_anything_is_decoded() -> None:
    with pytest.raises(MediaError, match="60000 x 60000 pixels are too many for a film"):
        decoding.check_size(60_000, 60_000)
