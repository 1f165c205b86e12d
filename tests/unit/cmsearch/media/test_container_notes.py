"""What is written in films and recordings: tags of their containers, and XMP."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from cmsearch.media.audio import AudioReader
from cmsearch.media.boxes import packet_in
from cmsearch.media.video import VideoReader
from cmsearch.media.xmp import MAX_PACKET
from cmsearch.types import Capture, Noted, Notes, Part, Reading
from tests import films
from tests.packets import alt, bag, packet

XMP = packet(bag("dc:subject", "Dogs") + alt("dc:title", "A title"), 'xmp:Rating="4"')
UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")


def box(kind: bytes, content: bytes) -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + kind + content


def recording(path: Path, **tags: str) -> Path:
    with av.open(str(path), "w", options={"movflags": "use_metadata_tags"}) as made:
        stream = made.add_stream("aac", rate=16000)
        assert isinstance(stream, av.AudioStream)
        made.metadata.update(tags)
        silence = np.zeros((1, 16000), np.float32)
        frame = av.AudioFrame.from_ndarray(silence, format="fltp", layout="mono")
        frame.rate = 16000
        for one in (frame, None):
            for each in stream.encode(one):
                made.mux(each)
    return path


def found(reader: Any, path: Path) -> tuple[list[Part], list[Notes]]:
    parts = list(reader.read(path, Reading(8)))
    captions = [one for one in parts if isinstance(one, Part) and one.kind == "caption"]
    return captions, [one.notes for one in parts if isinstance(one, Noted)]


@pytest.mark.parametrize("place", ["uuid", "udta"])
def test_xmp_in_a_film(place: str, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    data = films.film()
    if place == "uuid":
        data += box(b"uuid", UUID + XMP)
    else:  # behind the film, whose own box for it FFmpeg reads first
        data += box(b"moov", box(b"udta", box(b"XMP_", XMP)))
    assert packet_in(BytesIO(data)) == XMP
    if place == "uuid":
        path.write_bytes(data)
        captions, notes = found(VideoReader(), path)
        assert [one.content for one in captions] == ["A title"]
        assert notes == [Notes(("Dogs",), rating=4)]


@pytest.mark.parametrize(
    "data",
    [b"", b"ftyp", box(b"ftyp", b"isom"), box(b"ftyp", b"isom") + b"\0\0\0\0moov" * 3,
     box(b"ftyp", b"") + b"\0\0\0\1uuid" + b"\xff" * 8, box(b"ftyp", b"") + b"\0\0\0\5moov"],
)  # fmt: skip
def test_boxes_that_lead_nowhere(data: bytes) -> None:
    assert packet_in(BytesIO(data)) == b""


def test_a_packet_is_read_up_to_its_bound() -> None:
    data = box(b"ftyp", b"isom") + box(b"uuid", UUID + b" " * (MAX_PACKET + 100))
    assert len(packet_in(BytesIO(data))) == MAX_PACKET + 1


def test_the_keys_of_quicktime(tmp_path: Path) -> None:
    keys = {
        "com.apple.quicktime.title": "A concert", "com.apple.quicktime.keywords": "music, Köln",
        "com.apple.quicktime.description": "In the park", "com.apple.quicktime.author": "Ada",
        "com.apple.quicktime.rating.user": "3.0",
        "com.apple.quicktime.creationdate": "2019-05-06T07:08:09+0900",
        "com.apple.quicktime.location.ISO6709": "+35.6762+139.6503+040/",
        "com.apple.quicktime.location.name": "Tokyo", "com.apple.quicktime.make": "Apple",
    }  # fmt: skip
    path = recording(tmp_path / "a.m4a", **keys)
    captions, notes = found(AudioReader(), path)
    assert {(one.content, one.locator) for one in captions} == {
        ("A concert", "title"), ("In the park", "description")
    }  # fmt: skip
    assert notes == [Notes(("music", "Köln"), (), ("Tokyo",), 3, (), ("Ada",))]
    capture = captions[0].capture
    assert str(capture.taken) == "2019-05-06 07:08:09"
    assert (capture.zone, capture.source, capture.camera) == ("+09:00", "container", "Apple")
    assert capture.latitude == pytest.approx(35.6762)


@pytest.mark.parametrize(
    ("date", "taken", "zone"),
    [
        ("2019-05-06T07:08:09+0200", "2019-05-06 07:08:09", "+02:00"),
        ("2019:05:06 07:08:09", "2019-05-06 07:08:09", None),
        ("20190506", "2019-05-06 00:00:00", None),
        ("2019", "None", None),
        ("1904-01-01T00:00:00Z", "None", None),
        ("yesterday", "None", None),
    ],
)
def test_times_in_the_forms_of_programs(
    date: str, taken: str, zone: str | None, tmp_path: Path
) -> None:
    (captions, _) = found(AudioReader(), recording(tmp_path / "a.m4a", title="A talk", date=date))
    assert (str(captions[0].capture.taken), captions[0].capture.zone) == (taken, zone)


def captured(path: Path, data: bytes) -> Capture:
    path.write_bytes(data)
    return next(one.capture for one in VideoReader().read(path, Reading(8)) if hasattr(one, "kind"))


def test_a_film_may_say_when_it_was_made_in_its_streams_or_its_xmp_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    data = bytearray(films.film(["red"], metadata={"creation_time": "2019-05-06T07:08:09Z"}))
    head = data.index(b"mvhd") + 8
    data[head : head + 8] = bytes(8)
    capture = captured(path, bytes(data))
    assert (capture.source, str(capture.taken)[:4]) == ("container", "2019")
    own = packet("", 'xmp:ModifyDate="2019-05-06T07:08:09"')
    capture = captured(path, films.film(["red"]) + box(b"uuid", UUID + own))
    assert (capture.source, str(capture.taken)) == ("changed", "2019-05-06 07:08:09")
