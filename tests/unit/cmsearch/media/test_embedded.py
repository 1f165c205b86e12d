"""What stands in pictures where Pillow doesn't look is read from them, and bounded."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from hashlib import md5
from io import BytesIO
from pathlib import Path
from time import process_time

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from cmsearch.media import embedded
from cmsearch.media.embedded import MAX_EXTENSION, gif_packet
from cmsearch.media.images import ImageReader, read_picture
from cmsearch.media.notes import Written, written
from cmsearch.media.xmp import MAX_ELEMENTS, MAX_PACKET, read_packet
from cmsearch.types import Capture, Noted, Notes, Part, Reading, Skipped
from tests.bad_files import DATA
from tests.packets import alt, bag, jpeg, packet, records

DAY = datetime(2019, 5, 6, 7, 8, 9)
NOTED = packet(bag("dc:subject", "Lisbon"), 'exif:DateTimeOriginal="2019-05-06T07:08:09"')
MAGIC = b"\1" + bytes(range(255, -1, -1)) + b"\0"
UUIDS = {"xmp": embedded.XMP_UUID, "exif": b"JpgTiffExif->JP2", "iptc": embedded._IPTC_UUID}
GUID = "xmlns:xmpNote='http://ns.adobe.com/xmp/note/' xmpNote:HasExtendedXMP='{}'"


def read(data: bytes) -> tuple[Capture, Written]:
    """When a picture was taken, and what is written in it."""
    found = read_picture(BytesIO(data), 16)
    return found.capture, written(found.sources)


def gif(data: bytes, at_end: bool, frames: int = 3) -> bytes:
    """An animation with a packet before or behind its pictures."""
    buffer = BytesIO()
    pictures = [Image.new("RGB", (16, 16), colour) for colour in ("red", "green", "blue")]
    pictures[0].save(buffer, "GIF", save_all=True, append_images=pictures[1:frames])
    own = buffer.getvalue()
    place = len(own) - 1 if at_end else 13 + 3 * 2 ** ((own[10] & 7) + 1) * (own[10] >> 7)
    return own[:place] + b"\x21\xff\x0bXMP DataXMP" + data + MAGIC + own[place:]


def boxed(**found: bytes) -> bytes:
    """A JPEG 2000 with boxes behind its pixels."""
    buffer = BytesIO()
    Image.new("RGB", (16, 16), "red").save(buffer, "JPEG2000")
    parts = [UUIDS[name] + data for name, data in found.items()]
    return buffer.getvalue() + b"".join(
        (8 + len(part)).to_bytes(4, "big") + b"uuid" + part for part in parts
    )


def exif_of(day: datetime) -> bytes:
    exif = Image.Exif()
    exif[0x9003] = f"{day:%Y:%m:%d %H:%M:%S}"
    return exif.tobytes()


def segment(name: str, size: int, place: int, data: bytes) -> bytes:
    """A piece of XMP that goes on in further segments of a JPEG."""
    head = b"http://ns.adobe.com/xmp/extension/\0" + name.encode()
    body = head + size.to_bytes(4, "big") + place.to_bytes(4, "big") + data
    return b"\xff\xe1" + (2 + len(body)).to_bytes(2, "big") + body


def extended(more: bytes, *segments: bytes, name: str = "") -> bytes:
    """A JPEG whose packet has these segments beside it, or else one with more of it in two."""
    name = name or md5(more).hexdigest().upper()
    half = len(more) // 2
    own = segments or (
        segment(name, len(more), half, more[half:]), segment(name, len(more), 0, more[:half])
    )  # fmt: skip
    data = jpeg(xmp=packet(bag("dc:subject", "own"), GUID.format(name)))
    return data[:2] + b"".join(own) + data[2:]


@pytest.mark.parametrize("at_end", [False, True])
@pytest.mark.parametrize("frames", [1, 3])
def test_xmp_of_a_gif(at_end: bool, frames: int) -> None:
    capture, found = read(gif(NOTED, at_end, frames))
    assert (capture.taken, capture.source) == (DAY, "xmp")
    assert found.notes.keywords == ("Lisbon",)


def test_xmp_exif_and_records_of_a_jpeg_2000() -> None:
    capture, found = read(boxed(xmp=NOTED))
    assert (capture.taken, capture.source, found.notes.keywords) == (DAY, "xmp", ("Lisbon",))
    capture, _ = read(boxed(exif=exif_of(DAY), xmp=NOTED))
    assert (capture.taken, capture.source) == (DAY, "exif")
    capture, found = read(boxed(iptc=records((25, "Köln"), (55, "20190506"), (60, "070809+0200"))))
    assert (capture.taken, capture.source, capture.zone) == (DAY, "iptc", "+02:00")
    assert found.notes.keywords == ("Köln",)
    for damaged in (boxed(exif=b"II*\0damaged"), boxed(xmp=b"<"), boxed(iptc=b"\x1c\x02")):
        assert read(damaged) == (Capture(), Written())


def test_xmp_of_a_jpeg_that_goes_on_in_further_segments() -> None:
    more = packet(bag("dc:subject", "more") + alt("dc:title", "A title"))
    _, found = read(extended(more))
    assert found.notes.keywords == ("own", "more") and found.texts == (("title", "A title"),)
    assert found.problem == ""


def test_segments_that_are_not_what_the_packet_names_are_not_read() -> None:
    more = packet(bag("dc:subject", "more"))
    name = md5(more).hexdigest().upper()
    part = segment(name, len(more), 0, more[:100])
    for data in (
        extended(more, name="0" * 32),  # of another digest
        extended(more, part),  # the rest is missing
        extended(more, part, segment(name, len(more), 50, more[50:])),  # they overlap
        extended(more, segment(name, len(more), 0, b"")),
    ):
        _, found = read(data)
        assert found.notes.keywords == ("own",)
        assert found.problem.endswith("is damaged, or incomplete, and isn't read")
    _, found = read(extended(more, segment("F" * 32, len(more), 0, more), name="0" * 32))
    assert (found.notes.keywords, found.problem) == (("own",), "")  # another packet's


def bombs() -> Iterator[tuple[str, bytes, str]]:
    """Pictures with XMP that has no end, and what is told of each."""
    name = "A" * 32
    claims = [segment(name, 2**32 - 1, 60_000 * n, b"<a>" * 20_000) for n in range(20)]
    yield "a.jpg", extended(b"", *claims, name=name), "beyond the first segment is larger than 16"
    entities = b'<!DOCTYPE a [<!ENTITY b "dogs">]>' + packet(bag("dc:subject", "&b;"))
    yield "b.jpg", extended(entities), "document type"
    yield "a.gif", gif(packet(" " * 2 * MAX_PACKET), at_end=False), "larger than 4 MiB"
    yield "b.gif", gif(entities, at_end=True), "document type"
    yield "a.jp2", boxed(xmp=packet(" " * MAX_PACKET)), "larger than 4 MiB"
    many = packet(bag("dc:subject", *map(str, range(10_000))))
    yield "b.jp2", boxed(xmp=many), "only the first 1,000"
    yield "c.gif", gif(many, at_end=True), "only the first 1,000"


def test_bombs_are_bounded_and_told(tmp_path: Path) -> None:
    for name, data, reason in bombs():
        (tmp_path / name).write_bytes(data)
        start = process_time()
        found = list(ImageReader().read(tmp_path / name, Reading(8)))
        assert process_time() - start < 20
        told = [one for one in found if isinstance(one, Skipped) and one.locator == "metadata"]
        assert len(told) == 1 and reason in told[0].reason
        assert isinstance(found[0], Part)  # and it is indexed


def test_a_gif_of_a_million_blocks_is_gone_through_quickly() -> None:
    blocks = b"\x21\xfe" + b"\1a" * 1_000_000 + b"\0"
    data = gif(NOTED, at_end=True)
    data = data[:-1].replace(b"\x21\xff\x0bXMP", blocks + b"\x21\xff\x0bXMP", 1) + b";"
    start = process_time()
    assert gif_packet(BytesIO(data)) == NOTED
    assert process_time() - start < 10
    for end in (b"", b"\x21", b"\x21\xfe\xff", b"\x2c", b"\x21\xff\x0bXMP DataXMP"):
        assert gif_packet(BytesIO(data[:800] + end)) == b""


def test_a_packet_of_countless_elements_is_read_up_to_a_bound() -> None:
    data = packet(bag("dc:subject", "dogs") + "<dc:a/>" * (MAX_ELEMENTS + 1))
    assert len(data) < MAX_PACKET < MAX_EXTENSION
    found = read_packet(data)
    assert found.all("dc:subject") == ["dogs"] and f"{MAX_ELEMENTS:,} elements" in found.problem


def test_pictures_of_a_heic_that_follow_each_other_say_when_they_were_made() -> None:
    still = (DATA / "quarters.heic").read_bytes()
    for year, taken in ((2019, True), (1904, False)):
        seconds = int((datetime(year, 5, 6, 7, 8, 9) - datetime(1904, 1, 1)).total_seconds())
        for head in (bytes(4) + seconds.to_bytes(4, "big"), b"\1\0\0\0" + seconds.to_bytes(8)):
            movie = (8 + len(head)).to_bytes(4, "big") + b"mvhd" + head
            capture, _ = read(still + (8 + len(movie)).to_bytes(4, "big") + b"moov" + movie)
            assert (capture.taken is not None) is taken
            assert capture.source == ("changed" if taken else None)


def hexadecimal(data: bytes) -> PngInfo:
    """What ImageMagick makes of a segment of a JPEG."""
    info = PngInfo()
    info.add_text("Raw profile type APP1", f"\ngeneric\n{len(data):8}\n{data.hex()}\n")
    return info


def test_segments_of_a_jpeg_in_a_png() -> None:
    for data, source in ((exif_of(DAY), "exif"), (embedded._XMP_HEAD + NOTED, "xmp")):
        buffer = BytesIO()
        Image.new("RGB", (16, 16)).save(buffer, "PNG", pnginfo=hexadecimal(data))
        capture, _ = read(buffer.getvalue())
        assert (capture.taken, capture.source) == (DAY, source)


def test_a_gif_is_a_photo_and_what_is_noted_of_it(tmp_path: Path) -> None:
    (tmp_path / "a.gif").write_bytes(gif(NOTED, at_end=True, frames=1))
    photo, noted = ImageReader().read(tmp_path / "a.gif", Reading(8))
    assert isinstance(photo, Part) and photo.capture.taken == DAY
    assert noted == Noted(Notes(keywords=("Lisbon",)))


def test_a_png_may_have_a_profile_and_a_text_of_some_megabytes() -> None:
    buffer, info = BytesIO(), PngInfo()
    info.add_text("Description", "A dog " + " " * 2 * 2**20, zip=True)
    Image.new("RGB", (16, 16)).save(buffer, "PNG", pnginfo=info, icc_profile=bytes(2 * 2**20))
    assert read(buffer.getvalue())[1].texts == (("description", "A dog"),)
