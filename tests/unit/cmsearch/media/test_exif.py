"""What a camera noted, read from pictures that Pillow wrote."""

from __future__ import annotations

from datetime import datetime
from io import BytesIO
from typing import Any

import pytest
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import IFDRational

from cmsearch.media.exif import CHANGED, ORIGINAL, completed, shot_of
from cmsearch.media.images import read_picture
from cmsearch.media.sources import gathered
from cmsearch.media.xmp import _SPACES, MAX_PACKET, read_packet
from cmsearch.types import Capture


def capture(
    exif: dict[int, Any], more: dict[int, Any] | None = None, place: dict[int, Any] | None = None
) -> Capture:
    """What is read from a JPEG with these tags, those of the EXIF part, and those of the place."""
    written = Image.Exif()
    written.update(exif)
    written.get_ifd(ExifTags.IFD.Exif).update(more or {})
    written.get_ifd(ExifTags.IFD.GPSInfo).update(place or {})
    buffer = BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG", exif=written)
    buffer.seek(0)
    return read_picture(buffer, 100)[1]


def test_the_time_of_the_shot_counts_before_that_of_the_last_edit() -> None:
    edited = {ExifTags.Base.DateTime: "2024:02:03 04:05:06"}
    original = {ExifTags.Base.DateTimeOriginal: "2023:01:02 03:04:05"}
    assert capture(edited, original).taken == datetime(2023, 1, 2, 3, 4, 5)
    assert capture(edited).taken == datetime(2024, 2, 3, 4, 5, 6)


@pytest.mark.parametrize("written", ["0000:00:00 00:00:00", "yesterday", "    :  :     :  :  ", ""])
def test_a_time_that_is_none_is_passed_over(written: str) -> None:
    assert capture({ExifTags.Base.DateTime: written}).taken is None


@pytest.mark.parametrize(
    ("make", "model", "name"),
    [
        ("Canon", "Canon EOS R5", "Canon EOS R5"),
        ("NIKON CORPORATION", "NIKON D750", "NIKON D750"),
        ("Apple", "iPhone 15", "Apple iPhone 15"),
        ("", "X100", "X100"),
        ("", "", None),
    ],
)
def test_maker_and_model_are_one_name(make: str, model: str, name: str | None) -> None:
    assert capture({ExifTags.Base.Make: make, ExifTags.Base.Model: model}).camera == name


@pytest.mark.parametrize(
    ("north", "east", "place"),
    [
        ("N", "E", (48 + 30 / 60 + 36 / 3600, 2 + 15 / 60)),
        ("S", "W", (-(48 + 30 / 60 + 36 / 3600), -(2 + 15 / 60))),
    ],
)
def test_degrees_are_north_and_east(north: str, east: str, place: tuple[float, float]) -> None:
    tags = {1: north, 2: (48.0, 30.0, 36.0), 3: east, 4: (2.0, 15.0, 0.0)}
    found = capture({}, place=tags)
    assert (found.latitude, found.longitude) == pytest.approx(place)


@pytest.mark.parametrize("latitude", [(95.0, 0.0, 0.0), (48.0,)])
def test_a_place_that_is_none_is_passed_over(latitude: Any) -> None:
    found = capture({}, place={1: "N", 2: latitude, 3: "E", 4: (2.0, 15.0, 0.0)})
    assert (found.latitude, found.longitude) == (None, None)


def test_a_picture_without_notes_says_nothing() -> None:
    assert capture({}) == Capture()


def written(**tags: Any) -> Capture:
    """What is read of EXIF with these tags, by their names; those of the place begin with GPS."""
    named = {name: value for name, value in tags.items() if not name.startswith("GPS")}
    parts: tuple[dict[int, Any], ...] = ({}, {})
    for name, value in named.items():
        parts[name not in ("DateTime", "Make", "Model")][ExifTags.Base[name]] = value
    gps = {ExifTags.GPS[name]: value for name, value in tags.items() if name.startswith("GPS")}
    return capture(*parts, gps)


DAY = datetime(2019, 5, 6, 7, 8, 9)
BLANK = [
    *("    :  :     :  :  ", "0000:00:00 00:00:00", "", " ", "\0" * 19, "unknown", "1:1:1", "2019"),
    *("2019:13:06 07:08:09", "2019:02:30 07:08:09", "2019:00:00 00:00:00", b"\xff\xfe\x01"),
]


@pytest.mark.parametrize("blank", BLANK)
@pytest.mark.parametrize("good", ["DateTimeDigitized", "DateTime"])
def test_a_field_that_says_nothing_hides_no_other(blank: Any, good: str) -> None:
    assert written(**{"DateTimeOriginal": blank, good: "2019:05:06 07:08:09"}).taken == DAY


def test_fields_are_taken_in_order() -> None:
    fields = {
        "DateTimeOriginal": "2019:05:06 07:08:09",
        "DateTimeDigitized": "2018:05:06 07:08:09",
        "DateTime": "2017:05:06 07:08:09",
        "GPSDateStamp": "2016:05:06",
    }
    years = []
    for name in list(fields):
        taken = written(**fields).taken
        years.append(taken and taken.year)
        del fields[name]
    assert years == [2019, 2018, 2017, 2016]


@pytest.mark.parametrize(
    ("date", "time", "taken"),
    [
        ("2019:05:06", (IFDRational(7), IFDRational(8), IFDRational(9)), DAY),
        ("2019:05:06", (IFDRational(0, 0),) * 3, datetime(2019, 5, 6)),
        ("2019-05-06", None, datetime(2019, 5, 6)),
        ("0000:00:00", (7.0, 8.0, 9.0), None),
    ],
)
def test_the_time_of_satellites_is_the_last_resort(date: str, time: Any, taken: Any) -> None:
    tags = {"GPSDateStamp": date} | ({"GPSTimeStamp": time} if time else {})
    assert written(**tags).taken == taken


R, ZERO = IFDRational, IFDRational(0, 0)


@pytest.mark.parametrize(
    ("north", "side", "expected"),
    [
        ((R(38), R(43), R(30)), "N", 38.725),
        ((R(38), R(43), ZERO), "N", 38 + 43 / 60),
        ((R(38), R(435, 10)), "N", 38.725),
        ((R(38725, 1000), ZERO, ZERO), "N", 38.725),
        ((R(38725, 1000), R(0), R(0)), "s", -38.725),
        ((R(38725, 1000),), "S\0", -38.725),
        (R(38725, 1000), b"S", -38.725),
        ((R(38), R(43), R(30)), "", 38.725),
        ((R(38), R(43), R(60)), "N", 38 + 44 / 60),
        ((R(38), ZERO, ZERO), "N", None),
        ((ZERO, ZERO, ZERO), "N", None),
        ((R(38), R(99), R(0)), "N", None),
        ((R(138), R(43), R(0)), "N", None),
        ((R(38), R(43), R(0)), "X", None),
        ((R(38), R(43), R(1, 0)), "N", 38 + 43 / 60),
    ],
)
def test_places_in_the_forms_of_cameras(north: Any, side: Any, expected: float | None) -> None:
    east = {"GPSLongitude": (R(9), R(8), R(0)), "GPSLongitudeRef": "W"}
    found = written(GPSLatitude=north, GPSLatitudeRef=side, **east)
    if expected is None:
        assert (found.latitude, found.longitude) == (None, None)
    else:
        assert (found.latitude, found.longitude) == pytest.approx((expected, -9 - 8 / 60))


def test_no_place_is_at_zero() -> None:
    sides = {"GPSLatitudeRef": "N", "GPSLongitudeRef": "E"}
    nowhere = written(GPSLatitude=(R(0), R(0), R(0)), GPSLongitude=(R(0), R(0), R(0)), **sides)
    assert nowhere == Capture()
    equator = written(GPSLatitude=(R(0), R(0), R(0)), GPSLongitude=(R(9), R(0), R(0)), **sides)
    assert (equator.latitude, equator.longitude) == (0, 9)


# --- beside EXIF ---

XMP = """<?xpacket begin="\ufeff"?><x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description
 xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/"
 xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" {}>{}</rdf:Description></rdf:RDF>
</x:xmpmeta><?xpacket end="w"?>"""


def saved(style: str, **options: Any) -> Capture:
    buffer = BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, style, **options)
    buffer.seek(0)
    return read_picture(buffer, 100)[1]


@pytest.mark.parametrize("style", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize(
    ("attributes", "elements"),
    [
        ('xmp:CreateDate="2019-05-06T07:08:09+02:00"', ""),
        ("", "<exif:DateTimeOriginal>2019-05-06T07:08:09.12</exif:DateTimeOriginal>"),
        ('exif:DateTimeOriginal="" photoshop:DateCreated="2019-05-06T07:08:09Z"', ""),
    ],
)
def test_a_time_in_xmp(style: str, attributes: str, elements: str) -> None:
    packet = XMP.format(attributes, elements).encode()
    options: dict[str, Any] = {"xmp": packet}
    if style == "PNG":
        options = {"pnginfo": PngInfo()}
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", packet.decode())
    if style == "TIFF":
        options = {"tiffinfo": {700: packet}}
    taken = saved(style, **options).taken
    assert taken is not None and taken.replace(microsecond=0) == DAY


@pytest.mark.parametrize(
    ("name", "source"),
    [
        *[(name, "xmp") for name in ORIGINAL],
        *[(name, "changed") for name in CHANGED if ":" in name],
        ("exif:GPSTimeStamp", "gps"),
    ],
)
def test_every_property_of_xmp_with_a_time(name: str, source: str) -> None:
    spaces = {prefix: uri for uri, prefix in _SPACES.items()}
    prefix = name.partition(":")[0]
    attributes = f'xmlns:{prefix}="{spaces[prefix]}" {name}="2019-05-06T07:08:09"'
    if f"xmlns:{prefix}=" in XMP:
        attributes = attributes.partition(" ")[2]
    found = shot_of(gathered(Image.Exif(), {"xmp": XMP.format(attributes, "").encode()}))
    assert (found.taken, found.source) == (DAY, source)


def test_a_time_in_xmp_counts_before_that_of_the_last_edit() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.DateTime] = "2024:02:03 04:05:06"
    packet = XMP.format('exif:DateTimeOriginal="2019-05-06T07:08:09"', "").encode()
    assert saved("JPEG", exif=exif, xmp=packet).taken == DAY


def test_a_place_in_xmp() -> None:
    packet = XMP.format('exif:GPSLatitude="38,43.5N" exif:GPSLongitude="9,8,0W"', "").encode()
    found = saved("JPEG", xmp=packet)
    assert (found.latitude, found.longitude) == pytest.approx((38.725, -9 - 8 / 60))


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"<x",
        b"\xff\xfe<\0",
        b'<!DOCTYPE a [<!ENTITY b "2019-05-06">]>' + XMP.format("", "").encode(),
        b"<?xml version='1.0' encoding='nonsense'?><a/>",
        b"<a>" * 100_000,
        XMP.format('xmp:CreateDate="soon"', "").encode(),
    ],
)
def test_xmp_that_says_nothing(packet: bytes) -> None:
    assert read_packet(packet).first("xmp:CreateDate") in ("", "soon")
    assert saved("JPEG", xmp=packet[:60_000]) == Capture()


def test_xmp_beyond_its_bound_is_not_read() -> None:
    day = 'xmp:CreateDate="2019-05-06"'
    assert read_packet(XMP.format(day, "")).values == {"xmp:CreateDate": ["2019-05-06"]}
    found = read_packet(XMP.format(day, " " * MAX_PACKET))
    assert found.values == {} and "larger than 4 MiB" in found.problem


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("Creation Time", "Mon, 06 May 2019 07:08:09 +0000"),
        ("Creation Time", "2019:05:06 07:08:09"),
        ("exif:DateTimeOriginal", "2019:05:06 07:08:09"),
    ],
)
def test_a_time_in_the_text_of_a_png(key: str, text: str) -> None:
    info = PngInfo()
    info.add_text(key, text)
    assert saved("PNG", pnginfo=info).taken == DAY


def test_the_chunk_of_a_png_with_its_time() -> None:
    info = PngInfo()
    info.add(b"tIME", bytes([2019 >> 8, 2019 & 255, 5, 6, 7, 8, 9]), True)
    assert saved("PNG", pnginfo=info).taken == DAY
    info = PngInfo()
    info.add(b"tIME", bytes(7))
    assert saved("PNG", pnginfo=info).taken is None


def test_a_day_in_the_records_of_iptc() -> None:
    records = b"\x1c\x02\x37\0\x0820190506\x1c\x02\x3c\0\x0b070809+0200"
    info = {"photoshop": {0x0404: records}}
    found = shot_of(gathered(Image.Exif(), info))
    assert (found.taken, found.zone, found.source) == (DAY, "+02:00", "iptc")
    damaged = {"photoshop": {0x0404: b"\x1c\x02\x37"}}
    assert shot_of(gathered(Image.Exif(), damaged)).taken is None


def test_a_day_alone_takes_the_time_of_that_day_from_where_it_stands() -> None:
    records = b"\x1c\x02\x37\0\x0820190506\x1c\x02\x3c\0\x0b070809+0200"
    for days, taken in (("2019-05-06", DAY), ("2019-05-05", datetime(2019, 5, 5))):
        beside = XMP.format(f'photoshop:DateCreated="{days}"', "").encode()
        info = {"photoshop": {0x0404: records}, "xmp": beside}
        assert shot_of(gathered(Image.Exif(), info)).taken == taken
    changed = Image.Exif()
    changed[0x0132] = "2019:05:06 07:08:09"
    beside = XMP.format('photoshop:DateCreated="2019-05-06"', "").encode()
    assert shot_of(gathered(changed, {"xmp": beside})).taken == datetime(2019, 5, 6)


def test_what_one_part_lacks_another_may_have() -> None:
    own, other = Capture(None, "A", 1, 2), Capture(DAY, "B", 3, 4)
    assert completed(own, other) == Capture(DAY, "A", 1, 2)
    assert completed(Capture(), other) == other
