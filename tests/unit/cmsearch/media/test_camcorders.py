"""The times that camcorders write into films are found, in what they may be cut into, and nothing
that is none.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from time import process_time

import pytest

from cmsearch.media import moments
from cmsearch.media.camcorders import LOOKED_AT, recorded
from cmsearch.media.moments import Instant
from cmsearch.media.video import VideoReader
from cmsearch.types import Part, Reading
from tests.films import film

DAY = datetime(2008, 12, 31, 23, 16, 24)
UUID = bytes.fromhex("17ee8c60f84d11d98cd60800200c9a66")
ASF = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")


def message(zone: int = 0x02, clock: bytes = b"\x31\x23\x16\x24") -> bytes:
    """What AVCHD has before the first picture."""
    tags = b"\x13\0\0\0\0" + bytes([0x18, zone]) + b"\x20\x08\x12" + b"\x19" + clock
    return b"\0\0\1\x06\x05" + UUID + b"MDPM\3" + tags.replace(b"\0\0\0", b"\0\0\3\0")


def stream(data: bytes, ahead: int = 0, size: int = 60) -> bytes:
    """A transport stream that carries this in small pieces, with packets of others between."""
    found = b""
    for at in range(0, len(data), size):
        piece = data[at : at + size]
        gap = 183 - len(piece)
        packet = b"\x47\x1a\xbc\x30" + bytes([gap]) + b"\xff" * gap + piece
        other = b"\x47\x1f\xff\x10" + b"\xff" * 184
        found += bytes(ahead) + packet + bytes(ahead) + other
    return found


def dv(day: bytes = b"\x62\xff\xd6\xe2\x10", clock: bytes = b"\x63\xff\xa8\xb6\xa1") -> bytes:
    """The beginning of a frame of DV, with packs in the last block but one."""
    blocks = [b"\x1f\x07\0\xbf", b"\x3f\x07\0", b"\x3f\x07\1", b"\x56\x07\0", b"\x57\x07\1"]
    blocks[3] += b"\xff" * 20 + day + clock
    return b"".join(block.ljust(80, b"\xff") for block in [*blocks, b"\x58\x07\2"])


def asf(day: datetime) -> bytes:
    tenths = (day - datetime(1601, 1, 1)) // timedelta(microseconds=1) * 10
    return b"head" + ASF + bytes(8 + 16 + 8) + tenths.to_bytes(8, "little")


def of(kind: str, data: bytes) -> Instant | None:
    return recorded(kind, BytesIO(data))


@pytest.mark.parametrize("ahead", [0, 4])
@pytest.mark.parametrize("size", [7, 60, 180])
def test_the_time_of_avchd(ahead: int, size: int) -> None:
    data = b"\0\0\1\xe0 head of a picture " + message()
    assert of("mpegts", stream(data, ahead, size)) == Instant(DAY, "+01:00")


@pytest.mark.parametrize(
    ("zone", "offset"), [(0x02, "+01:00"), (0x33, "-09:30"), (0, None), (0xFF, None)]
)
def test_offsets_of_avchd(zone: int, offset: str | None) -> None:
    assert of("mpegts", stream(message(zone))) == Instant(DAY, offset)


def test_the_time_of_dv() -> None:
    assert of("dv", b"head" + dv()) == of("avi", dv()) == Instant(datetime(2010, 2, 16, 21, 36, 28))
    assert of("dv", dv(b"\x62\xff\xd6\xe2\x97")) == Instant(datetime(1997, 2, 16, 21, 36, 28))


def test_the_time_of_wmv_is_in_utc() -> None:
    assert of("asf", asf(DAY)) == Instant(moments.here(DAY))


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("mpegts", b""),
        ("mpegts", b"G" * 1000),
        ("mpegts", stream(message(clock=b"\x31\x25\x16\x24"))),  # no such hour
        ("mpegts", stream(message(clock=b"\xff\xff\xff\xff"))),
        ("mpegts", stream(b"\0\0\1\x06\x05" + UUID + b"MDPM")),
        ("mpegts", stream(message()[:-12])),
        ("dv", b"\x1f\x07\0\xbf"),
        ("dv", dv(b"\x62\xff\xff\xff\xff")),
        ("dv", dv(clock=b"\xff\xff\xff\xff\xff")),
        ("asf", ASF),
        ("asf", asf(datetime(1601, 1, 1))),
        ("asf", ASF + b"\xff" * 60),
        ("mp4", asf(DAY) + dv()),
    ],
)
def test_what_is_no_time(kind: str, data: bytes) -> None:
    assert of(kind, data) is None


def test_only_the_beginning_is_looked_at_and_quickly() -> None:
    start = process_time()
    for piece in (b"G" * 188, b"\x47\x1f\xff\x30\xff" + bytes(183), b"\x1f\x07\0\x3f"):
        data = piece * (4 * LOOKED_AT // len(piece)) + dv() + asf(DAY)
        assert [of(kind, data) for kind in ("mpegts", "dv", "asf")] == [None] * 3
    assert process_time() - start < 10


def test_a_film_of_a_camcorder_has_the_day_of_its_first_message(tmp_path: Path) -> None:
    path = tmp_path / "00001.mts"
    path.write_bytes(stream(message()) + film(["red"], style="mpegts"))
    capture = next(
        one.capture for one in VideoReader().read(path, Reading(8)) if isinstance(one, Part)
    )
    assert (capture.taken, capture.zone, capture.source) == (DAY, "+01:00", "container")
